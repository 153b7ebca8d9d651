//! Random histories. Each event is chosen by what there is at that moment; the shortest history that fails is looked for.
//!
//! `OUBLIETTE_TAPE_CASES` asks for so many new ones, `OUBLIETTE_TAPE_SEED` repeats a run.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use proptest_state_machine::ReferenceStateMachine;

use crate::histories::{LEAST_TRIALS, in_memory};
use crate::op::{Op, PEOPLE};
use crate::sketch::Histories;

/// The histories of every day are always the same, so that a failure is the last change's. New ones are asked for.
const EVERY_DAY: u64 = 5;
const CASES: u32 = 4;
const EVENTS: std::ops::Range<usize> = 50..80;

#[test]
fn random_histories() {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<u64>().ok());
    let asked = number("OUBLIETTE_TAPE_CASES").and_then(|cases| u32::try_from(cases).ok());
    let fresh =
        || u64::from_str_radix(&oubliette_crypto::Handle::random().unwrap().to_string()[..15], 16).unwrap();
    let usual = || if asked.is_some() { fresh() } else { EVERY_DAY };
    let (cases, seed) = (asked.unwrap_or(CASES), number("OUBLIETTE_TAPE_SEED").unwrap_or_else(usual));
    println!("OUBLIETTE_TAPE_SEED={seed}");
    let bytes: Vec<u8> = std::iter::repeat_n(seed.to_le_bytes(), 4).flatten().collect();
    let config = ProptestConfig {
        cases,
        max_shrink_iters: 60,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let done = std::cell::RefCell::new(BTreeMap::<&str, usize>::new());
    let histories = (Histories::sequential_strategy(EVENTS), any::<bool>());
    let outcome = runner.run(&histories, |((_, mut ops, counter), compress)| {
        let folder = tempfile::tempdir().unwrap();
        let mut history = in_memory(&folder, 1, compress);
        ops.extend((0..PEOPLE / 2).map(|who| Op::Erase { who }));
        for op in &ops {
            // What comes after the event that fails is the first thing that shrinking leaves out.
            if let Some(counter) = &counter {
                counter.fetch_add(1, Ordering::SeqCst);
            }
            history.apply(op).map_err(|leak| TestCaseError::fail(leak.to_string()))?;
        }
        history.seize().map_err(|leak| TestCaseError::fail(leak.to_string()))?;
        println!("{} trials", history.trials);
        history.done.iter().for_each(|(what, times)| *done.borrow_mut().entry(what).or_default() += times);
        // Of what shrinking leaves nothing is asked.
        prop_assert!(
            ops.len() < EVENTS.start || history.trials >= LEAST_TRIALS,
            "only {} trials",
            history.trials
        );
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("OUBLIETTE_TAPE_SEED={seed}: {error}"));
    let done = done.borrow();
    println!("{done:?}");
    let times = |what| done.get(what).copied().unwrap_or(0);
    println!(
        "assured: random histories: {cases}, with {} erasures, {} power cuts, {} seizures within an event, {} restored backups: nothing erased \
         reached, nothing living missed",
        times("erase"),
        times("power cut"),
        times("strike"),
        times("restore"),
    );
}
