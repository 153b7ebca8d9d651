//! The list of free slots, over memory that is no kernel's: these run under Miri as well.
#![expect(unsafe_code, reason = "gives slots back")]

use std::cell::Cell;
use std::collections::HashSet;

use super::*;

thread_local! {
    /// How many more regions the source grants on this thread, and how many times it was asked.
    static LEFT: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
}

fn source(len: usize) -> Option<Region> {
    let (left, asked) = LEFT.get();
    LEFT.set((left.saturating_sub(1), asked + 1));
    let memory: &'static mut [u8] = Box::leak(vec![0; if left > 0 { len } else { 0 }].into_boxed_slice());
    let start = NonNull::from(memory).cast();
    (left > 0).then_some(Region { start, len, kept: Protection::Locked })
}

fn arena(regions: usize) -> Arena {
    LEFT.set((regions, 0));
    Arena::new(1024, source)
}

const SLOTS: usize = LARGE / 1024;

#[test]
fn grows_by_regions_and_no_slot_is_handed_out_twice() {
    let arena = arena(3);
    let taken: Vec<Slot> = (0..3 * SLOTS).map(|_| arena.take().unwrap()).collect();
    assert_eq!(LEFT.get(), (0, 3), "the source is asked once for {SLOTS} slots");
    let places: HashSet<usize> = taken.iter().map(|slot| slot.0.addr().get()).collect();
    assert_eq!(places.len(), taken.len());
    let mut sorted: Vec<usize> = places.into_iter().collect();
    sorted.sort_unstable();
    assert!(sorted.windows(2).all(|pair| pair[1] - pair[0] >= 1024), "slots overlap");
    assert_eq!(arena.usage(), Usage { locked: 3 * LARGE, ..Usage::default() });
}

#[test]
fn slots_come_back_and_the_list_of_them_does_not_grow() {
    let arena = arena(2);
    let taken: Vec<Slot> = (0..2 * SLOTS).map(|_| arena.take().unwrap()).collect();
    let room = arena.lock().free.capacity();
    for round in 0..3 {
        for slot in &taken {
            // SAFETY: taken above (or again below), given back once in each round, never written.
            unsafe { arena.give_back(*slot) };
        }
        assert_eq!(arena.lock().free.capacity(), room, "{round}");
        let again: HashSet<usize> = taken.iter().map(|_| arena.take().unwrap().0.addr().get()).collect();
        assert_eq!(again, taken.iter().map(|slot| slot.0.addr().get()).collect());
    }
    assert_eq!(LEFT.get(), (0, 2));
}

#[test]
fn at_the_limit_the_rest_is_taken_in_small_pieces_and_then_nobody_asks_again() {
    fn small_only(len: usize) -> Option<Region> {
        if len > SMALL {
            let (left, asked) = LEFT.get();
            LEFT.set((left, asked + 1));
            return None;
        }
        source(len)
    }
    LEFT.set((2, 0));
    let arena = Arena::new(1024, small_only);
    let slots = 2 * SMALL / 1024;
    assert!((0..slots).all(|_| arena.take().is_some()));
    assert_eq!(arena.protection(), Protection::Plain.min(Protection::Locked));
    assert!(arena.take().is_none());
    let asked = LEFT.get().1;
    assert!((0..100).all(|_| arena.take().is_none()));
    assert_eq!(LEFT.get().1, asked, "asked again after a refusal");
}

#[test]
fn ordinary_memory_is_told_for_good() {
    let arena = arena(1);
    assert_eq!(arena.protection(), Protection::Locked);
    arena.plain_taken();
    arena.plain_taken();
    arena.plain_freed();
    assert_eq!((arena.usage().plain, arena.usage().plain_most), (1024, 2048));
    arena.plain_freed();
    assert_eq!(arena.protection(), Protection::Plain);
    assert_eq!(Arena::new(32, |_| None).protection(), Protection::Plain);
}
