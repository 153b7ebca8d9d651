//! The pages that commits write while the tree is walked for the archive. A walk takes many locks, one after the other; whatever changes
//! between two of them is here, so walk and tail together hold every page of the root that is sealed in the end.

use std::collections::HashMap;

use oubliette_crypto::PageId;
use oubliette_engine::RawPage;

/// Most pages held: 32 MiB.
const MOST: usize = 1 << 15;

/// Sealed pages by name.
#[derive(Default)]
pub(crate) struct Tail {
    pages: HashMap<PageId, Box<RawPage>>,
    overflowed: bool,
}

impl Tail {
    /// Takes a commit's pages in, and those out that it made superfluous.
    pub(crate) fn note(&mut self, pages: Vec<(PageId, Box<RawPage>)>, dead: &[PageId], whole: bool) {
        dead.iter().for_each(|id| drop(self.pages.remove(id)));
        self.pages.extend(pages);
        if !whole || self.pages.len() > MOST {
            self.overflowed = true;
            self.pages = HashMap::new();
        }
    }

    /// The pages; `None` if there were more than can be held.
    pub(crate) fn whole(self) -> Option<Vec<(PageId, Box<RawPage>)>> {
        (!self.overflowed).then(|| self.pages.into_iter().collect())
    }
}
