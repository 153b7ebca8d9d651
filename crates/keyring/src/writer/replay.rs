//! Forgetting again what was forgotten after the root that came back. Holds do not stand in the way: they were judged when it was
//! first forgotten, and one that stood in the older root may have been lifted since.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use oubliette_crypto::{Handle, Path, Tag};

use super::Outcome;
use super::prepare::Plan;
use crate::core::Found;
use crate::error::KeyringError;
use crate::ledger::Forgotten;
use crate::person::State;
use crate::tree::{self, Change, Entry, EntryKind};

/// What becomes of one person.
#[derive(Debug, Clone)]
pub(crate) enum Forgetting {
    /// Erased, at this time, when this generation came.
    Erase { time: i64, generation: u64 },
    /// These paths are cut.
    Cut(Vec<Path>),
}

/// Somebody, and what becomes of them. Nobody comes twice.
#[derive(Debug, Clone)]
pub(crate) struct Replay {
    /// Where their handle stands in the key tree.
    pub(crate) place: Tag,
    pub(crate) what: Forgetting,
}

/// The records of many deletions, person by person.
pub(crate) fn gather(records: &[Forgotten], place_of: &dyn Fn(&Handle) -> Tag) -> Vec<Replay> {
    let mut order = Vec::new();
    let mut people: HashMap<Tag, Forgetting> = HashMap::new();
    for record in records {
        for (handle, paths) in &record.cuts {
            let place = place_of(handle);
            let first = || {
                order.push(place);
                Forgetting::Cut(Vec::new())
            };
            if let Forgetting::Cut(all) = people.entry(place).or_insert_with(first) {
                all.extend(paths);
            }
        }
        let erased = record.erased.iter().map(place_of).chain(record.erased_at.iter().copied());
        for place in erased {
            let erase = Forgetting::Erase { time: record.time, generation: record.generation };
            if people.insert(place, erase).is_none() {
                order.push(place);
            }
        }
    }
    let mut seen = HashSet::new();
    order.retain(|place| seen.insert(*place));
    order.into_iter().filter_map(|place| Some(Replay { place, what: people.remove(&place)? })).collect()
}

impl Plan<'_> {
    /// Forgets again. Who is not there was created after the root that came back.
    pub(super) fn replay(&mut self, people: &Arc<Vec<Replay>>) -> Result<Outcome, KeyringError> {
        let (mut erased, mut cut, mut unknown) = (0, 0, 0);
        for Replay { place, what } in people.iter() {
            let entry = tree::find(&self.core.pages, &self.root.node.children, (*place, EntryKind::Handle))?;
            let found = match entry {
                Some(Entry::Handle { person, .. }) => Some((person, self.core.find(self.root, person)?)),
                _ => None,
            };
            let Some((tag, Found::Person { state: page, blocked, .. })) = found else {
                unknown += 1;
                continue;
            };
            match what {
                Forgetting::Erase { time, generation } => {
                    // Noted, and perhaps never done: then it is done now, and what is certified of it must be found in the ledger.
                    let done = self.core.ledger.find(*generation)?.is_some();
                    let when = if done { (*time, *generation) } else { self.moment() };
                    self.erase_again(tag, &page, when)?;
                    erased += 1;
                }
                Forgetting::Cut(paths) => {
                    let mut state = State::read(&self.core.pages, &page)?;
                    if self.cut(&mut state, paths)? {
                        let next = state.write(&self.core.pages, &mut self.work.staged)?;
                        self.work.staged.dead.push(page.id);
                        self.work.forgotten.cuts.push((state.identity.handle, paths.clone()));
                        let waits = state.restrictions.waits();
                        self.work.changes.push(Change::set(Entry::Person {
                            tag,
                            state: next,
                            blocked,
                            waits,
                        }));
                        self.work.deletion = true;
                    }
                    cut += 1;
                }
            }
        }
        Ok(Outcome::Replayed { erased, cut, unknown })
    }
}
