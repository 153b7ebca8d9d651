//! What changes the whole process and is therefore done by the binary alone.

use std::panic;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// The exit code for damage that was found.
const CORRUPTION: i32 = 5;

/// No core dumps, no reading of this process's memory by others of the same user, panics without payloads, and the
/// system-call filter under which sled syncs each of its own writes (docs/sled.md).
pub(crate) fn process() -> Result<(), String> {
    quiet_panics();
    // Limits may already be lower than asked for; a failure leaves things as they were.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())?;
    oubliette_engine::deny_sync_file_range().map_err(|error| error.to_string())
}

/// A panic's message may hold what was being worked on; the place is enough to find the bug. One of sled, on whatever thread, is damage
/// that it ran into: its calls would fail or wait for ever after that, so the process ends, as one that found corruption.
fn quiet_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        if place.contains("/sled-") {
            crate::output::stderr(&format!(
                "oubliette: the row engine stopped at damaged bytes ({}); run fsck. Rows come back from a backup, copy b of the key pages by `fsck --repair`",
                place.rsplit_once("/sled-").map_or(place.as_str(), |(_, place)| place)
            ));
            std::process::exit(CORRUPTION);
        }
        crate::output::stderr(&format!("oubliette: internal error at {place}; please report this line"));
    }));
}
