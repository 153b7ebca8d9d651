//! What changes the whole process and is therefore done by the binary alone.

use std::{fs, panic};

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use rustix::thread::{CapabilitySet, capabilities};

use oubliette_locked::Protection;

use crate::{config::Memory, error::CliError};

/// Key pages kept in memory where it is not said how many, in bytes.
const KEY_CACHE: usize = 16 << 20;
/// Less than this is no cache to work with.
const LEAST_CACHE: usize = 1 << 20;
/// What keys outside of pages take at most: the covers of the people in memory.
const LOOSE_KEYS: usize = 3 << 20;

/// The exit code for damage that was found.
const CORRUPTION: i32 = 5;

/// No core dumps, no reading of this process's memory by others of the same user, as much locked memory as the limits allow, panics
/// without payloads, and the system-call filter under which sled syncs each of its own writes (docs/sled.md).
pub(crate) fn process() -> Result<(), String> {
    quiet_panics();
    // Limits may already be lower than asked for; a failure leaves things as they were.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let hard = getrlimit(Resource::Memlock).maximum;
    let _ = setrlimit(Resource::Memlock, Rlimit { current: hard, maximum: hard });
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| error.to_string())?;
    oubliette_engine::deny_sync_file_range().map_err(|error| error.to_string())
}

/// Bytes of key pages to keep in memory. Refused where keys could reach a swap area; where nothing is said, the cache is as large as
/// locked memory has room for.
pub(crate) fn key_cache(settings: &Memory) -> Result<usize, CliError> {
    let swappable = swap_areas() > 0 && !settings.allow_swappable_keys;
    decide(settings.key_cache, lockable(), swappable.then(oubliette_locked::protection))
}

/// `kept`: how keys are kept, if keys that are not must be refused.
fn decide(wanted: Option<usize>, lockable: usize, kept: Option<Protection>) -> Result<usize, CliError> {
    let room = lockable.saturating_sub(LOOSE_KEYS).min(lockable / 2);
    let cache = wanted.unwrap_or(KEY_CACHE.min(room).max(LEAST_CACHE));
    match kept {
        Some(Protection::Plain) => {
            Err(CliError::SwappableKeys("the system locks no memory for them".to_owned()))
        }
        Some(_) if cache > room => Err(CliError::SwappableKeys(format!(
            "they need {} KiB of locked memory, the limit is {} KiB",
            (cache + LOOSE_KEYS) >> 10,
            lockable >> 10
        ))),
        _ => Ok(cache),
    }
}

/// Swap files and partitions in use.
pub(crate) fn swap_areas() -> usize {
    // One line each below a heading. Where the list cannot be read there is no swap in this kernel.
    fs::read_to_string("/proc/swaps").map_or(0, |list| list.lines().skip(1).count())
}

/// Bytes that this process may lock.
fn lockable() -> usize {
    let unlimited = capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::IPC_LOCK));
    let limit = getrlimit(Resource::Memlock).current.filter(|_| !unlimited);
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
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

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: Option<Protection> = Some(Protection::Secret);

    #[test]
    fn the_cache_fits_into_what_may_be_locked() {
        assert_eq!(decide(None, usize::MAX, SECRET).unwrap(), KEY_CACHE);
        assert_eq!(decide(None, 8 << 20, SECRET).unwrap(), 4 << 20);
        assert_eq!(decide(None, 5 << 20, SECRET).unwrap(), 2 << 20);
        assert_eq!(decide(Some(5 << 20), 16 << 20, SECRET).unwrap(), 5 << 20);
    }

    #[test]
    fn where_keys_could_be_swapped_the_vault_is_not_opened() {
        for (wanted, lockable, kept) in [
            (None, usize::MAX, Some(Protection::Plain)),
            (None, 3 << 20, SECRET),
            (None, 64 << 10, Some(Protection::Locked)),
            (Some(16 << 20), 16 << 20, SECRET),
        ] {
            let refused = decide(wanted, lockable, kept).unwrap_err();
            assert!(matches!(refused, CliError::SwappableKeys(_)), "{wanted:?} {lockable} {kept:?}");
            assert!(refused.to_string().contains("--allow-swappable-keys"), "{refused}");
            // Without swap, or if it was allowed, the same is no error.
            assert!(decide(wanted, lockable, None).unwrap() >= LEAST_CACHE);
        }
    }
}
