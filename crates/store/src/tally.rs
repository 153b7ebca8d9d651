//! What was forgotten, as numbers: all that outlives it. They name nobody, stand in memory alone, and begin at 0 with the process.

use std::sync::atomic::{AtomicU64, Ordering};

use oubliette_crypto::{Branch, Class};
use oubliette_engine::Row;

use crate::rows::Place;
use crate::usage;

/// Values whose rows were removed, by class.
#[derive(Default)]
pub(crate) struct Tally([AtomicU64; Class::ALL.len()]);

impl Tally {
    pub(crate) fn count(&self, rows: &[Row]) {
        let places = rows.iter().filter_map(|(key, _)| Some(Place::parse(key)?.1));
        for place in places.filter(|place| place.branch == Branch::Items) {
            let at = Class::ALL.iter().position(|class| *class == place.class);
            if let Some(count) = at.and_then(|at| self.0.get(at)) {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// By the name of the class.
    pub(crate) fn totals(&self) -> Vec<(&'static str, u64)> {
        let names = Class::ALL.iter().map(|class| usage::name(*class));
        names.zip(self.0.iter().map(|count| count.load(Ordering::Relaxed))).collect()
    }
}
