use std::collections::BTreeMap;

use oubliette_crypto::{Path, compartments_through, items_through};
use proptest::prelude::*;

use super::*;

/// One deletion, as the store would ask for it.
#[derive(Debug, Clone)]
enum Cut {
    Item(u32, u64),
    Through(u32, u64),
    Compartment(u32),
    CompartmentsThrough(u32),
}

impl Cut {
    fn paths(&self) -> Vec<Path> {
        match *self {
            Self::Item(c, seq) => vec![Path::leaf(&item(c, seq)).unwrap()],
            Self::Through(c, n) => items_through(Class::Saves, c, n).unwrap(),
            Self::Compartment(c) => vec![Path::compartment(Class::Saves, c).unwrap()],
            Self::CompartmentsThrough(c) => compartments_through(Class::Saves, c).unwrap(),
        }
    }
    fn covers(&self, compartment: u32, seq: u64) -> bool {
        match *self {
            Self::Item(c, s) => (c, s) == (compartment, seq),
            Self::Through(c, n) => c == compartment && seq <= n,
            Self::Compartment(c) => c == compartment,
            Self::CompartmentsThrough(c) => compartment <= c,
        }
    }
}

fn cuts() -> impl Strategy<Value = Vec<(Cut, bool)>> {
    let (c, seq) = (1u32..5, 1u64..40);
    let cut = prop_oneof![
        8 => (c.clone(), seq.clone()).prop_map(|(c, seq)| Cut::Item(c, seq)),
        2 => (c.clone(), seq).prop_map(|(c, n)| Cut::Through(c, n)),
        1 => c.clone().prop_map(Cut::Compartment),
        1 => (1u32..3).prop_map(Cut::CompartmentsThrough),
    ];
    prop::collection::vec((cut, prop::bool::weighted(0.1)), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(25))]

    #[test]
    fn what_was_cut_stays_cut_and_all_else_stays(cuts in cuts()) {
        let ground = Ground::new();
        let mut keyring = ground.create();
        let ann = user("ann");
        keyring.create_subject(&ann, false).unwrap();
        let mut keys = BTreeMap::new();
        let subject = keyring.subject(&ann).unwrap();
        for (c, seq) in (1..5).flat_map(|c| (1..40).map(move |seq| (c, seq))) {
            keys.insert((c, seq), key_of(&subject, &item(c, seq)));
        }
        drop(subject);
        for (cut, reopen) in cuts {
            let subject = keyring.subject(&ann).unwrap();
            let (generation, epoch) = (keyring.generation(), keyring.epoch());
            let news = keys.iter().any(|((c, seq), key)| cut.covers(*c, *seq) && key.is_some());
            let record = keyring.cut(&subject, cut.paths()).unwrap();
            prop_assert_eq!(record.generation_before, generation);
            prop_assert_eq!(record.generation_after, keyring.generation());
            if news {
                prop_assert_eq!(keyring.epoch(), epoch + 1);
            }
            for ((c, seq), key) in &mut keys {
                if cut.covers(*c, *seq) {
                    *key = None;
                }
            }
            for path in cut.paths() {
                prop_assert!(subject.is_cut(&path).unwrap());
            }
            drop(subject);
            if reopen {
                drop(keyring);
                keyring = ground.open();
            }
            let subject = keyring.subject(&ann).unwrap();
            for ((c, seq), key) in &keys {
                prop_assert_eq!(&key_of(&subject, &item(*c, *seq)), key);
            }
        }
        let report = keyring.verify(false).unwrap();
        prop_assert_eq!((report.orphans, report.faults.len()), (0, 0));
    }
}

#[test]
fn a_busy_tree_spans_pages_and_dies_without_a_trace() {
    let ground = Ground::new();
    let keyring = ground.create();
    let ann = user("ann");
    let (subject, _) = keyring.create_subject(&ann, false).unwrap();
    let small = ground.stored();
    let odd: Vec<Path> = (0..400).map(|n| Path::leaf(&item(1, 2 * n + 1)).unwrap()).collect();
    keyring.cut(&subject, odd).unwrap();
    let base = Path::branch(Class::Saves, 1, Branch::Items).unwrap();
    assert_eq!(subject.highest_cut(&base).unwrap(), HighestCut::Some(799));
    drop((subject, keyring));
    assert!(ground.stored() > small + 10);
    let keyring = ground.open();
    let subject = keyring.subject(&ann).unwrap();
    for seq in 1..800 {
        assert_eq!(key_of(&subject, &item(1, seq)).is_some(), seq % 2 == 0);
    }
    let before = ground.stored();
    keyring.cut(&subject, vec![Path::leaf(&item(1, 400)).unwrap()]).unwrap();
    keyring.rotate().unwrap();
    assert!(ground.stored() <= before + 4, "a cut rewrites its way alone, and its old pages go");
    keyring.erase(&[ann]).unwrap();
    drop((subject, keyring));
    assert!(ground.stored() <= small, "all pages of the cover went with the person");
}

/// The plaintext of a page that died would give back what was forgotten, as long as it lay in memory.
#[test]
fn no_dead_page_stays_in_the_cache() {
    let ground = Ground::new();
    let keyring = ground.create();
    keyring.bulk_create((0..100).map(|n| user(&format!("{n}")))).unwrap();
    let subject = keyring.subject(&user("7")).unwrap();
    for n in 0..60 {
        let paths = (0..8).map(|k| Path::leaf(&item(1, 16 * n + 2 * k + 1)).unwrap()).collect();
        keyring.cut(&subject, paths).unwrap();
        for seq in (1..900).step_by(7) {
            key_of(&subject, &item(1, seq));
        }
        keyring.erase(&[user(&format!("{}", n + 20))]).unwrap();
        // Removes from the store what the commits before it superseded; its own superseded pages are never cached.
        keyring.rotate().unwrap();
        let cached = keyring.core.pages.cached();
        let mut stored = Vec::new();
        ground.pages.for_each_id(&mut |id| stored.push(id)).unwrap();
        assert!(cached.len() > 10 && cached.iter().all(|id| stored.contains(id)));
    }
}

#[test]
fn cutting_nothing_new_commits_nothing() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (subject, _) = keyring.create_subject(&user("ann"), false).unwrap();
    let paths = vec![Path::leaf(&item(1, 1)).unwrap()];
    let record = keyring.cut(&subject, paths.clone()).unwrap();
    assert_eq!(record.generation_after, record.generation_before + 1);
    let again = keyring.cut(&subject, paths).unwrap();
    assert_eq!(
        (again.generation_before, again.generation_after),
        (record.generation_after, record.generation_after)
    );
}
