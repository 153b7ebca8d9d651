//! The folders: which names are durable, and which changes of names are in flight.

use std::collections::{BTreeMap, BTreeSet};

use super::Keep;
use crate::record::Ino;

type Place = (Ino, String);

#[derive(Debug, Clone)]
struct Change {
    number: u64,
    what: What,
}

#[derive(Debug, Clone)]
enum What {
    Create { place: Place, ino: Ino, folder: bool },
    Rename { from: Place, to: Place },
    Remove { place: Place },
}

impl Change {
    fn places(&self) -> Vec<&Place> {
        match &self.what {
            What::Create { place, .. } | What::Remove { place } => vec![place],
            What::Rename { from, to } => vec![from, to],
        }
    }

    fn touches(&self, dir: Ino) -> bool {
        self.places().iter().any(|place| place.0 == dir)
    }
}

#[derive(Clone)]
pub(super) struct Names {
    durable: BTreeMap<Ino, BTreeMap<String, Ino>>,
    pending: Vec<Change>,
}

impl Names {
    pub(super) fn new(root: Ino) -> Self {
        Self { durable: [(root, BTreeMap::new())].into(), pending: Vec::new() }
    }

    /// A name that is there from the beginning.
    pub(super) fn settled(&mut self, dir: Ino, name: &str, ino: Ino, folder: bool) {
        let place = (dir, name.to_owned());
        apply(&mut self.durable, &What::Create { place, ino, folder });
    }

    pub(super) fn create(&mut self, number: u64, dir: Ino, name: &str, ino: Ino, folder: bool) {
        self.push(number, What::Create { place: (dir, name.to_owned()), ino, folder });
    }

    pub(super) fn rename(&mut self, number: u64, dir: Ino, name: &str, to_dir: Ino, to_name: &str) {
        self.push(number, What::Rename { from: (dir, name.to_owned()), to: (to_dir, to_name.to_owned()) });
    }

    pub(super) fn remove(&mut self, number: u64, dir: Ino, name: &str) {
        self.push(number, What::Remove { place: (dir, name.to_owned()) });
    }

    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// Number of the oldest call in flight.
    pub(super) fn first(&self) -> Option<u64> {
        self.pending.first().map(|change| change.number)
    }

    /// Makes the names in one folder durable, and whatever must have happened before.
    pub(super) fn sync(&mut self, dir: Ino) {
        let mut needed: BTreeSet<Place> = BTreeSet::new();
        let mut go = vec![false; self.pending.len()];
        for (change, go) in self.pending.iter().zip(&mut go).rev() {
            *go = change.touches(dir) || change.places().iter().any(|place| needed.contains(*place));
            if *go {
                needed.extend(change.places().into_iter().cloned());
            }
        }
        let mut go = go.into_iter();
        let durable = &mut self.durable;
        self.pending.retain(|change| {
            let goes = go.next().unwrap_or(false);
            if goes {
                apply(durable, &change.what);
            }
            !goes
        });
    }

    /// A change happens only if those before it that share a name did.
    pub(super) fn cut(&self, keep: &mut Keep<'_>) -> BTreeMap<Ino, BTreeMap<String, Ino>> {
        let mut names = self.durable.clone();
        let mut missed: BTreeSet<&Place> = BTreeSet::new();
        for change in &self.pending {
            let places = change.places();
            let possible = !places.iter().any(|place| missed.contains(*place));
            if keep.name(change.number) && possible {
                apply(&mut names, &change.what);
            } else {
                missed.extend(places);
            }
        }
        names
    }

    fn push(&mut self, number: u64, what: What) {
        self.pending.push(Change { number, what });
    }
}

fn apply(names: &mut BTreeMap<Ino, BTreeMap<String, Ino>>, what: &What) {
    match what {
        What::Create { place: (dir, name), ino, folder } => {
            names.entry(*dir).or_default().insert(name.clone(), *ino);
            if *folder {
                names.entry(*ino).or_default();
            }
        }
        What::Rename { from: (dir, name), to: (to_dir, to_name) } => {
            if let Some(ino) = names.entry(*dir).or_default().remove(name) {
                names.entry(*to_dir).or_default().insert(to_name.clone(), ino);
            }
        }
        What::Remove { place: (dir, name) } => {
            names.entry(*dir).or_default().remove(name);
        }
    }
}
