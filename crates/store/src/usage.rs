//! How much a person stores: computed by scanning their rows, never stored. For people with a quota the sums are kept in memory, bounded,
//! and follow every commit; so a scan must not run beside a commit of the same person: each commit passes a gate that a scan closes.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use lru::LruCache;
use oubliette_crypto::{Branch, Class, Handle};
use oubliette_engine::{Batch, Row};

use crate::VaultError;
use crate::locks::lock;
use crate::once::Marked;
use crate::person::{Person, conflict};
use crate::profile::QUOTA;
use crate::quota::{Quota, Quotas};
use crate::rows::{Bounds, Part, Place, Run, Value};
use crate::vault::Inner;

/// People whose sums and limits are kept.
const KEPT: usize = 20_000;
const GATES: usize = 256;

/// What is stored of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassUsage {
    /// `"saves"`, `"chat"`, `"credentials"`, `"records"` or `"profile"`.
    pub class: &'static str,
    /// Values: save versions, messages, stored credentials.
    pub items: u64,
    /// Bytes as stored: sealed, compressed, padded, names included.
    pub bytes: u64,
}

/// A sum.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) items: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { items: self.items.saturating_add(other.items), bytes: self.bytes.saturating_add(other.bytes) }
    }

    fn minus(self, other: Self) -> Self {
        Self { items: self.items.saturating_sub(other.items), bytes: self.bytes.saturating_sub(other.bytes) }
    }
}

/// Sums by class.
type Sums = BTreeMap<Class, Tally>;

/// What is kept for speed. Numbers only.
pub(crate) struct Usages {
    kept: Mutex<LruCache<Handle, Kept>>,
    limits: Mutex<LruCache<Handle, Quotas>>,
    gates: Vec<RwLock<()>>,
    hasher: RandomState,
}

#[derive(Default)]
struct Kept {
    used: Sums,
    /// Of commits under way.
    promised: Sums,
}

/// What a commit is measured by.
pub(crate) struct Room<'a> {
    pub(crate) limits: &'a Quotas,
    pub(crate) class: Class,
    /// What the same write will forget as soon as it is durable.
    pub(crate) freed: Tally,
}

impl Room<'_> {
    /// For what no quota refuses.
    pub(crate) fn without_end(class: Class) -> Self {
        const NONE: Quotas = Quotas::NONE;
        Self { limits: &NONE, class, freed: Tally::default() }
    }
}

impl Usages {
    pub(crate) fn new() -> Self {
        let most = NonZeroUsize::new(KEPT).unwrap_or(NonZeroUsize::MIN);
        Self {
            kept: Mutex::new(LruCache::new(most)),
            limits: Mutex::new(LruCache::new(most)),
            gates: (0..GATES).map(|_| RwLock::new(())).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Drops what is known of a person.
    pub(crate) fn forget_person(&self, handle: Handle) {
        lock(&self.kept).pop(&handle);
        self.forget_limits(handle);
    }

    pub(crate) fn forget_limits(&self, handle: Handle) {
        lock(&self.limits).pop(&handle);
    }

    fn gate_of(&self, handle: Handle) -> usize {
        self.hasher.hash_one(handle) as usize % GATES
    }

    /// Ascending and each once: who waits for one gate holds no later one.
    fn pass(&self, people: impl Iterator<Item = Handle>) -> Vec<RwLockReadGuard<'_, ()>> {
        let gates: BTreeSet<usize> = people.map(|handle| self.gate_of(handle)).collect();
        let gates = gates.into_iter().filter_map(|gate| self.gates.get(gate));
        gates.map(|gate| gate.read().unwrap_or_else(PoisonError::into_inner)).collect()
    }

    fn change(&self, changes: &BTreeMap<Handle, Sums>, apply: impl Fn(&mut Kept, Class, Tally)) {
        let mut kept = lock(&self.kept);
        for (handle, sums) in changes {
            if let Some(kept) = kept.peek_mut(handle) {
                sums.iter().for_each(|(class, tally)| apply(kept, *class, *tally));
            }
        }
    }

    /// Whether anything must be counted.
    fn counts(&self) -> bool {
        !lock(&self.kept).is_empty()
    }
}

impl Kept {
    fn sum(&self, class: Option<Class>) -> Tally {
        let of = |sums: &Sums| match class {
            Some(class) => sums.get(&class).copied().unwrap_or_default(),
            None => sums.values().fold(Tally::default(), |sum, tally| sum.plus(*tally)),
        };
        of(&self.used).plus(of(&self.promised))
    }
}

fn add(sums: &mut Sums, class: Class, tally: Tally) {
    let sum = sums.entry(class).or_default();
    *sum = sum.plus(tally);
}

fn subtract(sums: &mut Sums, class: Class, tally: Tally) {
    let sum = sums.entry(class).or_default();
    *sum = sum.minus(tally);
}

impl Inner {
    /// Commits rows of content: every commit but the removal of rows passes here.
    pub(crate) fn commit(&self, batch: Batch) -> Result<(), VaultError> {
        self.commit_counted(batch, None)
    }

    /// The same, refused if it would exceed what the person may store.
    pub(crate) fn commit_within(
        &self,
        person: &Person,
        room: &Room<'_>,
        mut batch: Batch,
    ) -> Result<(), VaultError> {
        let marked = person.mark(&mut batch)?;
        self.commit_marked(person, room, batch)?;
        marked.into_iter().for_each(Marked::committed);
        Ok(())
    }

    fn commit_marked(&self, person: &Person, room: &Room<'_>, batch: Batch) -> Result<(), VaultError> {
        if room.limits.of(room.class) == Quota::default() && room.limits.total == Quota::default() {
            return self.commit(batch);
        }
        self.commit_counted(batch, Some((person, room)))
    }

    fn commit_counted(&self, batch: Batch, within: Option<(&Person, &Room<'_>)>) -> Result<(), VaultError> {
        let people: BTreeSet<Handle> =
            batch.ops.iter().filter_map(|(key, _)| Some(Place::parse(key)?.0)).collect();
        if let Some((person, _)) = within {
            self.count(person)?;
        }
        let _gates = self.usages.pass(people.into_iter());
        let added =
            if within.is_some() || self.usages.counts() { self.added(&batch)? } else { BTreeMap::new() };
        if let Some((person, room)) = within {
            self.judge(person, room, &added)?;
        }
        self.usages.change(&added, |kept, class, tally| add(&mut kept.promised, class, tally));
        let committed = self.engine.commit(batch).map_err(conflict);
        let done = committed.is_ok();
        self.usages.change(&added, |kept, class, tally| {
            subtract(&mut kept.promised, class, tally);
            if done {
                add(&mut kept.used, class, tally);
            }
        });
        committed
    }

    /// What a batch adds.
    fn added(&self, batch: &Batch) -> Result<BTreeMap<Handle, Sums>, VaultError> {
        let mut added: BTreeMap<Handle, Sums> = BTreeMap::new();
        for (key, value) in &batch.ops {
            if let (Some((handle, place)), Some(value)) = (Place::parse(key), value) {
                add(added.entry(handle).or_default(), place.class, self.tally(place, value)?);
            }
        }
        Ok(added)
    }

    /// What one row counts.
    pub(crate) fn tally(&self, place: Place, row: &[u8]) -> Result<Tally, VaultError> {
        let value = Value::parse(row);
        let blob = match value.as_ref().and_then(|value| value.blob.as_ref()) {
            Some(blob) => self.blobs.len(blob)?,
            None => 0,
        };
        // A half of a message says nothing: the message is its author's.
        let counts =
            place.branch == Branch::Items && value.is_none_or(|value| value.part != Part::EitherPeer);
        Ok(Tally { items: u64::from(counts), bytes: row.len() as u64 + blob })
    }

    /// Rows are about to be removed: what they count, with the gates passed until it is dropped.
    pub(crate) fn removing(&self, rows: &[Row]) -> Removal<'_> {
        let people: BTreeSet<Handle> =
            rows.iter().filter_map(|(key, _)| Some(Place::parse(key)?.0)).collect();
        let gates = self.usages.pass(people.iter().copied());
        let mut sums: BTreeMap<Handle, Sums> = BTreeMap::new();
        if self.usages.counts() {
            for (key, row) in rows {
                let Some((handle, place)) = Place::parse(key) else { continue };
                // A row whose blob cannot be told is damaged; the next scan passes judgement.
                let tally = self.tally(place, row).unwrap_or_default();
                add(sums.entry(handle).or_default(), place.class, tally);
            }
        }
        Removal { usages: &self.usages, people, sums, removed: false, _gates: gates }
    }

    /// Sees to it that this person's sums are kept.
    fn count(&self, person: &Person) -> Result<(), VaultError> {
        let handle = person.handle();
        if lock(&self.usages.kept).contains(&handle) {
            return Ok(());
        }
        let Some(gate) = self.usages.gates.get(self.usages.gate_of(handle)) else { return Ok(()) };
        let _closed = gate.write().unwrap_or_else(PoisonError::into_inner);
        if !lock(&self.usages.kept).contains(&handle) {
            // An erasure waits for this guard, then drops what was kept.
            let _operation = person.enter()?;
            let used = person.sums()?;
            lock(&self.usages.kept).put(handle, Kept { used, promised: Sums::new() });
        }
        Ok(())
    }

    /// The caller passed the gate, so the sums stand unless they were dropped for others' since: then this write is let pass.
    fn judge(
        &self,
        person: &Person,
        room: &Room<'_>,
        added: &BTreeMap<Handle, Sums>,
    ) -> Result<(), VaultError> {
        let kept = lock(&self.usages.kept);
        let Some(kept) = kept.peek(&person.handle()) else { return Ok(()) };
        let own = added.get(&person.handle());
        let asked = own.and_then(|sums| sums.get(&room.class)).copied().unwrap_or_default();
        for (class, limit) in [(Some(room.class), room.limits.of(room.class)), (None, room.limits.total)] {
            let used = kept.sum(class).minus(room.freed);
            check(class, used, asked, limit)?;
        }
        Ok(())
    }
}

/// Rows on their way out.
pub(crate) struct Removal<'a> {
    usages: &'a Usages,
    people: BTreeSet<Handle>,
    sums: BTreeMap<Handle, Sums>,
    removed: bool,
    _gates: Vec<RwLockReadGuard<'a, ()>>,
}

impl Removal<'_> {
    /// They are gone.
    pub(crate) fn done(mut self) {
        self.removed = true;
        self.usages.change(&self.sums, |kept, class, tally| subtract(&mut kept.used, class, tally));
    }
}

/// Nobody knows how many of them went: what is kept is dropped.
impl Drop for Removal<'_> {
    fn drop(&mut self) {
        if !self.removed {
            self.people.iter().for_each(|handle| self.usages.forget_person(*handle));
        }
    }
}

fn check(class: Option<Class>, used: Tally, asked: Tally, limit: Quota) -> Result<(), VaultError> {
    let class = class.map_or("total", name);
    for (what, used, asked, limit) in
        [("bytes", used.bytes, asked.bytes, limit.bytes), ("items", used.items, asked.items, limit.items)]
    {
        if let Some(limit) = limit
            && asked > 0
            && used.saturating_add(asked) > limit
        {
            return Err(VaultError::QuotaExceeded { class, what, used, asked, limit });
        }
    }
    Ok(())
}

impl Person {
    /// The limits that stand for this person. Called while no lock of a run is held.
    pub(crate) fn limits(&self) -> Result<Quotas, VaultError> {
        let handle = self.handle();
        if let Some(limits) = lock(&self.vault.usages.limits).get(&handle) {
            return Ok(*limits);
        }
        // Whoever sets them holds this lock until they are durable, and drops what is kept afterwards.
        let _lock = self.vault.slots.lock((handle, Run::items(Class::Profile, QUOTA)));
        let _operation = self.enter()?;
        let limits = self.own_quotas()?.or(self.vault.settings.quotas);
        lock(&self.vault.usages.limits).put(handle, limits);
        Ok(limits)
    }

    /// What was set for this person.
    pub(crate) fn own_quotas(&self) -> Result<Quotas, VaultError> {
        let found = self.one::<Quotas>(Run::items(Class::Profile, QUOTA))?;
        Ok(found.map(|(quotas, _)| quotas).unwrap_or_default())
    }

    /// Refuses a write that cannot fit before its content is read: no room is left at all.
    pub(crate) fn expect_room(&self, room: &Room<'_>) -> Result<(), VaultError> {
        let Room { limits, class, .. } = *room;
        if limits.of(class) == Quota::default() && limits.total == Quota::default() {
            return Ok(());
        }
        self.vault.count(self)?;
        let added = BTreeMap::from([(self.handle(), Sums::from([(class, Tally { items: 1, bytes: 1 })]))]);
        self.vault.judge(self, room, &added)
    }

    /// Classes that hold nothing are left out.
    pub(crate) fn usage(&self) -> Result<Vec<ClassUsage>, VaultError> {
        let sums = self.sums()?.into_iter();
        Ok(sums
            .map(|(class, Tally { items, bytes })| ClassUsage { class: name(class), items, bytes })
            .collect())
    }

    /// What the rows of a run count.
    pub(crate) fn tally_of(&self, run: Run) -> Result<Tally, VaultError> {
        let mut sum = Tally::default();
        self.each_row(Bounds::run(&self.handle(), run), &mut |place, row| {
            sum = sum.plus(self.vault.tally(place, &row)?);
            Ok(true)
        })?;
        Ok(sum)
    }

    fn sums(&self) -> Result<Sums, VaultError> {
        let mut sums = Sums::new();
        self.each_row(Bounds::person(&self.handle()), &mut |place, row| {
            add(&mut sums, place.class, self.vault.tally(place, &row)?);
            Ok(true)
        })?;
        Ok(sums)
    }
}

pub(crate) fn name(class: Class) -> &'static str {
    match class {
        Class::Saves => "saves",
        Class::Chat => "chat",
        Class::Credentials => "credentials",
        Class::Records => "records",
        Class::Profile => "profile",
    }
}
