//! Pages in memory, sealed for real, and a look at everything a cover retains.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::cover::node::Node;
use crate::cover::read::open;
use crate::cover::{Cover, PackedCover};
use crate::{
    Branch, Class, CryptoError, Leaf, PAGE_SIZE, PageBody, PageHeader, PageId, PageKind, PageRef, Path,
    TreeSeed, VaultId, open_page, seal_fresh_page,
};

pub(super) const VAULT: VaultId = VaultId([4; 16]);

pub(super) fn root_seed() -> TreeSeed {
    TreeSeed::from_slice(&[42; 32]).unwrap()
}

pub(super) fn item(compartment: u32, seq: u64) -> Leaf {
    Leaf { class: Class::Chat, compartment, branch: Branch::Items, seq }
}

/// A page store that counts, and removes dead pages.
#[derive(Default)]
pub(super) struct Disk {
    pages: RefCell<HashMap<PageId, Box<[u8; PAGE_SIZE]>>>,
    pub(super) writes: RefCell<usize>,
    pub(super) loads: RefCell<usize>,
}

impl Disk {
    pub(super) fn load(&self) -> impl FnMut(&PageRef) -> Result<PageBody, CryptoError> + '_ {
        |page| {
            *self.loads.borrow_mut() += 1;
            let pages = self.pages.borrow();
            let raw = pages.get(&page.id).expect("only live pages are loaded");
            open_page(&page.key, &PageHeader { kind: PageKind::Cover, id: page.id, vault: VAULT }, raw)
        }
    }

    /// Cuts, without packing.
    pub(super) fn cut(&self, cover: &mut Cover, paths: &[Path], dead: &mut Vec<PageId>) -> bool {
        cover.cut::<CryptoError>(paths, &mut self.load(), dead).unwrap()
    }

    /// Packs, removes what died, and checks that what is left is exactly the cover's pages.
    pub(super) fn pack(&self, cover: &mut Cover, mut dead: Vec<PageId>) -> PackedCover {
        let packed = cover
            .pack::<CryptoError>(
                &mut self.load(),
                &mut |body| {
                    *self.writes.borrow_mut() += 1;
                    let (page, raw) = seal_fresh_page(PageKind::Cover, &VAULT, body.expose())?;
                    self.pages.borrow_mut().insert(page.id, raw);
                    Ok(page)
                },
                &mut dead,
            )
            .unwrap();
        for id in dead {
            assert!(self.pages.borrow_mut().remove(&id).is_some(), "a page died twice");
        }
        packed
    }

    /// True if the pages stored are exactly those of `cover`.
    pub(super) fn holds_exactly(&self, cover: &Cover) -> bool {
        let mut ids = Vec::new();
        cover.page_ids::<CryptoError>(&mut self.load(), &mut ids).unwrap();
        let (count, ids) = (ids.len(), ids.into_iter().collect::<BTreeSet<_>>());
        count == ids.len() && ids == self.pages.borrow().keys().copied().collect()
    }

    pub(super) fn dump(&self, cover: &Cover) -> Dump {
        let mut dump = Dump::default();
        self.walk(&cover.root, Path::top(), &mut dump);
        dump
    }

    fn walk(&self, node: &Node, at: Path, dump: &mut Dump) {
        match node {
            Node::Cut => drop(dump.cuts.insert(at)),
            Node::Seed(seed) => drop(dump.seeds.insert(at, *seed.expose())),
            Node::Inner(children) => {
                self.walk(&children[0], at.push(false).unwrap(), dump);
                self.walk(&children[1], at.push(true).unwrap(), dump);
            }
            Node::Page { page, bits } => {
                dump.pages.insert(at, (*bits, page.id));
                let inline = open::<CryptoError>(page, *bits, at.len(), &mut self.load()).unwrap();
                self.walk(&inline, at, dump);
            }
        }
    }
}

/// All that a cover retains, by place.
#[derive(Default, PartialEq, Debug)]
pub(super) struct Dump {
    pub(super) seeds: BTreeMap<Path, [u8; 32]>,
    pub(super) cuts: BTreeSet<Path>,
    pub(super) pages: BTreeMap<Path, (u16, PageId)>,
}

impl Dump {
    /// Places and sizes of the pages, without their random names.
    pub(super) fn partition(&self) -> Vec<(Path, u16)> {
        self.pages.iter().map(|(at, (bits, _))| (*at, *bits)).collect()
    }
}
