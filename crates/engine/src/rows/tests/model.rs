//! Random histories against the memory engine, with crashes that take away all that sled wrote since the last checkpoint.

use proptest::prelude::*;

use super::*;
use crate::MemoryEngine;

#[derive(Debug, Clone)]
enum Step {
    /// Writes of small keys: `None` deletes.
    Commit(Vec<(u8, Option<u8>)>),
    Range(u8, u8, usize, bool),
    Checkpoint,
    /// The rows as they were when the slots were written, the anchor as it is.
    Crash,
    /// The rows as they are.
    Kill,
    Close,
    Compact,
}

fn step() -> impl Strategy<Value = Step> {
    let change = (0_u8..12, prop::option::of(any::<u8>()));
    prop_oneof![
        8 => prop::collection::vec(change, 1..5).prop_map(Step::Commit),
        4 => (0_u8..12, 0_u8..14, 1_usize..6, any::<bool>()).prop_map(|(a, b, limit, reverse)| Step::Range(a, b, limit, reverse)),
        1 => Just(Step::Checkpoint),
        2 => Just(Step::Crash),
        1 => Just(Step::Kill),
        1 => Just(Step::Close),
        1 => Just(Step::Compact),
    ]
}

/// Spread over the prefixes.
fn key(n: u8) -> Vec<u8> {
    vec![n.wrapping_mul(40), n]
}

fn run(mode: SledMode, steps: &[Step]) {
    let place = Place::new(mode);
    let model = MemoryEngine::new();
    let mut engine = place.open().unwrap();
    let mut covered = place.copy_rows("covered");
    for step in steps {
        match step {
            Step::Commit(changes) => {
                let mut batch = Batch::new();
                for (n, value) in changes {
                    match value {
                        Some(value) => batch.put(key(*n), vec![*value; 30]),
                        None => batch.delete(key(*n)),
                    };
                }
                engine.commit(batch.clone()).unwrap();
                model.commit(batch).unwrap();
            }
            Step::Range(from, to, limit, reverse) => {
                let (from, to) = (vec![from.wrapping_mul(20)], vec![to.wrapping_mul(20)]);
                let found = engine.range(&from, &to, *limit, *reverse).unwrap();
                assert_eq!(found, model.range(&from, &to, *limit, *reverse).unwrap());
            }
            Step::Checkpoint => {
                engine.rows.checkpoint().unwrap();
                covered = place.copy_rows("covered");
            }
            Step::Compact => {
                engine.compact().unwrap();
                covered = place.copy_rows("covered");
            }
            Step::Crash | Step::Kill | Step::Close => {
                if matches!(step, Step::Close) {
                    engine.close().unwrap();
                }
                drop(engine);
                if matches!(step, Step::Crash) {
                    place.put_back(&covered, None);
                }
                engine = place.open().unwrap();
                covered = place.copy_rows("covered");
            }
        }
        for n in 0..12 {
            assert_eq!(engine.get(&key(n)).unwrap(), model.get(&key(n)).unwrap(), "row {n} after {step:?}");
        }
    }
    let (found, expected) = (engine.sizes().unwrap(), model.sizes().unwrap());
    assert_eq!((found.rows, found.live_bytes), (expected.rows, expected.live_bytes));
    assert_eq!(engine.verify().unwrap().faults, Vec::<String>::new());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn histories_with_crashes_are_those_of_memory_filtered(steps in prop::collection::vec(step(), 1..40)) {
        run(SledMode::Filtered, &steps);
    }

    #[test]
    fn histories_with_crashes_are_those_of_memory_exclusive(steps in prop::collection::vec(step(), 1..25)) {
        run(SledMode::Exclusive, &steps);
    }
}
