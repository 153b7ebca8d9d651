//! What readers and the writer share.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use oubliette_crypto::kdf::{handle_tag, person_tag};
use oubliette_crypto::{Handle, JobId, PageId, PageRef, Tag};

use crate::cell::{ErasureClass, RootCell, RootPointer};
use crate::clock::{Clock, SystemClock};
use crate::due::Mark;
use crate::error::KeyringError;
use crate::escrow::Tail;
use crate::ledger::{LedgerError, RootLedger};
use crate::pages::Pages;
use crate::person::{People, Person, State, Subject};
use crate::records::{ErasureRecord, Fence};
use crate::tree::{self, Entry, EntryKind, RootNode, Walker, walk};
use crate::user::UserId;
use crate::vault_page::{VaultKeys, VaultPage};
use crate::writer::Queue;

/// How a keyring is run.
#[derive(Clone)]
pub struct KeyringOptions {
    /// Most bytes of plaintext pages kept in memory. 16 MiB.
    pub page_cache_bytes: usize,
    /// People kept in memory although nobody holds them. 4,096.
    pub subject_cache: usize,
    /// Most people in one commit of a bulk load, each of whom takes about 200 bytes of memory while it runs. 65,536.
    pub bulk_people: usize,
    /// How long a fence stands where an erased person stood. 30 days.
    pub fence: Duration,
    /// How long a deletion waits for cancelled leases before it answers `LeasesHeld`. 30 seconds.
    pub lease_wait: Duration,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// How far the wall clock is believed past the last mark when the machine was started anew. 1 hour.
    pub clock_tolerance: Duration,
}

impl Default for KeyringOptions {
    fn default() -> Self {
        Self {
            page_cache_bytes: 16 << 20,
            subject_cache: 4096,
            bulk_people: 1 << 16,
            fence: Duration::from_secs(30 * 24 * 3600),
            lease_wait: Duration::from_secs(30),
            clock: Arc::new(SystemClock),
            clock_tolerance: Duration::from_secs(3600),
        }
    }
}

/// The shared state of a keyring. Readers hold `root` for reading while they walk the tree and while they put a person they
/// loaded into `people`; the writer publishes a commit under the write side. So nobody reads below a superseded root, and nobody
/// loads a person beside a commit that changes them.
pub(crate) struct Core {
    pub(crate) pages: Pages,
    pub(crate) cells: Vec<Arc<dyn RootCell>>,
    pub(crate) ledger: Arc<dyn RootLedger>,
    pub(crate) options: KeyringOptions,
    pub(crate) keys: VaultKeys,
    pub(crate) root: RwLock<Root>,
    pub(crate) queue: Queue,
    pub(crate) notes: Notes,
    people: Mutex<People>,
    poison: OnceLock<String>,
    /// What the time is counted from by which things are forgotten.
    mark: Mutex<Mark>,
    /// Whether anybody's state may hold what time will change; `None` before the first look.
    pub(crate) anybody_waits: Mutex<Option<bool>>,
    /// Pages superseded since the last inventory, while somebody wants to know.
    superseded: Mutex<Option<Vec<PageId>>>,
    /// Pages that commits write while the tree is walked for escrow.
    tail: Mutex<Option<Tail>>,
}

/// What opening found out.
#[derive(Default)]
pub(crate) struct Notes {
    /// What was damaged and is whole again.
    pub(crate) mended: Vec<String>,
    /// What is wrong although the vault works.
    pub(crate) lost: Vec<String>,
}

/// The current root, without its secret: that stays with the writer.
pub(crate) struct Root {
    pub(crate) node: RootNode,
    pub(crate) vault: VaultPage,
    pub(crate) pointer: RootPointer,
}

impl Root {
    /// Which deletion erased somebody, while the sweep queue knows.
    pub(crate) fn job_of(&self, handle: &Handle) -> Option<JobId> {
        let entry = self.vault.queues.sweep.iter().find(|entry| entry.handle == *handle)?;
        Some(entry.job).filter(|_| entry.was_asked_for())
    }
}

/// What stands under a person's tag.
pub(crate) enum Found {
    Person { state: PageRef, blocked: bool, waits: bool },
    Fence(Fence),
    Nobody,
}

impl Core {
    pub(crate) fn new(
        pages: Pages,
        cells: Vec<Arc<dyn RootCell>>,
        ledger: Arc<dyn RootLedger>,
        options: KeyringOptions,
        root: Root,
        notes: Notes,
    ) -> Result<Self, KeyringError> {
        Ok(Self {
            pages,
            cells,
            ledger,
            keys: root.vault.keys.duplicate()?,
            queue: Queue::default(),
            notes,
            people: Mutex::new(People::new(options.subject_cache)),
            poison: OnceLock::new(),
            mark: Mutex::new(root.vault.mark.resume(options.clock.as_ref(), tolerance(&options))),
            anybody_waits: Mutex::new(None),
            superseded: Mutex::new(None),
            tail: Mutex::new(None),
            root: RwLock::new(root),
            options,
        })
    }

    pub(crate) fn root(&self) -> RwLockReadGuard<'_, Root> {
        self.root.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows a walker the whole tree, one sixteenth at a time under the root of that moment, so that no commit waits for all of it.
    pub(crate) fn walk_in_parts(&self, walker: &mut impl Walker) -> Result<(), KeyringError> {
        for part in 0..16 {
            self.healthy()?;
            let root = self.root();
            if let Some(child) = root.node.children.0.get(part).and_then(Option::as_ref) {
                walk(child, walker)?;
            }
        }
        Ok(())
    }

    pub(crate) fn people(&self) -> MutexGuard<'_, People> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn healthy(&self) -> Result<(), KeyringError> {
        match self.poison.get() {
            None => Ok(()),
            Some(reason) => Err(KeyringError::Poisoned { reason: reason.clone() }),
        }
    }

    /// Refuses all work from now on; the first reason stays.
    pub(crate) fn poison(&self, reason: String) {
        tracing::error!(reason, "the keyring stops");
        let _first_reason_stays = self.poison.set(reason);
    }

    /// The same at the end of the writer, which is nothing to be alarmed about unless something was wrong.
    pub(crate) fn closed(&self) {
        tracing::debug!("the keyring was closed");
        let _first_reason_stays = self.poison.set("the keyring was closed".to_owned());
    }

    pub(crate) fn mark(&self) -> Mark {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_mark(&self, mark: Mark) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = mark;
    }

    /// The time by which things are forgotten, in seconds since the Unix epoch.
    pub(crate) fn due_time(&self) -> i64 {
        self.mark().now(self.options.clock.as_ref(), tolerance(&self.options))
    }

    pub(crate) fn note_waiting(&self) {
        *self.anybody_waits.lock().unwrap_or_else(PoisonError::into_inner) = Some(true);
    }

    pub(crate) fn person_tag(&self, user: &UserId) -> Tag {
        person_tag(&self.keys.tag, user.as_bytes())
    }

    pub(crate) fn handle_tag(&self, handle: &Handle) -> Tag {
        handle_tag(&self.keys.tag, handle)
    }

    /// How well the root forgets: a split is as good as its best share.
    pub(crate) fn erasure_class(&self) -> ErasureClass {
        self.cells.iter().map(|cell| cell.class()).max().unwrap_or(ErasureClass::E0)
    }

    /// Refuses a commit to a cell that the next opening would not find.
    pub(crate) fn cells_in_place(&self) -> Result<(), KeyringError> {
        let found = self.cells.iter().try_for_each(|cell| cell.in_place());
        found.map_err(|error| {
            tracing::error!(%error, "a change was refused");
            KeyringError::CellReplaced(error)
        })
    }

    pub(crate) fn find(&self, root: &Root, tag: Tag) -> Result<Found, KeyringError> {
        let children = &root.node.children;
        if let Some(Entry::Person { state, blocked, waits, .. }) =
            tree::find(&self.pages, children, (tag, EntryKind::Person))?
        {
            return Ok(Found::Person { state, blocked, waits });
        }
        match tree::find(&self.pages, children, (tag, EntryKind::Fence))? {
            Some(Entry::Fence(placed)) => Ok(Found::Fence(placed.fence)),
            _ => Ok(Found::Nobody),
        }
    }

    /// The living person under a tag, from memory or from the key tree.
    pub(crate) fn subject(self: &Arc<Self>, tag: Tag) -> Result<Subject, KeyringError> {
        self.healthy()?;
        let root = self.root();
        let known = self.people().get(&tag);
        let person = match known {
            Some(person) => person,
            None => match self.find(&root, tag)? {
                Found::Person { blocked: true, .. } => return Err(KeyringError::Blocked),
                Found::Person { state, .. } => {
                    let mut state = State::read(&self.pages, &state)?;
                    state.hide(&self.pages)?;
                    self.hold(Person::new(tag, state))
                }
                Found::Fence(fence) => return Err(self.erased(&root, &fence)?),
                Found::Nobody => return Err(KeyringError::Unknown),
            },
        };
        person.gate.check()?;
        Ok(Subject { person, core: Arc::clone(self) })
    }

    /// The same, but for whoever is about to leave: their cooling-off period is over, so nothing of theirs is used any more.
    pub(crate) fn usable(self: &Arc<Self>, tag: Tag) -> Result<Subject, KeyringError> {
        let subject = self.subject(tag)?;
        if subject.is_leaving() { Err(KeyringError::Blocked) } else { Ok(subject) }
    }

    pub(crate) fn subject_by_handle(self: &Arc<Self>, handle: &Handle) -> Result<Subject, KeyringError> {
        self.healthy()?;
        let key = (self.handle_tag(handle), EntryKind::Handle);
        let entry = tree::find(&self.pages, &self.root().node.children, key)?;
        let Some(Entry::Handle { person, .. }) = entry else { return Err(KeyringError::Unknown) };
        // Between the two look-ups the person may have been erased and another one created under the same user id.
        match self.subject(person) {
            Ok(subject) if subject.handle() == *handle => Ok(subject),
            Ok(_) | Err(KeyringError::Erased { .. }) => Err(KeyringError::Unknown),
            Err(error) => Err(error),
        }
    }

    /// The facts of an erasure, from its fence and the ledger; `None` if the ledger lost the record.
    pub(crate) fn erasure_record(
        &self,
        root: &Root,
        fence: &Fence,
    ) -> Result<Option<ErasureRecord>, KeyringError> {
        let found = match self.ledger.find(fence.generation_after) {
            Err(LedgerError::Damaged { .. }) => None,
            found => found?,
        };
        Ok(found.map(|record| ErasureRecord {
            handle: fence.handle,
            erased_at: fence.erased_at,
            generation_before: record.generation_before,
            generation_after: record.generation_after,
            root_before: record.root_before,
            root_after: record.root_after,
            cell_class: record.cell_class,
            leases_drained: fence.leases_drained,
            job: root.job_of(&fence.handle),
        }))
    }

    /// The error that a fence stands for.
    pub(crate) fn erased(&self, root: &Root, fence: &Fence) -> Result<KeyringError, KeyringError> {
        let record = self.erasure_record(root, fence)?.map(Box::new);
        Ok(KeyringError::Erased { at: fence.erased_at, handle: fence.handle, record })
    }

    /// The stored pages without those in `dead`; from now on superseded pages are noted. For the writer, between commits.
    pub(crate) fn inventory(&self, dead: &[PageId]) -> Result<Vec<PageId>, KeyringError> {
        let dead: HashSet<&PageId> = dead.iter().collect();
        let mut stored = Vec::new();
        self.pages.store.for_each_id(&mut |id| {
            if !dead.contains(&id) {
                stored.push(id);
            }
        })?;
        *self.superseded.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
        Ok(stored)
    }

    pub(crate) fn tail(&self) -> MutexGuard<'_, Option<Tail>> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn note_superseded(&self, dead: &[PageId]) {
        if let Some(noted) = self.superseded.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            noted.extend(dead);
        }
    }

    /// The pages superseded since the inventory; ends the noting.
    pub(crate) fn take_superseded(&self) -> Vec<PageId> {
        self.superseded.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
    }

    /// The one object for a person: whoever loaded the same person a moment earlier wins. Call with the root held.
    fn hold(&self, loaded: Person) -> Arc<Person> {
        let mut people = self.people();
        if let Some(earlier) = people.get(&loaded.tag) {
            return earlier;
        }
        let person = Arc::new(loaded);
        people.insert(Arc::clone(&person));
        person
    }
}

fn tolerance(options: &KeyringOptions) -> i64 {
    i64::try_from(options.clock_tolerance.as_secs()).unwrap_or(i64::MAX)
}
