use std::sync::atomic::AtomicU64;
use std::thread;

use super::*;

const WRITERS: u8 = 4;
const COMMITS: u64 = 60;

/// A commit of a writer: three rows far apart that say the same number, and one row that is added and the one before removed.
fn commit(writer: u8, n: u64) -> Batch {
    let mut batch = Batch::new();
    for place in [10, 100, 250] {
        batch.put([place, writer], n.to_be_bytes());
    }
    batch.put([&[60, writer], n.to_be_bytes().as_slice()].concat(), b"step");
    batch.delete([&[60, writer], (n - 1).to_be_bytes().as_slice()].concat());
    batch
}

fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().unwrap())
}

/// Rows are read while they are committed, stand in the overlay, and are brought into sled.
#[test]
fn readers_see_whole_commits_and_all_that_was_acknowledged() {
    for mode in [SledMode::Filtered, SledMode::Exclusive] {
        let place = Place::new(mode);
        let engine = place.open().unwrap();
        let acknowledged: [AtomicU64; WRITERS as usize] = Default::default();
        let done = AtomicU64::new(0);
        let running = || done.load(Ordering::SeqCst) < u64::from(WRITERS);
        thread::scope(|scope| {
            for writer in 0..WRITERS {
                let (engine, acknowledged, done) = (&engine, &acknowledged, &done);
                scope.spawn(move || {
                    for n in 1..=COMMITS {
                        engine.commit(commit(writer, n)).unwrap();
                        acknowledged[usize::from(writer)].store(n, Ordering::SeqCst);
                    }
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
            scope.spawn(|| {
                while running() {
                    engine.rows.checkpoint().unwrap();
                    thread::yield_now();
                }
            });
            for reverse in [false, true] {
                let (engine, acknowledged, running) = (&engine, &acknowledged, &running);
                scope.spawn(move || {
                    while running() {
                        let before: Vec<u64> =
                            acknowledged.iter().map(|n| n.load(Ordering::SeqCst)).collect();
                        look(engine, &before, reverse);
                    }
                });
            }
        });
        look(&engine, &[COMMITS; WRITERS as usize], false);
        assert_eq!(engine.verify().unwrap().faults, Vec::<String>::new());
    }
}

fn look(engine: &SledEngine, acknowledged: &[u64], reverse: bool) {
    let rows = engine.range(&[0], &[255], 1000, reverse).unwrap();
    for (writer, least) in (0_u8..).zip(acknowledged) {
        let said: Vec<u64> = rows
            .iter()
            .filter(|(key, _)| key[0] != 60 && key[1] == writer)
            .map(|(_, value)| number(value))
            .collect();
        let steps: Vec<u64> = rows
            .iter()
            .filter(|(key, _)| key[0] == 60 && key[1] == writer)
            .map(|(key, _)| number(&key[2..]))
            .collect();
        match said.as_slice() {
            [] => assert_eq!((*least, steps.len()), (0, 0)),
            [first, rest @ ..] => {
                assert!(first >= least, "{first} is shown, {least} was acknowledged");
                assert!(rest.len() == 2 && rest.iter().all(|n| n == first), "half a commit: {said:?}");
                assert_eq!(steps, [*first], "half a commit");
            }
        }
        let alone = engine.get(&[100, writer]).unwrap().map_or(0, |value| number(&value));
        assert!(alone >= *least);
    }
}
