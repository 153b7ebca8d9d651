//! One commit (docs/keyring.md tells the order and every crash between its steps).

use std::collections::HashSet;
use std::sync::{Arc, PoisonError};

use oubliette_crypto::kdf::{derive_root_key, derive_root_page_key};
use oubliette_crypto::{
    CellShare, CryptoError, Handle, JobId, PageHeader, PageKind, Path, RootKey, Tag, seal_page,
};
use sha2::{Digest, Sha256};

use super::load::Load;
use super::prepare::Moment;
use super::{Facts, Writer};
use crate::cell::RootPointer;
use crate::core::{Core, Found, Root};
use crate::due::Mark;
use crate::error::{KeyringError, malformed};
use crate::ledger::Forgotten;
use crate::pages::Staged;
use crate::person::{Person, Standing, State};
use crate::records::{ErasureRecord, Fence};
use crate::sweep_entry::SweepEntry;
use crate::tree::{self, Change, Child, Children, RootNode};
use crate::vault_page::{LastDeletion, Queues};

/// What a commit is to do, gathered from its operations.
#[derive(Default)]
pub(super) struct Work {
    pub(super) staged: Staged,
    pub(super) changes: Vec<Change>,
    /// Lost pages are taken out of the tree; nothing else changes it.
    pub(super) prune: bool,
    /// People were lost: those of them in memory are stopped. Nothing else shares this commit.
    pub(super) stop_lost: bool,
    /// People who come all at once; nothing else changes the tree.
    pub(super) load: Option<Load>,
    /// A new root secret is needed.
    pub(super) deletion: bool,
    /// Damage hides which pages die: the cache may hold some of them, with seeds, and is emptied.
    pub(super) blind: bool,
    /// People more or less.
    pub(super) persons: i64,
    /// Entries removed or replaced by a fence.
    pub(super) removed: u32,
    /// Whose rows are to be swept, and those whose rows were.
    pub(super) sweep: Vec<SweepEntry>,
    pub(super) swept: HashSet<Handle>,
    /// People blocked, and those erased.
    pub(super) intents: Vec<Tag>,
    pub(super) erased: Vec<Tag>,
    pub(super) publish: Vec<Publish>,
    /// What the ledger is to know of it.
    pub(super) forgotten: Gone,
    /// The mark is to be stored, if it is old.
    pub(super) mark: bool,
    /// The wall clock is right.
    pub(super) trust_clock: bool,
}

/// What is forgotten, by random names.
#[derive(Default)]
pub(super) struct Gone {
    pub(super) erased: Vec<Handle>,
    pub(super) erased_at: Vec<Tag>,
    pub(super) cuts: Vec<(Handle, Vec<Path>)>,
}

/// What the people in memory must learn.
pub(super) enum Publish {
    Create {
        tag: Tag,
        state: Box<State>,
    },
    Renew {
        tag: Tag,
        state: Box<State>,
        cut: Vec<Path>,
    },
    Block {
        tag: Tag,
    },
    Erase {
        tag: Tag,
        fence: Fence,
        job: Option<JobId>,
    },
    /// Whoever holds them must ask again.
    Drop {
        tag: Tag,
    },
}

impl Work {
    pub(super) fn absorb(&mut self, other: Self) {
        self.staged.absorb(other.staged);
        self.changes.extend(other.changes);
        self.prune |= other.prune;
        self.stop_lost |= other.stop_lost;
        self.load = self.load.take().or(other.load);
        self.deletion |= other.deletion;
        self.blind |= other.blind;
        self.persons += other.persons;
        self.removed = self.removed.saturating_add(other.removed);
        self.sweep.extend(other.sweep);
        self.swept.extend(other.swept);
        self.intents.extend(other.intents);
        self.erased.extend(other.erased);
        self.publish.extend(other.publish);
        self.forgotten.erased.extend(other.forgotten.erased);
        self.forgotten.erased_at.extend(other.forgotten.erased_at);
        self.forgotten.cuts.extend(other.forgotten.cuts);
        self.mark |= other.mark;
        self.trust_clock |= other.trust_clock;
    }

    /// Whether no other operation may join.
    pub(super) fn is_alone(&self) -> bool {
        self.stop_lost || self.load.is_some()
    }

    fn changes_nothing(&self, queues: &Queues, now: &Queues) -> bool {
        self.changes.is_empty() && !self.deletion && self.load.is_none() && queues == now
    }

    /// The queues after this commit.
    fn queues(&self, now: &Queues) -> Queues {
        let mut next = now.clone();
        next.sweep.retain(|entry| !self.swept.contains(&entry.handle));
        next.sweep.extend(&self.sweep);
        let erased: HashSet<&Tag> = self.erased.iter().collect();
        next.intents.retain(|tag| !erased.contains(tag));
        next.intents.extend(&self.intents);
        next
    }
}

impl Gone {
    fn record(self, pointer: &RootPointer, time: i64) -> Forgotten {
        let Self { erased, erased_at, cuts } = self;
        Forgotten { vault: pointer.vault, generation: pointer.generation, time, erased, erased_at, cuts }
    }
}

/// The root of a deletion: a new secret and the shares it comes from.
struct NewSecret {
    root_key: RootKey,
    shares: Vec<CellShare>,
}

impl Writer {
    /// Makes `work` durable and visible. Work that changes nothing makes no commit.
    pub(super) fn commit(&mut self, work: Work, moment: &Moment) -> Result<Facts, KeyringError> {
        let core = Arc::clone(&self.core);
        let current = core.root();
        let queues = work.queues(&current.vault.queues);
        let mark = if work.trust_clock {
            Mark::believe(core.options.clock.as_ref())
        } else {
            core.mark().next(core.options.clock.as_ref())
        };
        let marks = work.trust_clock || (work.mark && mark != current.vault.mark);
        if !marks && work.changes_nothing(&queues, &current.vault.queues) {
            let facts = facts(&core, &current.pointer, &current.pointer, moment.now);
            core.pages.store.remove(&std::mem::take(&mut self.dead))?;
            return Ok(facts);
        }
        let Work {
            mut staged,
            changes,
            prune,
            load,
            stop_lost,
            deletion,
            blind,
            persons,
            removed,
            publish,
            forgotten,
            ..
        } = work;
        // A load's pages go out as they gather.
        let all_staged = load.is_none();
        let secret = if deletion { Some(new_secret(&core)?) } else { None };
        let now = &current.node;
        let persons = now.persons.saturating_add_signed(persons);
        let (children, persons) = if prune {
            tree::prune(&core.pages, &mut staged, &now.children)?
        } else if let Some(load) = load {
            staged = Staged::in_parts(load.pages_at_a_time())?;
            (load.write(&core, moment.now, &mut staged, &now.children)?, persons)
        } else if changes.is_empty() {
            (duplicate(&now.children)?, persons)
        } else {
            (tree::update(&core.pages, &mut staged, &now.children, changes)?, persons)
        };
        let last_deletion = if deletion {
            LastDeletion {
                generation_before: current.pointer.generation,
                generation_after: moment.generation,
                root_before: current.pointer.root_hash,
                time: moment.now,
                removed,
            }
        } else {
            current.vault.last_deletion.clone()
        };
        staged.dead.push(current.pointer.root_page);
        let (vault, vault_page) = if deletion || marks || queues != current.vault.queues {
            staged.dead.push(current.node.vault_page.id);
            let (vault, page) =
                current.vault.rewrite(&core.pages, &mut staged, queues, last_deletion, mark)?;
            (Some(vault), page)
        } else {
            (None, current.node.vault_page.duplicate()?)
        };
        let node = RootNode { persons, vault_page, children };
        let epoch = current.pointer.epoch + u64::from(deletion);
        let pointer = {
            let now = self.root_key.lock().unwrap_or_else(PoisonError::into_inner);
            let root_key = secret.as_ref().map_or(&*now, |secret| &secret.root_key);
            seal_root(&core.pages.vault, root_key, &node, moment.generation, epoch, &mut staged)?
        };
        let mut facts = facts(&core, &current.pointer, &pointer, moment.now);
        drop(current);

        write_pages(&core, &staged)?;
        match secret {
            None => core.cells.iter().try_for_each(|cell| cell.point(&pointer))?,
            Some(secret) => {
                // Before the cells turn: a deletion that happened, whoever was told of it, is noted.
                core.ledger.forget(&forgotten.record(&pointer, moment.now))?;
                turn_cells(&core, &pointer, &secret.shares)?;
                *self.root_key.lock().unwrap_or_else(PoisonError::into_inner) = secret.root_key;
                // Whether the old shares were really written over is known only now.
                facts.cell_class = core.erasure_class();
                core.ledger.append(&facts.ledger_record(removed))?;
            }
        }

        let Staged { dead, fresh, pages, .. } = staged;
        {
            let mut root = core.root.write().unwrap_or_else(PoisonError::into_inner);
            root.node = node;
            root.pointer = pointer;
            if let Some(vault) = vault {
                core.set_mark(vault.mark);
                root.vault = vault;
            }
            publish.into_iter().for_each(|publish| tell(&core, publish, &facts));
            core.note_superseded(&dead);
            if let Some(tail) = core.tail().as_mut() {
                tail.note(pages, &dead, all_staged);
            }
            if blind {
                core.pages.evict_all();
            }
            core.pages.evict(&dead);
            core.pages.keep(fresh);
            if stop_lost {
                stop_the_lost(&core, &root)?;
            }
        }
        core.pages.store.remove(&std::mem::replace(&mut self.dead, dead))?;
        Ok(facts)
    }
}

/// Seals the root page into `staged` and answers the pointer to it.
pub(crate) fn seal_root(
    vault: &oubliette_crypto::VaultId,
    root_key: &RootKey,
    node: &RootNode,
    generation: u64,
    epoch: u64,
    staged: &mut Staged,
) -> Result<RootPointer, KeyringError> {
    let mut salt = [0; 32];
    let mut root_page = [0; 12];
    getrandom::fill(&mut salt).map_err(CryptoError::Random)?;
    getrandom::fill(&mut root_page).map_err(CryptoError::Random)?;
    let key = derive_root_page_key(root_key, &salt, generation);
    let body = node.encode().map_err(malformed("root"))?;
    let header = PageHeader { kind: PageKind::Root, id: root_page, vault: *vault };
    let raw = seal_page(&key, &header, body.expose())?;
    let root_hash = Sha256::digest(raw.as_slice()).into();
    staged.pages.push((root_page, raw));
    let pointer = RootPointer { vault: *vault, generation, epoch, root_page, salt, root_hash, mac: [0; 32] };
    Ok(pointer.signed(root_key))
}

fn new_secret(core: &Core) -> Result<NewSecret, KeyringError> {
    let shares = core.cells.iter().map(|_| CellShare::generate()).collect::<Result<Vec<_>, _>>()?;
    let root_key = derive_root_key(&shares.iter().collect::<Vec<_>>(), &core.pages.vault)?;
    Ok(NewSecret { root_key, shares })
}

fn write_pages(core: &Core, staged: &Staged) -> Result<(), KeyringError> {
    staged.write_out(core.pages.store.as_ref())?;
    // No cell is touched yet: refused here, the commit leaves pages that nothing leads to.
    core.cells_in_place()
}

/// Moves every cell to a new secret. The commit point is the last `stage`: from then on all cells hold the new share, and
/// recovery goes forward.
fn turn_cells(core: &Core, pointer: &RootPointer, shares: &[CellShare]) -> Result<(), KeyringError> {
    for (cell, share) in core.cells.iter().zip(shares) {
        cell.stage(pointer.epoch, share, pointer)?;
    }
    core.cells.iter().try_for_each(|cell| cell.confirm())?;
    core.cells.iter().try_for_each(|cell| cell.point(pointer))?;
    Ok(())
}

fn tell(core: &Core, publish: Publish, facts: &Facts) {
    let mut people = core.people();
    match publish {
        Publish::Create { tag, state } => people.insert(Arc::new(Person::new(tag, *state))),
        Publish::Renew { tag, mut state, cut } => {
            if let Some(person) = people.get(&tag) {
                match state.hide(&core.pages) {
                    Ok(()) => person.renew(*state, &cut),
                    // Damage elsewhere in their cover: whoever holds them must ask again, and hears of it.
                    Err(_) => {
                        person.stop(Standing::Lost);
                        people.remove(&tag);
                    }
                }
            }
        }
        Publish::Block { tag } => {
            if let Some(person) = people.get(&tag) {
                person.stop(Standing::Blocked);
            }
        }
        Publish::Erase { tag, fence, job } => {
            if let Some(person) = people.get(&tag) {
                person.stop(Standing::Erased(Box::new(erasure_record(&fence, job, facts))));
            }
            people.remove(&tag);
        }
        Publish::Drop { tag } => {
            if let Some(person) = people.get(&tag) {
                person.stop(Standing::Lost);
            }
            people.remove(&tag);
        }
    }
}

/// Stops the people in memory whom the tree no longer holds. Call with the root held for writing, so that nobody loads one beside it.
fn stop_the_lost(core: &Core, root: &Root) -> Result<(), KeyringError> {
    let people: Vec<Arc<Person>> = core.people().all().collect();
    for person in people {
        let stands = match core.find(root, person.tag) {
            Err(KeyringError::Corrupt { .. }) => false,
            found => matches!(found?, Found::Person { .. }),
        };
        if !stands {
            person.stop(Standing::Lost);
            core.people().remove(&person.tag);
        }
    }
    Ok(())
}

/// What is told about an erasure that this commit made.
pub(crate) fn erasure_record(fence: &Fence, job: Option<JobId>, facts: &Facts) -> ErasureRecord {
    ErasureRecord {
        handle: fence.handle,
        erased_at: fence.erased_at,
        generation_before: facts.generation_before,
        generation_after: facts.generation_after,
        root_before: facts.root_before,
        root_after: facts.root_after,
        cell_class: facts.cell_class,
        leases_drained: fence.leases_drained,
        job,
    }
}

pub(super) fn facts(core: &Core, before: &RootPointer, after: &RootPointer, time: i64) -> Facts {
    Facts {
        generation_before: before.generation,
        generation_after: after.generation,
        root_before: before.root_hash,
        root_after: after.root_hash,
        time,
        cell_class: core.erasure_class(),
    }
}

fn duplicate(children: &Children) -> Result<Children, KeyringError> {
    let mut copy = Children::default();
    for (slot, child) in copy.0.iter_mut().zip(&children.0) {
        *slot = child.as_ref().map(Child::duplicate).transpose()?;
    }
    Ok(copy)
}
