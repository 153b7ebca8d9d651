//! Judging one operation against the current tree and working out what it changes. Nothing is written here.

use std::sync::Arc;
use std::time::Duration;

use oubliette_crypto::{Handle, PageBody, PageId, PageKind, PageRef, Tag};

use super::change::Wanted;
use super::commit::{Publish, Work};
use super::load::Load;
use super::{Blocking, Op, Outcome};
use crate::core::{Core, Found, Root};
use crate::error::KeyringError;
use crate::person::State;
use crate::records::{Fence, PlacedFence};
use crate::tree::{self, Change, Entry, EntryKind, Walker, walk};
use crate::user::UserId;

/// Stands in the fence of a person whose state page was lost: handle 0 belongs to nobody.
const UNKNOWN_HANDLE: Handle = Handle([0; 16]);

/// When and as which generation a commit happens.
pub(super) struct Moment {
    /// Seconds since the Unix epoch.
    pub(super) now: i64,
    /// The time by which things are forgotten, in seconds since the Unix epoch.
    pub(super) due: i64,
    pub(super) generation: u64,
}

impl Moment {
    pub(super) fn now(core: &Core) -> Self {
        Self {
            now: core.options.clock.now_unix(),
            due: core.due_time(),
            generation: core.root().pointer.generation + 1,
        }
    }
}

/// `dead` are the superseded pages that still lie in the store.
pub(super) fn prepare(
    core: &Core,
    op: Op,
    moment: &Moment,
    dead: &[PageId],
) -> Result<(Work, Outcome), KeyringError> {
    let root = core.root();
    let mut plan = Plan { core, root: &root, moment, work: Work::default() };
    let outcome = match op {
        Op::Create { user, reopen } => plan.create_one(user, reopen)?,
        Op::BulkCreate { users } => plan.load(users)?,
        Op::Block { tags } => plan.block(tags)?,
        Op::Erase { people } => plan.erase(people)?,
        Op::Change { tag, handle, paths, not_before, changes } => {
            plan.change(tag, handle, Wanted { paths, not_before, changes })?
        }
        Op::Ripen { tags } => plan.ripen(tags)?,
        Op::Mark => {
            plan.work.mark = true;
            Outcome::Done
        }
        Op::TrustClock => {
            plan.work.trust_clock = true;
            Outcome::Done
        }
        Op::Swept { handles } => {
            plan.work.swept.extend(handles);
            Outcome::Done
        }
        Op::Inventory => Outcome::Pages(core.inventory(dead)?),
        Op::RemoveFences { tags } => plan.remove_fences(tags)?,
        Op::GiveUp => plan.give_up()?,
        Op::Prune => {
            plan.work.prune = true;
            plan.work.stop_lost = true;
            plan.work.deletion = true;
            plan.work.blind = true;
            Outcome::Done
        }
        Op::Rotate => {
            plan.work.deletion = true;
            Outcome::Done
        }
    };
    Ok((plan.work, outcome))
}

pub(super) struct Plan<'a> {
    pub(super) core: &'a Core,
    pub(super) root: &'a Root,
    pub(super) moment: &'a Moment,
    pub(super) work: Work,
}

impl Plan<'_> {
    fn create_one(&mut self, user: UserId, reopen: bool) -> Result<Outcome, KeyringError> {
        self.refuse_on_one_copy()?;
        let tag = self.core.person_tag(&user);
        match self.core.find(self.root, tag)? {
            Found::Person { .. } => return Ok(Outcome::Count(0)),
            Found::Fence(fence) if !reopen => return Err(self.core.erased(&fence)?),
            Found::Fence(_) => self.work.changes.push(Change::remove((tag, EntryKind::Fence))),
            Found::Nobody => {}
        }
        let state = self.create(tag, user)?;
        self.work.publish.push(Publish::Create { tag, state: Box::new(state) });
        Ok(Outcome::Count(1))
    }

    fn load(&mut self, users: Arc<Vec<UserId>>) -> Result<Outcome, KeyringError> {
        self.refuse_on_one_copy()?;
        let load = Load::judge(self.core, self.root, users)?;
        let people = load.people();
        self.work.persons += i64::try_from(people).unwrap_or(i64::MAX);
        self.work.load = (people > 0).then_some(load);
        Ok(Outcome::Count(people))
    }

    fn create(&mut self, tag: Tag, user: UserId) -> Result<State, KeyringError> {
        let mut state = State::fresh(user, Handle::random()?, self.moment.now)?;
        let page = state.write(&self.core.pages, &mut self.work.staged)?;
        let handle = self.core.handle_tag(&state.identity.handle);
        // Reading the way to the new entry here leaves a damaged page to this operation alone.
        tree::find(&self.core.pages, &self.root.node.children, (handle, EntryKind::Handle))?;
        self.work.changes.push(Change::set(Entry::Person { tag, state: page, blocked: false, waits: false }));
        self.work.changes.push(Change::set(Entry::Handle { tag: handle, person: tag }));
        self.work.persons += 1;
        Ok(state)
    }

    /// Whoever is created on one copy alone is lost with it.
    fn refuse_on_one_copy(&self) -> Result<(), KeyringError> {
        match self.core.pages.store.ill().into_iter().next() {
            Some(reason) => Err(KeyringError::MirrorIll { reason }),
            None => Ok(()),
        }
    }

    fn block(&mut self, tags: Vec<Tag>) -> Result<Outcome, KeyringError> {
        let mut found = Vec::with_capacity(tags.len());
        for tag in tags {
            found.push(match self.core.find(self.root, tag)? {
                Found::Nobody => Blocking::Nobody,
                Found::Fence(fence) => Blocking::Fenced(fence),
                Found::Person { blocked: true, .. } => Blocking::Blocked,
                Found::Person { state, waits: true, .. } if self.is_held(&state)? => Blocking::Held,
                Found::Person { state, blocked: false, waits } => {
                    self.work.changes.push(Change::set(Entry::Person { tag, state, blocked: true, waits }));
                    self.work.intents.push(tag);
                    self.work.publish.push(Publish::Block { tag });
                    Blocking::Blocked
                }
            });
        }
        Ok(Outcome::Blocked(found))
    }

    fn erase(&mut self, people: Vec<(Tag, u32)>) -> Result<Outcome, KeyringError> {
        let mut erased = Vec::with_capacity(people.len());
        for (tag, leases_drained) in people {
            // Anything but a blocked person was dealt with by somebody else in between.
            if let Found::Person { state, blocked: true, .. } = self.core.find(self.root, tag)? {
                erased.push(self.erase_one(tag, &state, leases_drained)?);
            }
        }
        Ok(Outcome::Erased(erased))
    }

    pub(super) fn erase_one(
        &mut self,
        tag: Tag,
        page: &PageRef,
        leases_drained: u32,
    ) -> Result<PlacedFence, KeyringError> {
        let (handle, ids) = self.remains(page)?;
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
        }
        let fence = Fence {
            handle: handle.unwrap_or(UNKNOWN_HANDLE),
            erased_at: self.moment.now,
            expires: self.moment.now.saturating_add(seconds(self.core.options.fence)),
            generation_after: self.moment.generation,
            leases_drained,
        };
        self.work.staged.dead.push(page.id);
        self.work.staged.dead.extend(ids.into_iter().flatten());
        self.work.changes.push(Change::remove((tag, EntryKind::Person)));
        let placed = PlacedFence { tag, fence };
        self.work.changes.push(Change::set(Entry::Fence(placed)));
        self.work.sweep.extend(handle);
        self.work.erased.push(tag);
        self.work.publish.push(Publish::Erase { tag, fence });
        self.work.persons -= 1;
        self.work.removed += 2;
        self.work.deletion = true;
        Ok(placed)
    }

    /// A person's handle and the pages behind their state, `None` for what damage hides. Damage must not keep anybody from being forgotten: the key of a lost
    /// page still stands in the tree, and somebody may hold an older copy of the page. What cannot be found is left for fsck.
    fn remains(&self, page: &PageRef) -> Result<(Option<Handle>, Option<Vec<PageId>>), KeyringError> {
        let open = &mut |kind, page: &PageRef| self.core.pages.read_stored(kind, page);
        let state = match State::read_by(open, page) {
            Ok(state) => state,
            Err(KeyringError::Corrupt { .. }) => {
                let identity = State::read_identity(open, page);
                return Ok((tolerate(identity)?.map(|identity| identity.handle), None));
            }
            Err(error) => return Err(error),
        };
        let ids = tolerate(state.page_ids(open))?;
        Ok((Some(state.identity.handle), ids))
    }

    fn remove_fences(&mut self, tags: Vec<Tag>) -> Result<Outcome, KeyringError> {
        for tag in tags {
            if let Found::Fence(fence) = self.core.find(self.root, tag)?
                && fence.expires <= self.moment.now
            {
                self.work.changes.push(Change::remove((tag, EntryKind::Fence)));
                self.work.removed += 1;
                self.work.deletion = true;
            }
        }
        Ok(Outcome::Count(self.work.removed.into()))
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
