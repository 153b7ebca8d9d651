//! Changing the tree: one recursion over sorted changes that rewrites exactly the touched paths.

use oubliette_crypto::{PageId, PageKind, Tag};

use super::entry::{decode_leaf, encode_leaf};
use super::node::{decode_inner, encode_inner, nibble};
use super::{Child, Children, Entry, EntryKey, LEAF_ENTRIES};
use crate::error::{KeyringError, malformed};
use crate::pages::{Pages, Staged};

/// Sets (`Some`) or removes (`None`) the entry under a key.
pub(crate) struct Change {
    pub(crate) key: EntryKey,
    pub(crate) entry: Option<Entry>,
}

impl Change {
    pub(crate) fn set(entry: Entry) -> Self {
        Self { key: entry.key(), entry: Some(entry) }
    }
    pub(crate) fn remove(key: EntryKey) -> Self {
        Self { key, entry: None }
    }
}

/// The root's children after `changes` (sorted here; of two changes under one key the later wins).
pub(crate) fn update(
    pages: &Pages,
    staged: &mut Staged,
    root: &Children,
    mut changes: Vec<Change>,
) -> Result<Children, KeyringError> {
    changes.reverse();
    changes.sort_by_key(|change| change.key);
    changes.dedup_by_key(|change| change.key);
    let mut groups = group(changes, 0, |change| &change.key.0).into_iter();
    update_in_parts(pages, staged, root, &mut |_, _| Ok(groups.next().unwrap_or_default()))
}

/// Answers the changes below one of the root's children, given its number.
pub(crate) type ChangesBelow<'a> = dyn FnMut(&mut Staged, usize) -> Result<Vec<Change>, KeyringError> + 'a;

/// As [`update`], asking for one part of the changes after the other: those below each of the root's sixteen children, by number. What
/// they lead to may be staged on that occasion. No two changes may have one key.
pub(crate) fn update_in_parts(
    pages: &Pages,
    staged: &mut Staged,
    root: &Children,
    part: &mut ChangesBelow<'_>,
) -> Result<Children, KeyringError> {
    let mut tree = Update { pages, staged };
    let mut children = Children::default();
    for (n, (slot, old)) in children.0.iter_mut().zip(&root.0).enumerate() {
        let changes = part(tree.staged, n)?;
        let below = tree.change(old.as_ref(), 1, changes)?;
        *slot = tree.write(below)?;
    }
    Ok(children)
}

/// A subtree on its way to being written.
pub(super) enum Subtree {
    Empty,
    /// Unchanged: keeps page and key.
    Kept(Child),
    Leaf(Vec<Entry>),
    /// More than 14 entries.
    Inner(Vec<Subtree>),
}

impl Subtree {
    /// The page of a subtree that stays as it is.
    pub(super) fn kept(&self) -> Option<PageId> {
        match self {
            Self::Kept(child) => Some(child.page.id),
            _ => None,
        }
    }

    fn population(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Kept(child) => child.population.into(),
            Self::Leaf(entries) => entries.len() as u64,
            Self::Inner(below) => below.iter().map(Self::population).sum(),
        }
    }
}

pub(super) struct Update<'a> {
    pub(super) pages: &'a Pages,
    pub(super) staged: &'a mut Staged,
}

impl Update<'_> {
    fn change(
        &mut self,
        child: Option<&Child>,
        depth: usize,
        changes: Vec<Change>,
    ) -> Result<Subtree, KeyringError> {
        let Some(child) = child else { return Ok(arrange(merge(Vec::new(), changes), depth)) };
        if changes.is_empty() {
            return Ok(Subtree::Kept(child.duplicate()?));
        }
        if child.kind() == PageKind::Leaf {
            return Ok(arrange(merge(self.take_leaf(child)?, changes), depth));
        }
        let page = self.pages.read(PageKind::Inner, &child.page)?;
        let children = decode_inner(&page, child.population).map_err(malformed("inner"))?;
        self.staged.dead.push(child.page.id);
        let mut below = Vec::with_capacity(16);
        for (old, group) in children.0.iter().zip(group(changes, depth, |change| &change.key.0)) {
            let changed = self.change(old.as_ref(), depth + 1, group)?;
            below.push(self.settle(changed)?);
        }
        self.gather(below, depth)
    }

    /// Writes a subtree that will be a page of its own whatever stands beside it, so that a large change is never held as a whole.
    fn settle(&mut self, subtree: Subtree) -> Result<Subtree, KeyringError> {
        match subtree {
            Subtree::Inner(_) => Ok(self.write(subtree)?.map_or(Subtree::Empty, Subtree::Kept)),
            small => Ok(small),
        }
    }

    /// An inner page over `below`, or one leaf if so little is left.
    pub(super) fn gather(&mut self, below: Vec<Subtree>, depth: usize) -> Result<Subtree, KeyringError> {
        if below.iter().map(Subtree::population).sum::<u64>() > u64::from(LEAF_ENTRIES) {
            return Ok(Subtree::Inner(below));
        }
        let mut entries = Vec::new();
        for subtree in below {
            match subtree {
                Subtree::Empty | Subtree::Inner(_) => {}
                Subtree::Kept(child) => entries.extend(self.take_leaf(&child)?),
                Subtree::Leaf(leaf) => entries.extend(leaf),
            }
        }
        Ok(arrange(entries, depth))
    }

    /// The entries of a leaf that will not be there any more.
    fn take_leaf(&mut self, leaf: &Child) -> Result<Vec<Entry>, KeyringError> {
        let page = self.pages.read(PageKind::Leaf, &leaf.page)?;
        self.staged.dead.push(leaf.page.id);
        decode_leaf(&page, leaf.population).map_err(malformed("leaf"))
    }

    pub(super) fn write(&mut self, subtree: Subtree) -> Result<Option<Child>, KeyringError> {
        let population = subtree.population();
        let too_large = |got| KeyringError::TooLarge { what: "a subtree", got, allowed: u32::MAX as usize };
        let population = u32::try_from(population).map_err(|_| too_large(usize::MAX))?;
        let (kind, body) = match subtree {
            Subtree::Empty => return Ok(None),
            Subtree::Kept(child) => return Ok(Some(child)),
            Subtree::Leaf(entries) => (PageKind::Leaf, encode_leaf(&entries).map_err(malformed("leaf"))?),
            Subtree::Inner(below) => {
                let mut children = Children::default();
                for (slot, subtree) in children.0.iter_mut().zip(below) {
                    *slot = self.write(subtree)?;
                }
                (PageKind::Inner, encode_inner(&children).map_err(malformed("inner"))?)
            }
        };
        let page = self.staged.write(&self.pages.vault, kind, body)?;
        self.staged.let_out(self.pages.store.as_ref())?;
        Ok(Some(Child { page, population }))
    }
}

/// The canonical form of a set of sorted entries: this alone decides the shape of the tree.
fn arrange(entries: Vec<Entry>, depth: usize) -> Subtree {
    match entries.len() {
        0 => Subtree::Empty,
        n if n as u64 <= u64::from(LEAF_ENTRIES) => Subtree::Leaf(entries),
        _ => {
            let groups = group(entries, depth, tag_of);
            Subtree::Inner(groups.into_iter().map(|group| arrange(group, depth + 1)).collect())
        }
    }
}

fn tag_of(entry: &Entry) -> &Tag {
    match entry {
        Entry::Person { tag, .. } | Entry::Handle { tag, .. } => tag,
        Entry::Fence(fence) => &fence.tag,
    }
}

/// Sixteen groups by the tag's bits at `depth`, each in the order given.
fn group<T>(items: Vec<T>, depth: usize, tag: impl Fn(&T) -> &Tag) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = (0..16).map(|_| Vec::new()).collect();
    for item in items {
        let at = nibble(tag(&item), depth);
        if let Some(group) = groups.get_mut(at) {
            group.push(item);
        }
    }
    groups
}

/// Old entries with the changes applied; both sorted by key.
fn merge(old: Vec<Entry>, changes: Vec<Change>) -> Vec<Entry> {
    let mut merged: Vec<Entry> =
        old.into_iter().filter(|entry| changes.iter().all(|change| change.key != entry.key())).collect();
    merged.extend(changes.into_iter().filter_map(|change| change.entry));
    merged.sort_by_key(Entry::key);
    merged
}
