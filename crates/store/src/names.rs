//! What a person's compartments are called. Names stand sealed in the metas and are found by scanning these; what was scanned
//! is kept per person and class, bounded, and dropped when the person is erased.

use std::collections::BTreeMap;
use std::sync::Mutex;

use lru::LruCache;
use oubliette_crypto::{Branch, Class, Handle, Path};
use serde::{Deserialize, Serialize};
use zeroize::Zeroize;

use crate::VaultError;
use crate::chats::ChatPolicy;
use crate::locks::lock;
use crate::objects::Draft;
use crate::person::Person;
use crate::reserve::NewCompartment;
use crate::rows::{Bounds, Place, Run};

/// Most names kept over all people.
const MAX_NAMES: usize = 200_000;
/// Most tables kept, for people with few names.
const MAX_TABLES: usize = 20_000;

/// A compartment's name in its parts: game and slot, account, or the peer's handle.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Name(pub(crate) Vec<String>);

impl Name {
    pub(crate) fn new(parts: &[&str]) -> Self {
        Self(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    pub(crate) fn part(&self, index: usize) -> &str {
        self.0.get(index).map_or("", String::as_str)
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// The facts of a meta (docs/formats.md, section 8).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) name: Name,
    /// Chat: this side sees the peer's messages from this order on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from: Option<u64>,
    /// Chat: the policy of this person's messages for which they name none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<ChatPolicy>,
    /// Chat: days after which this side's messages are forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keep: Option<u32>,
}

impl Meta {
    /// A name alone.
    pub(crate) fn named(name: Name) -> Self {
        Self { name, from: None, policy: None, keep: None }
    }
}

/// A compartment that has a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) compartment: u32,
    /// See [`Meta::from`].
    pub(crate) from: u64,
    /// See [`Meta::policy`].
    pub(crate) policy: Option<ChatPolicy>,
    /// See [`Meta::keep`].
    pub(crate) keep: Option<u32>,
}

impl Entry {
    fn new(compartment: u32, meta: &Meta) -> Self {
        Self { compartment, from: meta.from.unwrap_or(0), policy: meta.policy, keep: meta.keep }
    }
}

/// Where a name leads: to a compartment, or to one that its first content will open.
pub(crate) enum Spot {
    Known(Entry),
    New(NewCompartment),
}

impl Spot {
    pub(crate) fn compartment(&self) -> u32 {
        match self {
            Self::Known(entry) => entry.compartment,
            Self::New(new) => new.get(),
        }
    }
}

/// Tables of names, the least used dropped first.
pub(crate) struct Names(Mutex<Kept>);

struct Kept {
    tables: LruCache<(Handle, Class), Table>,
    names: usize,
}

#[derive(Default)]
struct Table {
    names: BTreeMap<Name, Entry>,
    /// The first meta that could not be opened: then no answer "no such name" can be trusted.
    damaged: Option<String>,
}

impl Names {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Kept { tables: LruCache::unbounded(), names: 0 }))
    }

    /// Drops what is known of an erased person.
    pub(crate) fn forget_person(&self, handle: Handle) {
        let mut kept = lock(&self.0);
        for class in Class::ALL {
            if let Some(table) = kept.tables.pop(&(handle, class)) {
                kept.names -= table.names.len();
            }
        }
    }
}

impl Names {
    /// Shows every name that is kept. For the tape adversary, which seizes what is in memory.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(&str)) {
        let kept = lock(&self.0);
        let names = kept.tables.iter().flat_map(|(_, table)| table.names.keys());
        names.flat_map(|name| &name.0).for_each(|part| visit(part));
    }
}

impl Kept {
    fn keep(&mut self, key: (Handle, Class), table: Table) {
        self.names += table.names.len();
        if let Some(old) = self.tables.put(key, table) {
            self.names -= old.names.len();
        }
        while self.tables.len() > 1 && (self.names > MAX_NAMES || self.tables.len() > MAX_TABLES) {
            let Some((_, table)) = self.tables.pop_lru() else { return };
            self.names -= table.names.len();
        }
    }
}

impl Person {
    /// The compartment of this name, if there is one.
    pub(crate) fn named(&self, class: Class, name: &Name) -> Result<Option<Entry>, VaultError> {
        self.with_names(class, |table| match (table.names.get(name), &table.damaged) {
            (None, Some(damaged)) => Err(VaultError::Corrupt { what: damaged.clone() }),
            (entry, _) => Ok(entry.copied()),
        })?
    }

    /// The same for a caller who holds the person's lock.
    pub(crate) fn named_locked(&self, class: Class, name: &Name) -> Result<Option<Entry>, VaultError> {
        self.with_names_locked(class, |table| match (table.names.get(name), &table.damaged) {
            (None, Some(damaged)) => Err(VaultError::Corrupt { what: damaged.clone() }),
            (entry, _) => Ok(entry.copied()),
        })?
    }

    /// All names of a class, ascending.
    pub(crate) fn all_named(&self, class: Class) -> Result<Vec<(Name, Entry)>, VaultError> {
        self.with_names(class, |table| {
            table.names.iter().map(|(name, entry)| (name.clone(), *entry)).collect()
        })
    }

    /// The same for whoever must miss none.
    ///
    /// # Errors
    /// [`VaultError::Corrupt`] if a name does not open.
    pub(crate) fn every_named(&self, class: Class) -> Result<Vec<(Name, Entry)>, VaultError> {
        let damaged = self.with_names(class, |table| table.damaged.clone())?;
        damaged.map_or_else(|| self.all_named(class), |what| Err(VaultError::Corrupt { what }))
    }

    /// What a compartment is called.
    pub(crate) fn name_of(
        &self,
        class: Class,
        compartment: u32,
    ) -> Result<Option<(Name, Entry)>, VaultError> {
        self.with_names(class, |table| {
            let found = table.names.iter().find(|(_, entry)| entry.compartment == compartment);
            found.map(|(name, entry)| (name.clone(), *entry))
        })
    }

    /// The compartment of this name, or a new one for it.
    pub(crate) fn spot(&self, class: Class, name: &Name) -> Result<Spot, VaultError> {
        if let Some(entry) = self.named(class, name)? {
            return Ok(Spot::Known(entry));
        }
        let _lock = self.vault.people.lock((self.handle(), class));
        if let Some(entry) = self.with_names_locked(class, |table| table.names.get(name).copied())? {
            return Ok(Spot::Known(entry));
        }
        let highest = self.highest_compartment(class)?;
        let new = self.vault.reserved.compartment(self.handle(), class, name.clone(), highest)?;
        Ok(Spot::New(new))
    }

    /// A sealed meta, to be committed with the compartment's first content or in place of its last meta.
    pub(crate) fn seal_meta(
        &self,
        class: Class,
        compartment: u32,
        seq: u64,
        meta: &Meta,
    ) -> Result<Draft, VaultError> {
        let facts = serde_json::to_vec(meta).map_err(|_| VaultError::invalid("name", "cannot be stored"))?;
        self.seal(Run::meta(class, compartment).at(seq), self.vault.now(), &facts, &[])
    }

    /// Takes note of a meta that was committed. Before its promise is dropped: who asks for a new name meanwhile waits here and
    /// then finds this one.
    pub(crate) fn learn(&self, class: Class, compartment: u32, meta: Meta) {
        let _lock = self.vault.people.lock((self.handle(), class));
        // Whoever read the meta before us may have cut it already; a cut from here on is unlearned after this.
        let cut = Path::compartment(class, compartment).map(|path| self.keys.is_cut(&path));
        if !matches!(cut, Ok(Ok(false))) {
            return;
        }
        let mut kept = lock(&self.vault.names.0);
        let Some(table) = kept.tables.get_mut(&(self.handle(), class)) else { return };
        let entry = Entry::new(compartment, &meta);
        if table.names.insert(meta.name, entry).is_none() {
            kept.names += 1;
        }
    }

    /// Takes note that a compartment was cut. Its name may belong to a new one by now.
    pub(crate) fn unlearn(&self, class: Class, name: &Name, compartment: u32) {
        let _lock = self.vault.people.lock((self.handle(), class));
        let mut kept = lock(&self.vault.names.0);
        let Some(table) = kept.tables.get_mut(&(self.handle(), class)) else { return };
        if table.names.get(name).is_some_and(|entry| entry.compartment == compartment) {
            table.names.remove(name);
            kept.names -= 1;
        }
    }

    /// The same of all compartments of a class.
    pub(crate) fn unlearn_all(&self, class: Class) {
        let _lock = self.vault.people.lock((self.handle(), class));
        let mut kept = lock(&self.vault.names.0);
        if let Some(table) = kept.tables.pop(&(self.handle(), class)) {
            kept.names -= table.names.len();
        }
    }

    fn with_names<T>(&self, class: Class, answer: impl FnOnce(&Table) -> T) -> Result<T, VaultError> {
        if let Some(table) = lock(&self.vault.names.0).tables.get(&(self.handle(), class)) {
            return Ok(answer(table));
        }
        let _lock = self.vault.people.lock((self.handle(), class));
        self.with_names_locked(class, answer)
    }

    /// The caller holds the person's lock, so that no meta which is committed meanwhile is missed: its `learn` waits.
    fn with_names_locked<T>(&self, class: Class, answer: impl FnOnce(&Table) -> T) -> Result<T, VaultError> {
        if let Some(table) = lock(&self.vault.names.0).tables.get(&(self.handle(), class)) {
            return Ok(answer(table));
        }
        // An erasure waits for this guard, then drops what was kept.
        let _operation = self.enter()?;
        let table = self.scan_names(class)?;
        let answer = answer(&table);
        lock(&self.vault.names.0).keep((self.handle(), class), table);
        Ok(answer)
    }

    fn scan_names(&self, class: Class) -> Result<Table, VaultError> {
        let mut table = Table::default();
        let bounds = Bounds::branch(&self.handle(), class, Branch::Meta);
        // Ascending: of two metas of one compartment, which a crash can leave, the newer counts.
        let mut last: Option<(Place, Meta)> = None;
        self.each_row(bounds, &mut |place, row| {
            if self.is_cut(place)? {
                return Ok(true);
            }
            match self.open(place, &row).and_then(|opened| opened.facts_as::<Meta>()) {
                Ok(meta) => {
                    let before = last.replace((place, meta));
                    table.add(before.filter(|(before, _)| before.compartment != place.compartment));
                    Ok(true)
                }
                Err(VaultError::Corrupt { what }) => {
                    table.damaged.get_or_insert(what);
                    Ok(true)
                }
                Err(VaultError::Forgotten) => Ok(true),
                Err(other) => Err(other),
            }
        })?;
        table.add(last);
        Ok(table)
    }
}

impl Table {
    fn add(&mut self, found: Option<(Place, Meta)>) {
        if let Some((place, meta)) = found {
            let entry = Entry::new(place.compartment, &meta);
            self.names.insert(meta.name, entry);
        }
    }
}
