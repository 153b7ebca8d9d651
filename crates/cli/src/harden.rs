//! What changes the whole process and is therefore done by the binary alone.

use std::panic;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// No core dumps, no reading of this process's memory by others of the same user, panics without payloads, and the
/// system-call filter under which sled syncs each of its own writes (docs/sled.md).
pub(crate) fn process() -> Result<(), String> {
    quiet_panics();
    // Limits may already be lower than asked for; a failure leaves things as they were.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())?;
    oubliette_engine::deny_sync_file_range().map_err(|error| error.to_string())
}

/// A panic's message may hold what was being worked on; the place is enough to find the bug.
fn quiet_panics() {
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
        crate::output::stderr(&format!("oubliette: internal error at {place}; please report this line"));
    }));
}
