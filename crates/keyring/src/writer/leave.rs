//! Blocking and erasing people. Here, where both are judged and written in one commit, it is seen to that nobody is blocked whose deletion was
//! taken back or whom a legal hold keeps, and that nobody is erased whom the law still wants kept.

use std::time::Duration;

use oubliette_crypto::{Handle, PageBody, PageId, PageKind, PageRef, Tag};

use super::commit::Publish;
use super::prepare::Plan;
use super::{Blocking, Erased, Leaving, Outcome};
use crate::core::{Core, Found, Root};
use crate::error::KeyringError;
use crate::person::{DeletionRequest, Restrictions, State};
use crate::records::{Fence, PlacedFence};
use crate::sweep_entry::SweepEntry;
use crate::tree::{self, Change, Entry, EntryKind, Walker, walk};

/// Stands in the fence of a person whose state page was lost: handle 0 belongs to nobody.
const UNKNOWN_HANDLE: Handle = Handle([0; 16]);

/// What is left of somebody's state; `None` for what damage hides.
#[derive(Default)]
struct Remains {
    handle: Option<Handle>,
    restrictions: Option<Restrictions>,
    /// Pages behind the state page.
    ids: Option<Vec<PageId>>,
}

impl Plan<'_> {
    pub(super) fn block(&mut self, people: Vec<Leaving>) -> Result<Outcome, KeyringError> {
        let mut found = Vec::with_capacity(people.len());
        for leaving in people {
            found.push(match self.core.find(self.root, leaving.tag)? {
                Found::Nobody => Blocking::Nobody,
                Found::Fence(fence) => Blocking::Fenced(fence),
                Found::Person { blocked: true, .. } => Blocking::Blocked,
                Found::Person { state, waits, .. } => self.block_one(leaving, state, waits)?,
            });
        }
        Ok(Outcome::Blocked(found))
    }

    fn block_one(&mut self, leaving: Leaving, page: PageRef, waits: bool) -> Result<Blocking, KeyringError> {
        let Leaving { tag, request, kept_until, at_once } = leaving;
        let mut state = match State::read(&self.core.pages, &page) {
            Ok(state) => state,
            Err(KeyringError::Corrupt { .. }) if !at_once => return Ok(Blocking::NotDue),
            // Where damage hides it, a hold might stand; without the state page itself there is nothing that it could keep.
            Err(KeyringError::Corrupt { .. }) if waits && self.has_identity(&page) => {
                return Ok(Blocking::Held);
            }
            Err(KeyringError::Corrupt { .. }) => {
                self.flag_as_blocked(tag, page, waits);
                return Ok(Blocking::Blocked);
            }
            Err(error) => return Err(error),
        };
        let due = self.moment.due;
        let mut request = match state.restrictions.deletion.take() {
            Some(standing) if at_once || (standing.job == request.job && standing.due <= due) => standing,
            None if at_once => request,
            _ => return Ok(Blocking::NotDue),
        };
        if state.restrictions.is_held(due) && !request.overrides_holds() {
            return Ok(Blocking::Held);
        }
        // Whoever has the vault in hand, and not the person, says that the time for second thoughts is over.
        request.by_operator |= request.due > due;
        request.blocked = Some(self.moment.now);
        request.kept_until = if at_once { 0 } else { kept_until };
        state.restrictions.deletion = Some(request);
        let next = state.write(&self.core.pages, &mut self.work.staged)?;
        self.work.staged.dead.push(page.id);
        self.flag_as_blocked(tag, next, true);
        Ok(Blocking::Blocked)
    }

    fn flag_as_blocked(&mut self, tag: Tag, state: PageRef, waits: bool) {
        self.work.changes.push(Change::set(Entry::Person { tag, state, blocked: true, waits }));
        self.work.intents.push(tag);
        self.work.publish.push(Publish::Block { tag });
    }

    fn has_identity(&self, page: &PageRef) -> bool {
        let open = &mut |kind, page: &PageRef| self.core.pages.read_stored(kind, page);
        State::read_identity(open, page).is_ok()
    }

    pub(super) fn erase(&mut self, people: Vec<(Leaving, u32)>) -> Result<Outcome, KeyringError> {
        let mut erased = Vec::with_capacity(people.len());
        for (leaving, leases_drained) in people {
            // Anything but a blocked person was dealt with by somebody else in between.
            let Found::Person { state, blocked: true, .. } = self.core.find(self.root, leaving.tag)? else {
                continue;
            };
            let remains = self.remains(&state)?;
            let known = remains.restrictions.as_ref().and_then(|restrictions| restrictions.deletion.as_ref());
            let kept_until = known.map_or(leaving.kept_until, |request| request.kept_until);
            let held = remains.restrictions.as_ref().is_some_and(|r| r.is_held(self.moment.due))
                && !known.is_some_and(DeletionRequest::overrides_holds);
            if !held && (leaving.at_once || kept_until <= self.moment.due) {
                erased.push(self.erase_one(
                    leaving.tag,
                    &state,
                    remains,
                    leases_drained,
                    Some(&leaving.request),
                    self.moment(),
                )?);
            }
        }
        Ok(Outcome::Erased(erased))
    }

    /// Somebody whose state is lost and whose erasure had begun.
    pub(super) fn erase_lost(&mut self, tag: Tag, page: &PageRef) -> Result<(), KeyringError> {
        let remains = self.remains(page)?;
        self.erase_one(tag, page, remains, 0, None, self.moment()).map(drop)
    }

    /// Somebody who was erased before, at this time and when this generation came, and is back from an older root.
    pub(super) fn erase_again(
        &mut self,
        tag: Tag,
        page: &PageRef,
        when: (i64, u64),
    ) -> Result<(), KeyringError> {
        let remains = self.remains(page)?;
        self.erase_one(tag, page, remains, 0, None, when).map(drop)
    }

    pub(super) fn moment(&self) -> (i64, u64) {
        (self.moment.now, self.moment.generation)
    }

    fn erase_one(
        &mut self,
        tag: Tag,
        page: &PageRef,
        remains: Remains,
        leases_drained: u32,
        otherwise: Option<&DeletionRequest>,
        (time, generation): (i64, u64),
    ) -> Result<Erased, KeyringError> {
        let Remains { handle, restrictions, ids } = remains;
        self.work.blind |= ids.is_none();
        let handle_tag = match handle {
            Some(handle) => Some(self.core.handle_tag(&handle)),
            None => handle_entry_of(self.core, self.root, tag)?,
        };
        if let Some(handle_tag) = handle_tag {
            let key = (handle_tag, EntryKind::Handle);
            // An entry on a lost page cannot be removed and leads nowhere.
            if tolerate(tree::find(&self.core.pages, &self.root.node.children, key))?.is_some() {
                self.work.changes.push(Change::remove(key));
            }
            if handle.is_none() {
                self.work.forgotten.erased_at.push(handle_tag);
            }
        }
        self.work.forgotten.erased.extend(handle);
        let fence = Fence {
            handle: handle.unwrap_or(UNKNOWN_HANDLE),
            erased_at: time,
            expires: time.saturating_add(seconds(self.core.options.fence)),
            generation_after: generation,
            leases_drained,
        };
        let held = restrictions.as_ref().map(|restrictions| restrictions.is_held(self.moment.due));
        let request = restrictions.as_ref().and_then(|restrictions| restrictions.deletion.as_ref());
        let entry = handle.map(|handle| match request.or(otherwise) {
            Some(request) => SweepEntry::of(request, &fence, held),
            None => SweepEntry::given_up(handle, time, generation),
        });
        let job = entry.filter(SweepEntry::was_asked_for).map(|entry| entry.job);
        self.work.staged.dead.push(page.id);
        self.work.staged.dead.extend(ids.into_iter().flatten());
        self.work.changes.push(Change::remove((tag, EntryKind::Person)));
        let placed = PlacedFence { tag, fence };
        self.work.changes.push(Change::set(Entry::Fence(placed)));
        self.work.sweep.extend(entry);
        self.work.erased.push(tag);
        self.work.publish.push(Publish::Erase { tag, fence, job });
        self.work.persons -= 1;
        self.work.removed += 2;
        self.work.deletion = true;
        Ok(Erased { placed, entry })
    }

    /// Damage must not keep anybody from being forgotten: the key of a lost page still stands in the tree, and somebody may hold an older copy of
    /// the page. What cannot be found is left for fsck.
    fn remains(&self, page: &PageRef) -> Result<Remains, KeyringError> {
        let open = &mut |kind, page: &PageRef| self.core.pages.read_stored(kind, page);
        let state = match State::read_by(open, page) {
            Ok(state) => state,
            Err(KeyringError::Corrupt { .. }) => {
                let handle = tolerate(State::read_identity(open, page))?.map(|identity| identity.handle);
                return Ok(Remains { handle, ..Remains::default() });
            }
            Err(error) => return Err(error),
        };
        let ids = tolerate(state.page_ids(open))?;
        Ok(Remains { handle: Some(state.identity.handle), restrictions: Some(state.restrictions), ids })
    }
}

/// `None` for what is damaged.
fn tolerate<T>(read: Result<T, KeyringError>) -> Result<Option<T>, KeyringError> {
    match read {
        Err(KeyringError::Corrupt { .. }) => Ok(None),
        read => read.map(Some),
    }
}

/// The tag of the handle entry that leads to a person whose state page is lost: found by walking the whole tree.
fn handle_entry_of(core: &Core, root: &Root, person: Tag) -> Result<Option<Tag>, KeyringError> {
    let mut search = HandleOf { core, person, found: None };
    root.node.children.0.iter().flatten().try_for_each(|child| walk(child, &mut search))?;
    Ok(search.found)
}

struct HandleOf<'a> {
    core: &'a Core,
    person: Tag,
    found: Option<Tag>,
}

impl Walker for HandleOf<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.core.pages.read_stored(kind, page)
    }
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        if let Entry::Handle { tag, person } = entry
            && person == self.person
        {
            self.found = Some(tag);
        }
        Ok(())
    }
    fn lost(&mut self, role: &'static str) {
        tracing::warn!(role, "a damaged page may hide an erased person's handle entry; run fsck");
    }
}

fn seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}
