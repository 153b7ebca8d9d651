//! The cover: what of a person's tree has not been forgotten (docs/formats.md, section 3).
//!
//! A cover is the tree with the cuts taken out, kept as a trie of fragments in pages. Cutting keeps the seeds beside the way
//! down and drops those on it, so that nothing that remains leads to what was cut. The shape, pages included, follows from
//! the set of cuts alone; the order in which they came cannot be told from it.
//!
//! A cover that was loaded before a cut still holds the old seeds: whoever caches one must drop it when the cut commits.
//!
//! ```
//! # use oubliette_crypto::{*, Branch::Items, Class::Chat};
//! # fn main() -> Result<(), CryptoError> {
//! # let vault = VaultId::random()?;
//! # let store = std::cell::RefCell::new(std::collections::HashMap::new());
//! let load = &mut |page: &PageRef| {
//!     let place = PageHeader { kind: PageKind::Cover, id: page.id, vault };
//!     open_page(&page.key, &place, store.borrow().get(&page.id).ok_or(CryptoError::Unopenable)?)
//! };
//! let write = &mut |body: &PageBody| {
//!     let (page, raw) = seal_fresh_page(PageKind::Cover, &vault, body.expose())?;
//!     store.borrow_mut().insert(page.id, *raw);
//!     Ok::<_, CryptoError>(page)
//! };
//! let message = Leaf { class: Chat, compartment: 1, branch: Items, seq: 12 };
//! let mut cover = Cover::fresh(TreeSeed::generate()?);
//! assert!(cover.derive(&message, load)?.is_some());
//!
//! let mut dead = Vec::new();
//! cover.cut(&[Path::leaf(&message)?], load, &mut dead)?;
//! cover.cut(&items_through(Chat, 1, 5)?, load, &mut dead)?;
//! let packed = cover.pack(load, write, &mut dead)?; // goes into the new state page; `dead` pages go with the commit
//!
//! let cover = Cover::decode(packed.form(), packed.expose())?;
//! assert!(cover.derive(&message, load)?.is_none());
//! assert!(cover.derive(&Leaf { seq: 11, ..message }, load)?.is_some());
//! assert_eq!(cover.highest_cut(&Path::branch(Chat, 1, Items)?, load)?, HighestCut::Some(12));
//! # Ok(())
//! # }
//! ```

mod cut;
mod fragment;
mod node;
mod pack;
mod read;
mod secrets;
mod warm;

pub use fragment::FragmentError;
pub use read::HighestCut;

use std::fmt;

use zeroize::Zeroizing;

use crate::{CryptoError, Leaf, ObjectKey, PageBody, PageId, PageRef, Path, TreeSeed};
use node::Node;
use warm::Warm;

/// Opens a cover page and answers its plaintext.
pub type Load<'a, E> = dyn FnMut(&PageRef) -> Result<PageBody, E> + 'a;
/// Seals a cover page under a fresh name and key.
pub type Write<'a, E> = dyn FnMut(&PageBody) -> Result<PageRef, E> + 'a;

/// What of a person's tree has not been forgotten.
pub struct Cover {
    root: Node,
    warm: Warm,
}

impl Cover {
    /// A tree in which nothing is cut.
    pub fn fresh(seed: TreeSeed) -> Self {
        Self { root: Node::Seed(seed), warm: Warm::default() }
    }

    /// Reads what [`Cover::pack`] answered.
    pub fn decode(form: CoverForm, bytes: &[u8]) -> Result<Self, CryptoError> {
        let root = match form {
            CoverForm::Inline => fragment::decode_inline(bytes)?,
            CoverForm::Page => fragment::decode_root_page(bytes)?,
        };
        Ok(Self { root, warm: Warm::default() })
    }

    /// The key of a leaf; `None` if the leaf was cut.
    pub fn derive<E: From<CryptoError>>(
        &self,
        leaf: &Leaf,
        load: &mut Load<'_, E>,
    ) -> Result<Option<ObjectKey>, E> {
        let path = Path::leaf(leaf)?;
        let warm = Warm::serves(leaf).then_some(&self.warm);
        match warm.and_then(|warm| warm.derive(&path)) {
            Some(key) => Ok(Some(key)),
            None => read::derive(&self.root, &path, 0, load, warm),
        }
    }

    /// True if everything at and below `path` is cut.
    pub fn is_cut<E: From<CryptoError>>(&self, path: &Path, load: &mut Load<'_, E>) -> Result<bool, E> {
        read::is_cut(&self.root, path, 0, load)
    }

    /// The highest number whose whole subtree below `base` is cut. `base` is a class (numbers are compartments) or a branch
    /// (numbers are seqs).
    pub fn highest_cut<E: From<CryptoError>>(
        &self,
        base: &Path,
        load: &mut Load<'_, E>,
    ) -> Result<HighestCut, E> {
        read::highest_cut(&self.root, base, 0, load)
    }

    /// Cuts everything at and below each of `paths`; true if some of it was not cut before. Ids of pages that no longer
    /// belong to the cover are added to `dead`; they are dead once the new cover is committed. A page below a path that `load`
    /// cannot open is no error: what hangs below it is cut, too, but missing from `dead`. After an error the cover is half changed and must
    /// be dropped.
    pub fn cut<E: From<CryptoError>>(
        &mut self,
        paths: &[Path],
        load: &mut Load<'_, E>,
        dead: &mut Vec<PageId>,
    ) -> Result<bool, E> {
        self.warm.clear();
        let mut changed = false;
        for path in paths {
            changed |= cut::cut(&mut self.root, path, 0, load, dead)?;
        }
        Ok(changed)
    }

    /// Cuts everything that stands on pages which cannot be opened, where `lost` says that such an error means so; any other error
    /// ends it. True if there was any. As with [`Cover::cut`], ids of pages that no longer belong to the cover are added to `dead`.
    pub fn cut_lost<E: From<CryptoError>>(
        &mut self,
        load: &mut Load<'_, E>,
        lost: &dyn Fn(&E) -> bool,
        dead: &mut Vec<PageId>,
    ) -> Result<bool, E> {
        cut::cut_lost(&mut self.root, 0, load, lost, dead)
    }

    /// Divides the cover into pages and writes those that changed; answers what the state page keeps. Pages of untouched
    /// subtrees stay as they are. After an error the cover must be dropped.
    pub fn pack<E: From<CryptoError>>(
        &mut self,
        load: &mut Load<'_, E>,
        write: &mut Write<'_, E>,
        dead: &mut Vec<PageId>,
    ) -> Result<PackedCover, E> {
        pack::pack(&mut self.root, &mut pack::Pages { load, write, dead })
    }

    /// Adds the ids of all pages of this cover to `ids`: they die with the person.
    pub fn page_ids<E: From<CryptoError>>(
        &self,
        load: &mut Load<'_, E>,
        ids: &mut Vec<PageId>,
    ) -> Result<(), E> {
        cut::collect_pages(&self.root, 0, load, ids)
    }
}

impl fmt::Debug for Cover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cover(..)")
    }
}

/// How a state page holds the cover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum CoverForm {
    /// The root fragment itself.
    Inline = 0,
    /// A reference to the page of the root fragment.
    Page = 1,
}

impl TryFrom<u8> for CoverForm {
    type Error = CryptoError;

    fn try_from(byte: u8) -> Result<Self, CryptoError> {
        match byte {
            0 => Ok(Self::Inline),
            1 => Ok(Self::Page),
            _ => Err(CryptoError::OutOfRange { what: "cover form", got: byte.into(), allowed: "0 or 1" }),
        }
    }
}

/// What a state page keeps of a cover: keys.
pub struct PackedCover {
    form: CoverForm,
    bytes: Zeroizing<Vec<u8>>,
}

impl PackedCover {
    /// Which form the bytes have.
    pub fn form(&self) -> CoverForm {
        self.form
    }
    /// The bytes; keys among them.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for PackedCover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PackedCover(..)")
    }
}

#[cfg(test)]
mod tests;
