//! Taking out of the tree what is lost in every copy: people whose state does not open, and, of others, what stands on lost pages of
//! their cover; and mending the entries of handles.

use std::collections::HashSet;

use oubliette_crypto::{Handle, PageBody, PageKind, PageRef, Path, Tag};

use super::Outcome;
use super::commit::Publish;
use super::prepare::Plan;
use crate::core::{Core, Found, Root};
use crate::error::KeyringError;
use crate::person::{State, load_cover};
use crate::sweep_entry::SweepEntry;
use crate::tree::{self, Change, Entry, EntryKey, EntryKind, Walker, walk};

impl Plan<'_> {
    /// Runs after the tree was pruned. Somebody whose erasure had begun is erased, with a fence; the others are gone as if they had never
    /// been. A handle entry that was lost is made again from the state; one that leads to nobody goes.
    pub(super) fn give_up(&mut self) -> Result<Outcome, KeyringError> {
        let mut people = People {
            core: self.core,
            root: self.root,
            lost: Vec::new(),
            torn: Vec::new(),
            handles: Vec::new(),
        };
        each_entry(self.root, &mut people)?;
        let People { mut lost, torn, handles, .. } = people;
        for person in torn {
            lost.extend(self.cut_lost_cover(person)?);
        }
        let gone: HashSet<Tag> = lost.iter().map(|lost| lost.tag).collect();
        let mut leads = Handles { core: self.core, root: self.root, gone: &gone, nowhere: Vec::new() };
        each_entry(self.root, &mut leads)?;
        let nowhere = leads.nowhere;
        self.work.stop_lost = true;
        self.work.blind = true;
        self.work.deletion |= !lost.is_empty() || !nowhere.is_empty();
        self.work.removed =
            self.work.removed.saturating_add(u32::try_from(nowhere.len()).unwrap_or(u32::MAX));
        for Lost { tag, state, blocked, handle } in &lost {
            if *blocked {
                self.erase_lost(*tag, state)?;
                continue;
            }
            tracing::error!("a person whose state is lost is given up");
            self.work.changes.push(Change::remove((*tag, EntryKind::Person)));
            self.work.staged.dead.push(state.id);
            let (now, generation) = (self.moment.now, self.moment.generation);
            self.work.sweep.extend(handle.map(|handle| SweepEntry::given_up(handle, now, generation)));
            self.work.persons -= 1;
            self.work.removed = self.work.removed.saturating_add(1);
        }
        self.work.changes.extend(nowhere.into_iter().map(Change::remove));
        self.work.changes.extend(handles.into_iter().map(Change::set));
        Ok(Outcome::Count(lost.len() as u64))
    }

    /// Cuts what stood on lost pages of somebody's cover; answers them back if that is everything.
    fn cut_lost_cover(&mut self, person: Lost) -> Result<Option<Lost>, KeyringError> {
        let pages = &self.core.pages;
        let load = &mut |page: &PageRef| load_cover(pages, page);
        let lost = |error: &KeyringError| matches!(error, KeyringError::Corrupt { .. });
        let mut state = State::read(pages, &person.state)?;
        let mut dead = Vec::new();
        state.cover.cut_lost(load, &lost, &mut dead)?;
        if state.cover.is_cut(&Path::top(), load)? {
            return Ok(Some(person));
        }
        tracing::error!("what stands on lost pages of a person's cover is given up");
        let next = state.write(pages, &mut self.work.staged)?;
        self.work.staged.dead.extend(dead);
        self.work.staged.dead.push(person.state.id);
        let Lost { tag, blocked, .. } = person;
        let waits = state.restrictions.waits();
        self.work.changes.push(Change::set(Entry::Person { tag, state: next, blocked, waits }));
        self.work.publish.push(Publish::Drop { tag });
        self.work.deletion = true;
        Ok(None)
    }
}

fn each_entry(root: &Root, walker: &mut dyn Walker) -> Result<(), KeyringError> {
    root.node.children.0.iter().flatten().try_for_each(|child| walk(child, walker))
}

struct Lost {
    tag: Tag,
    state: PageRef,
    blocked: bool,
    /// If the state page itself still opens.
    handle: Option<Handle>,
}

/// Looks at every person.
struct People<'a> {
    core: &'a Core,
    root: &'a Root,
    lost: Vec<Lost>,
    /// Those whose cover lacks pages.
    torn: Vec<Lost>,
    /// Handle entries that are missing.
    handles: Vec<Entry>,
}

impl Walker for People<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.core.pages.read_stored(kind, page)
    }

    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        let Entry::Person { tag, state: page, blocked, .. } = entry else { return Ok(()) };
        let open = &mut |kind, page: &PageRef| self.core.pages.read_stored(kind, page);
        let state = match State::read_by(open, &page) {
            Err(KeyringError::Corrupt { .. }) => {
                let handle = match State::read_identity(open, &page) {
                    Err(KeyringError::Corrupt { .. }) => None,
                    identity => Some(identity?.handle),
                };
                self.lost.push(Lost { tag, state: page, blocked, handle });
                return Ok(());
            }
            read => read?,
        };
        match state.page_ids(open) {
            Err(KeyringError::Corrupt { .. }) => {
                self.torn.push(Lost { tag, state: page, blocked, handle: Some(state.identity.handle) });
            }
            ids => drop(ids?),
        }
        let handle = self.core.handle_tag(&state.identity.handle);
        let found = tree::find(&self.core.pages, &self.root.node.children, (handle, EntryKind::Handle))?;
        if !matches!(found, Some(Entry::Handle { person, .. }) if person == tag) {
            self.handles.push(Entry::Handle { tag: handle, person: tag });
        }
        Ok(())
    }

    fn lost(&mut self, role: &'static str) {
        tracing::warn!(
            role,
            "a page of the key tree was lost while lost ones were taken out; run fsck again"
        );
    }
}

/// Looks for handle entries that lead to nobody.
struct Handles<'a> {
    core: &'a Core,
    root: &'a Root,
    gone: &'a HashSet<Tag>,
    nowhere: Vec<EntryKey>,
}

impl Walker for Handles<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.core.pages.read_stored(kind, page)
    }

    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        if let Entry::Handle { tag, person } = entry
            && (self.gone.contains(&person)
                || !matches!(self.core.find(self.root, person)?, Found::Person { .. }))
        {
            self.nowhere.push((tag, EntryKind::Handle));
        }
        Ok(())
    }

    fn lost(&mut self, _told_already: &'static str) {}
}
