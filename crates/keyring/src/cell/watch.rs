//! Watches in a run whether overwriting a cell's file stays in place: a class above E0 is given for nothing less.

use std::fs::File;
use std::sync::{Mutex, PoisonError};

use super::ErasureClass;
use super::place::{Doubt, Overwriting, Place, class_of, where_is};

/// What was seen of one file in this run.
#[derive(Default)]
pub(super) struct Watch(Mutex<Option<Seen>>);

struct Seen {
    place: Place,
    overwriting: Overwriting,
}

impl Watch {
    /// Begins: looks at the place, overwrites by `overwrite` (which syncs), and looks again.
    pub(super) fn begin(&self, file: &File, overwrite: impl FnOnce() -> Result<(), String>) {
        let Ok(place) = Place::of(file) else { return };
        let overwriting = match overwrite() {
            Err(why) => Overwriting::Failed(why),
            Ok(()) if place.is_where(&where_is(file)) => Overwriting::Stayed,
            Ok(()) => Overwriting::Moved,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Seen { place, overwriting });
    }

    /// The class now. Whoever saw the bytes move once goes on saying so: what was left behind then is still there.
    pub(super) fn judge(&self, file: &File) -> (ErasureClass, Vec<Doubt>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = seen.as_mut() else { return (ErasureClass::E0, vec![Doubt::Unseen]) };
        let now = where_is(file);
        if seen.overwriting == Overwriting::Stayed && !seen.place.is_where(&now) {
            seen.overwriting = Overwriting::Moved;
        }
        // A snapshot may have been taken meanwhile: that moves nothing yet, and shows in the flags.
        let place = Place { extents: now.map_err(|error| error.to_string()), ..seen.place.clone() };
        class_of(&place, &seen.overwriting)
    }
}
