//! Numbers handed out but not yet committed: seqs of uploads under way, and compartments of names that are new.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use oubliette_crypto::{Class, Handle};

use crate::VaultError;
use crate::locks::lock;
use crate::names::Name;
use crate::person::Person;
use crate::rows::Run;

/// What this process has promised. Small: one entry for each operation under way.
#[derive(Default)]
pub(crate) struct Reserved {
    seqs: Mutex<BTreeMap<(Handle, Run), Promise<u64>>>,
    names: Mutex<BTreeMap<(Handle, Class, Name), Promise<u32>>>,
}

struct Promise<N> {
    highest: N,
    holders: usize,
}

/// A seq that nobody else gets while this lives.
pub(crate) struct Seq {
    reserved: Arc<Reserved>,
    key: (Handle, Run),
    seq: u64,
}

/// A compartment for a name that nobody else takes while this lives. Those who ask for the same name share it.
pub(crate) struct NewCompartment {
    reserved: Arc<Reserved>,
    key: (Handle, Class, Name),
    compartment: u32,
}

impl Person {
    /// The next seq of a run. The caller holds the run's lock now, and again from before it commits until it drops this.
    pub(crate) fn reserve_seq(&self, run: Run) -> Result<Seq, VaultError> {
        let highest = self.highest(run)?;
        let reserved = self.vault.reserved.clone();
        let key = (self.handle(), run);
        let promised = lock(&reserved.seqs).get(&key).map_or(0, |promise| promise.highest);
        let seq = self.free_from(run, promised.max(highest).checked_add(1))?;
        let mut seqs = lock(&reserved.seqs);
        let promise = seqs.entry(key).or_insert(Promise { highest: 0, holders: 0 });
        promise.highest = promise.highest.max(seq);
        promise.holders += 1;
        drop(seqs);
        Ok(Seq { reserved, key, seq })
    }
}

impl Reserved {
    /// Shows the names that compartments are promised for. For the tape adversary.
    pub(crate) fn each_name(&self, visit: &mut dyn FnMut(&str)) {
        lock(&self.names).keys().flat_map(|(_, _, name)| &name.0).for_each(|part| visit(part));
    }

    /// The highest compartment promised in a class; 0 if there is none. The caller holds the person's lock.
    pub(crate) fn highest_compartment(&self, handle: Handle, class: Class) -> u32 {
        let names = lock(&self.names);
        let promised = names.range((handle, class, Name::default())..);
        let promised = promised.take_while(|((h, c, _), _)| (*h, *c) == (handle, class));
        promised.map(|(_, promise)| promise.highest).max().unwrap_or(0)
    }

    /// The compartment that is promised for a name. The caller holds the person's lock.
    pub(crate) fn promised(&self, handle: Handle, class: Class, name: &Name) -> Option<u32> {
        lock(&self.names).get(&(handle, class, name.clone())).map(|promise| promise.highest)
    }

    /// A compartment for a new name: the one already promised for it, or the next after `highest`. The caller holds the
    /// person's lock.
    pub(crate) fn compartment(
        self: &Arc<Self>,
        handle: Handle,
        class: Class,
        name: Name,
        highest: u32,
    ) -> Result<NewCompartment, VaultError> {
        let highest = self.highest_compartment(handle, class).max(highest);
        let mut names = lock(&self.names);
        let key = (handle, class, name);
        if !names.contains_key(&key) {
            let next = highest.checked_add(1).ok_or(VaultError::TooLarge {
                what: "the number of names in this class",
                limit: u32::MAX.into(),
            })?;
            names.insert(key.clone(), Promise { highest: next, holders: 0 });
        }
        let compartment = names.get_mut(&key).map_or(0, |promise| {
            promise.holders += 1;
            promise.highest
        });
        drop(names);
        Ok(NewCompartment { reserved: self.clone(), key, compartment })
    }
}

impl Seq {
    pub(crate) fn get(&self) -> u64 {
        self.seq
    }
}

impl NewCompartment {
    pub(crate) fn get(&self) -> u32 {
        self.compartment
    }
}

impl Drop for Seq {
    fn drop(&mut self) {
        release(&self.reserved.seqs, &self.key);
    }
}

impl Drop for NewCompartment {
    fn drop(&mut self) {
        release(&self.reserved.names, &self.key);
    }
}

fn release<K: Ord, N>(promises: &Mutex<BTreeMap<K, Promise<N>>>, key: &K) {
    let mut promises = lock(promises);
    if let Some(promise) = promises.get_mut(key) {
        promise.holders -= 1;
        if promise.holders == 0 {
            promises.remove(key);
        }
    }
}
