//! The people in memory: the recently used ones, and whoever is still held.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};

use lru::LruCache;
use oubliette_crypto::Tag;

use super::Person;

/// At most one object per person. Who is looked up here under the root's lock and found missing may be loaded and put in under
/// the same lock: a commit publishes under the write side of it.
pub(crate) struct People {
    held: HashMap<Tag, Weak<Person>>,
    recent: LruCache<Tag, Arc<Person>>,
    /// Size at which names of people that nobody holds are swept out.
    sweep_at: usize,
}

impl People {
    pub(crate) fn new(recent: usize) -> Self {
        let recent = NonZeroUsize::new(recent).unwrap_or(NonZeroUsize::MIN);
        Self { held: HashMap::new(), recent: LruCache::new(recent), sweep_at: 2 * recent.get() }
    }

    pub(crate) fn get(&mut self, tag: &Tag) -> Option<Arc<Person>> {
        let person = self.held.get(tag)?.upgrade()?;
        self.recent.put(*tag, Arc::clone(&person));
        Some(person)
    }

    pub(crate) fn insert(&mut self, person: Arc<Person>) {
        self.held.insert(person.tag, Arc::downgrade(&person));
        self.recent.put(person.tag, person);
        if self.held.len() >= self.sweep_at {
            self.held.retain(|_, person| person.strong_count() > 0);
            self.sweep_at = 2 * self.held.len().max(self.recent.cap().get());
        }
    }

    /// Everybody in memory.
    pub(crate) fn all(&self) -> impl Iterator<Item = Arc<Person>> {
        self.held.values().filter_map(Weak::upgrade)
    }

    /// Whoever holds the person keeps them; nobody finds them here any more.
    pub(crate) fn remove(&mut self, tag: &Tag) {
        self.held.remove(tag);
        self.recent.pop(tag);
    }
}
