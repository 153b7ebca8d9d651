use oubliette_engine::{Batch, Precondition};
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Command {
    Commit(Batch),
    Get(Vec<u8>),
    Range(Vec<u8>, Vec<u8>, usize, bool),
    Verify,
    Compact,
    Reopen { clean: bool },
}

/// Few keys, so that they meet; some of the vault's own, some in every corner of the prefixes.
fn key() -> impl Strategy<Value = Vec<u8>> {
    let own =
        prop_oneof![Just(b"B".to_vec()), Just(b"B1".to_vec())].prop_map(|tail| [vec![0; 16], tail].concat());
    prop_oneof![
        4 => (0..4_u8, 0..4_u8).prop_map(|(a, b)| vec![a * 64, b]),
        1 => prop::sample::select(vec![vec![0], vec![0; 16], vec![0; 17], vec![255; 64], vec![3], vec![4]]),
        1 => own,
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (any::<u8>(), 3000..=4096_usize).prop_map(|(byte, length)| vec![byte; length]),
    ]
}

fn batch() -> impl Strategy<Value = Batch> {
    let precondition = prop_oneof![
        key().prop_map(Precondition::Absent),
        key().prop_map(Precondition::Present),
        (key(), value()).prop_map(|(key, value)| Precondition::Equals(key, value)),
    ];
    let preconditions = prop_oneof![3 => Just(Vec::new()), 1 => prop::collection::vec(precondition, 1..3)];
    let ops = prop::collection::vec((key(), prop::option::weighted(0.7, value())), 0..12);
    (preconditions, ops).prop_map(|(preconditions, ops)| Batch { preconditions, ops })
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        8 => batch().prop_map(Command::Commit),
        4 => key().prop_map(Command::Get),
        4 => (key(), key(), 0..6_usize, any::<bool>()).prop_map(|(a, b, limit, reverse)| Command::Range(a, b, limit, reverse)),
        1 => Just(Command::Verify),
        1 => Just(Command::Compact),
        1 => any::<bool>().prop_map(|clean| Command::Reopen { clean }),
    ]
}

fn run(mode: SledMode, commands: Vec<Command>) -> Result<(), TestCaseError> {
    let place = Place::new(mode);
    let model = MemoryEngine::new();
    let mut engine = place.open();
    for command in commands {
        match command {
            Command::Commit(batch) => {
                let expected = model.commit(batch.clone()).map_err(|error| error.to_string());
                prop_assert_eq!(engine.commit(batch).map_err(|error| error.to_string()), expected);
            }
            Command::Get(key) => prop_assert_eq!(engine.get(&key).unwrap(), model.get(&key).unwrap()),
            Command::Range(from, to, limit, reverse) => prop_assert_eq!(
                engine.range(&from, &to, limit, reverse).unwrap(),
                model.range(&from, &to, limit, reverse).unwrap()
            ),
            Command::Verify => {
                let report = engine.verify().unwrap();
                prop_assert_eq!(report.faults, Vec::<String>::new());
                prop_assert_eq!(report.rows, model.sizes().unwrap().rows);
            }
            Command::Compact => engine.compact().unwrap(),
            Command::Reopen { clean } => {
                if clean {
                    engine.close().unwrap();
                }
                drop(engine);
                engine = place.open();
            }
        }
        let (sizes, expected) = (engine.sizes().unwrap(), model.sizes().unwrap());
        prop_assert_eq!((sizes.rows, sizes.live_bytes), (expected.rows, expected.live_bytes));
    }
    let all = engine.range(&[0], &[255; 65], 1000, false).unwrap();
    prop_assert_eq!(all, model.range(&[0], &[255; 65], 1000, false).unwrap());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn filtered_sled_does_what_the_model_does(commands in prop::collection::vec(command(), 1..40)) {
        run(SledMode::Filtered, commands)?;
    }

    #[test]
    fn exclusive_sled_does_what_the_model_does(commands in prop::collection::vec(command(), 1..40)) {
        run(SledMode::Exclusive, commands)?;
    }
}
