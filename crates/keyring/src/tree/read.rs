//! Finding entries and walking the tree.

use super::entry::{decode_leaf, find_in_leaf};
use super::node::{child_of, decode_inner};
use super::{Child, Children, Entry, EntryKey};
use crate::error::{KeyringError, malformed};
use crate::pages::{OpenShared, Pages, role};
use oubliette_crypto::{PageBody, PageKind, PageRef};

/// The entry under `key`.
pub(crate) fn find(pages: &Pages, root: &Children, key: EntryKey) -> Result<Option<Entry>, KeyringError> {
    find_by(&mut |kind, page| pages.read(kind, page), root, key)
}

/// As [`find`], with a way of one's own to open a page.
pub(crate) fn find_by(
    open: &mut OpenShared<'_>,
    root: &Children,
    key: EntryKey,
) -> Result<Option<Entry>, KeyringError> {
    let Some(top) = root.of(&key.0, 0) else { return Ok(None) };
    let mut child = top.duplicate()?;
    for depth in 1.. {
        let kind = child.kind();
        let page = open(kind, &child.page)?;
        if kind == PageKind::Leaf {
            return find_in_leaf(&page, child.population, key).map_err(malformed("leaf"));
        }
        match child_of(&page, &key.0, depth).map_err(malformed("inner"))? {
            Some(below) => child = below,
            None => return Ok(None),
        }
    }
    Ok(None)
}

/// Somebody who walks the tree.
pub(crate) trait Walker {
    /// Whether to pass over a page and all that hangs below it.
    fn skip(&mut self, _page: &PageRef) -> Result<bool, KeyringError> {
        Ok(false)
    }
    /// Opens a page.
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError>;
    /// Meets an entry.
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError>;
    /// Hears of a page that does not open or does not follow its layout: what hangs below is passed over.
    fn lost(&mut self, role: &'static str);
}

/// Leads `walker` through a subtree in order. Any error but a damaged page ends the walk.
pub(crate) fn walk(child: &Child, walker: &mut dyn Walker) -> Result<(), KeyringError> {
    if walker.skip(&child.page)? {
        return Ok(());
    }
    let kind = child.kind();
    let page = match walker.open(kind, &child.page) {
        Ok(page) => page,
        Err(KeyringError::Corrupt { role }) => {
            walker.lost(role);
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    let lost = |walker: &mut dyn Walker| {
        walker.lost(role(kind));
        Ok(())
    };
    if kind == PageKind::Leaf {
        match decode_leaf(&page, child.population) {
            Ok(entries) => entries.into_iter().try_for_each(|entry| walker.entry(entry)),
            Err(_) => lost(walker),
        }
    } else {
        match decode_inner(&page, child.population) {
            Ok(children) => children.0.iter().flatten().try_for_each(|child| walk(child, walker)),
            Err(_) => lost(walker),
        }
    }
}
