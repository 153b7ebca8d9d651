//! Judging one operation against the current tree and working out what it changes. Nothing is written here.

use std::sync::Arc;

use oubliette_crypto::{Handle, PageId, Tag};

use super::change::Wanted;
use super::commit::{Publish, Work};
use super::load::Load;
use super::{Op, Outcome};
use crate::core::{Core, Found, Root};
use crate::error::KeyringError;
use crate::person::State;
use crate::tree::{self, Change, Entry, EntryKind};
use crate::user::UserId;

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
        Op::Block { people } => plan.block(people)?,
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
        // The writer answers it itself.
        Op::Seal { .. } => Outcome::Done,
        Op::Replay { people } => plan.replay(&people)?,
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
            Found::Fence(fence) if !reopen => return Err(self.core.erased(self.root, &fence)?),
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
