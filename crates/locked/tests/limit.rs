//! What happens when no more memory may be locked. Alone in its process: the limit and the state after it are the process's.
#![cfg(all(target_os = "linux", not(miri)))]

use oubliette_locked::{Locked, Protection, protection, usage};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

const LIMIT: u64 = 400 << 10;

#[test]
fn at_the_limit_values_still_work_and_it_is_told() {
    // With this capability, which root has, no limit counts. It is dropped for this thread alone.
    let mut sets = capabilities(None).unwrap();
    sets.effective.remove(CapabilitySet::IPC_LOCK);
    set_capabilities(None, sets).unwrap();
    let hard = getrlimit(Resource::Memlock).maximum;
    if hard.is_some_and(|hard| hard < LIMIT) {
        println!("left out: locked: less than 400 KiB may be locked here");
        return;
    }
    setrlimit(Resource::Memlock, Rlimit { current: Some(LIMIT), maximum: hard }).unwrap();

    let best = protection();
    assert!(best < Protection::Plain, "within the limit something is granted");
    let mut keys: Vec<Locked<32>> = (0..40_000u32).map(numbered).collect();
    let at_most = usage();
    assert_eq!(protection(), Protection::Plain);
    assert!(at_most.plain > 0 && at_most.plain_most == at_most.plain, "{at_most:?}");
    assert!((at_most.secret + at_most.locked) as u64 <= LIMIT, "{at_most:?}");
    assert!(at_most.secret + at_most.locked >= 256 << 10, "the limit is used: {at_most:?}");
    assert!(keys.iter().zip(0u32..).all(|(key, number)| key.expose()[..4] == number.to_be_bytes()));

    // What comes after a while in which less was needed is locked again, but what happened stays told.
    keys.clear();
    let again: Vec<Locked<32>> = (0..4000).map(numbered).collect();
    assert_eq!((usage().plain, usage().plain_most), (0, at_most.plain_most));
    assert_eq!(protection(), Protection::Plain);
    drop(again);
}

fn numbered(number: u32) -> Locked<32> {
    let mut key = Locked::zeroed();
    assert_eq!(key.expose(), &[0; 32]);
    key.expose_mut()[..4].copy_from_slice(&number.to_be_bytes());
    key
}
