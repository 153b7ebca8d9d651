//! Changes of one living person: what restricts them, and what of their tree is cut. Here, where a cut is judged and written in one
//! commit, stands the check of legal holds: no path leads around it.

use oubliette_crypto::{Handle, PageRef, Path, Tag};

use super::Outcome;
use super::commit::Publish;
use super::prepare::Plan;
use crate::core::Found;
use crate::error::KeyringError;
use crate::person::{Hold, RestrictionChange, State, load_cover};
use crate::tree::{Change, Entry};

/// What is to become of a person.
pub(super) struct Wanted {
    pub(super) paths: Vec<Path>,
    /// No cut before this moment, in seconds since the Unix epoch.
    pub(super) not_before: i64,
    pub(super) changes: Vec<RestrictionChange>,
}

impl Wanted {
    fn is_about_holds(&self) -> bool {
        let of_hold = |change: &RestrictionChange| {
            matches!(change, RestrictionChange::PlaceHold(..) | RestrictionChange::LiftHold(_))
        };
        self.paths.is_empty() && self.changes.iter().all(of_hold)
    }
}

impl Plan<'_> {
    pub(super) fn change(
        &mut self,
        tag: Tag,
        handle: Handle,
        wanted: Wanted,
    ) -> Result<Outcome, KeyringError> {
        let (page, blocked) = match self.core.find(self.root, tag)? {
            // A hold may still come while the law has their content kept.
            Found::Person { blocked: true, .. } if !wanted.is_about_holds() => {
                return Err(KeyringError::Blocked);
            }
            Found::Person { state, blocked, .. } => (state, blocked),
            Found::Fence(fence) if fence.handle == handle => {
                return Err(self.core.erased(self.root, &fence)?);
            }
            Found::Fence(_) | Found::Nobody => return Err(KeyringError::Unknown),
        };
        let state = State::read(&self.core.pages, &page)?;
        if state.identity.handle != handle {
            return Err(KeyringError::Unknown);
        }
        self.change_state(tag, &page, state, wanted, blocked)
    }

    /// Holds that are over go, and cuts whose moment has come are made. Who is gone or blocked is passed over. Answers how many people changed.
    pub(super) fn ripen(&mut self, tags: Vec<Tag>) -> Result<Outcome, KeyringError> {
        let mut changed = 0;
        for tag in tags {
            let Found::Person { state: page, blocked: false, .. } = self.core.find(self.root, tag)? else {
                continue;
            };
            let state = State::read(&self.core.pages, &page)?;
            if state.restrictions.is_ripe(self.moment.due) {
                let nothing_else = Wanted { paths: Vec::new(), not_before: 0, changes: Vec::new() };
                self.change_state(tag, &page, state, nothing_else, false)?;
                changed += 1;
            }
        }
        Ok(Outcome::Count(changed))
    }

    fn change_state(
        &mut self,
        tag: Tag,
        page: &PageRef,
        mut state: State,
        wanted: Wanted,
        blocked: bool,
    ) -> Result<Outcome, KeyringError> {
        let now = self.moment.due;
        let holds = state.restrictions.holds.clone();
        let asked = state.restrictions.deletion.is_some();
        let mut restricted = false;
        for change in wanted.changes {
            restricted |= state.restrictions.apply(change, now)?;
        }
        let mut waits = false;
        let mut cuts = Vec::new();
        if state.restrictions.is_held(now) || wanted.not_before > now {
            for path in &wanted.paths {
                // What was cut before needs no promise.
                let is_cut = state.cover.is_cut(path, &mut |page| load_cover(&self.core.pages, page));
                if !matches!(is_cut, Ok(true)) {
                    restricted |= state.restrictions.promise(*path, wanted.not_before)?;
                    waits = true;
                }
            }
        } else {
            cuts.clone_from(&wanted.paths);
        }
        let (ripened, due) = state.restrictions.ripen(now);
        cuts.extend_from_slice(&due);
        // The reason of a hold that is over is forgotten with it, and that somebody wanted to leave who stays.
        let left = &state.restrictions.holds;
        let kept = |(id, hold): (&String, &Hold)| left.get(id).is_some_and(|now| now.reason == hold.reason);
        let over = !holds.iter().all(kept) || (asked && state.restrictions.deletion.is_none());
        let cut = self.cut(&mut state, &cuts)?;
        if cut {
            self.work.forgotten.cuts.push((state.identity.handle, cuts));
        }
        if cut || restricted || ripened {
            let next = state.write(&self.core.pages, &mut self.work.staged)?;
            self.work.staged.dead.push(page.id);
            let flag = state.restrictions.waits();
            if flag {
                self.core.note_waiting();
            }
            self.work.changes.push(Change::set(Entry::Person { tag, state: next, blocked, waits: flag }));
            // Who is blocked gets no keys into memory any more.
            if !blocked {
                let cut_now = wanted.paths.iter().chain(&due).copied().collect();
                self.work.publish.push(Publish::Renew { tag, state: Box::new(state), cut: cut_now });
            }
            self.work.deletion |= cut || over;
        }
        Ok(Outcome::Cut { waits, ripened: due })
    }

    pub(super) fn cut(&mut self, state: &mut State, paths: &[Path]) -> Result<bool, KeyringError> {
        let pages = &self.core.pages;
        let dead = &mut self.work.staged.dead;
        let (mut hidden, mut failed) = (false, None);
        // The cover passes over any page that it needs only for the list of the dead; a store that fails is not passed over.
        let load = &mut |page: &PageRef| match load_cover(pages, page) {
            Err(KeyringError::Corrupt { role }) => {
                hidden = true;
                Err(KeyringError::Corrupt { role })
            }
            Err(error) => {
                failed = Some(error);
                Err(KeyringError::Corrupt { role: "cover" })
            }
            opened => opened,
        };
        let cut = state.cover.cut::<KeyringError>(paths, load, dead);
        if let Some(error) = failed {
            return Err(error);
        }
        self.work.blind |= hidden;
        cut
    }
}
