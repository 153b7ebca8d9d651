//! Legal holds, deletions that wait, and the time by which that is judged.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use oubliette_crypto::{Path, items_through};
use proptest::prelude::*;

use super::*;
use crate::core::Found;
use crate::person::{State, load_cover};

const DAY: i64 = 24 * 3600;

fn hold(expires: Option<i64>) -> Hold {
    Hold { reason: "a court's order".to_owned(), since: 1, expires }
}

fn place(keyring: &Keyring, subject: &Subject, id: &str, expires: Option<i64>) {
    keyring.restrict(subject, RestrictionChange::PlaceHold(id.into(), hold(expires))).unwrap();
}

fn lift(keyring: &Keyring, subject: &Subject, id: &str) {
    keyring.restrict(subject, RestrictionChange::LiftHold(id.into())).unwrap();
}

fn cut(keyring: &Keyring, subject: &Subject, leaf: &Leaf) -> CutRecord {
    keyring.cut(subject, vec![Path::leaf(leaf).unwrap()]).unwrap()
}

/// Whether the key plane can still give the key, hidden or not.
fn is_stored(keyring: &Keyring, name: &str, leaf: &Leaf) -> bool {
    let core = &keyring.core;
    let root = core.root();
    let Found::Person { state, .. } = core.find(&root, core.person_tag(&user(name))).unwrap() else {
        return false;
    };
    let state = State::read(&core.pages, &state).unwrap();
    !state.cover.is_cut(&Path::leaf(leaf).unwrap(), &mut |page| load_cover(&core.pages, page)).unwrap()
}

#[test]
fn a_hold_keeps_everything_and_what_was_deleted_is_hidden() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    let (bob, _) = keyring.create_subject(&user("bob"), false).unwrap();
    cut(&keyring, &ann, &item(1, 9));
    place(&keyring, &ann, "a", None);
    place(&keyring, &ann, "b", None);
    let epoch = keyring.epoch();
    assert!(cut(&keyring, &ann, &item(1, 1)).waits);
    assert!(!cut(&keyring, &ann, &item(1, 9)).waits, "what was cut before needs no promise");
    assert!(!cut(&keyring, &bob, &item(1, 1)).waits);
    assert_eq!(keyring.epoch(), epoch + 1, "bob's alone is a deletion");

    let check = |keyring: &Keyring| {
        let ann = keyring.subject(&user("ann")).unwrap();
        assert_eq!(key_of(&ann, &item(1, 1)), None);
        assert!(ann.is_cut(&Path::leaf(&item(1, 1)).unwrap()).unwrap());
        let items = Path::branch(Class::Saves, 1, Branch::Items).unwrap();
        assert_eq!(ann.highest_cut(&items).unwrap(), HighestCut::Some(9));
        assert!(is_stored(keyring, "ann", &item(1, 1)) && !is_stored(keyring, "ann", &item(1, 9)));
        let outcomes = keyring.erase(&[user("ann"), user("nobody")]).unwrap();
        assert_eq!(outcomes, [ErasureOutcome::Held, ErasureOutcome::Unknown]);
        assert!(matches!(keyring.block(&user("ann")), Err(KeyringError::Held)));
        assert!(ann.check().is_ok(), "a refused erasure blocks nobody");
        assert_eq!(keyring.ripen().unwrap(), 0);
    };
    check(&keyring);
    drop((ann, bob, keyring));
    let keyring = ground.open();
    check(&keyring);

    let ann = keyring.subject(&user("ann")).unwrap();
    lift(&keyring, &ann, "a");
    check(&keyring);
    let epoch = keyring.epoch();
    lift(&keyring, &ann, "b");
    assert_eq!(keyring.epoch(), epoch + 1, "the release is the deletion");
    assert!(!is_stored(&keyring, "ann", &item(1, 1)) && is_stored(&keyring, "ann", &item(1, 2)));
    assert_eq!(*ann.restrictions(), Restrictions::default());
    assert!(matches!(keyring.erase(&[user("ann")]).unwrap()[0], ErasureOutcome::Erased(_)));
    assert_eq!(keyring.verify(false).unwrap().faults, [""; 0]);
}

#[test]
fn a_lease_of_what_is_hidden_is_cancelled_and_waited_for() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    place(&keyring, &ann, "a", None);
    let lease = ann.key(&item(1, 1)).unwrap();
    let other = ann.key(&item(1, 2)).unwrap();
    let outcome = keyring.cut(&ann, vec![Path::leaf(&item(1, 1)).unwrap()]);
    assert!(matches!(outcome, Err(KeyringError::LeasesHeld { held: 1 })));
    assert!(lease.cancelled() && !other.cancelled());
}

#[test]
fn holds_end_and_moments_come_by_themselves() {
    let ground = Ground::new();
    let keyring = ground.create();
    let now = ground.clock.now_unix();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    place(&keyring, &ann, "a", Some(now + DAY));
    cut(&keyring, &ann, &item(1, 1));
    let later = vec![Path::leaf(&item(1, 2)).unwrap()];
    assert!(keyring.restrict_and_cut(&ann, Vec::new(), later, now + 2 * DAY).unwrap().waits);
    drop(ann);
    ground.clock.advance(DAY - 1);
    assert_eq!(keyring.ripen().unwrap(), 0);
    ground.clock.advance(1);
    drop(keyring);
    let keyring = ground.open();
    assert_eq!(keyring.ripen().unwrap(), 1);
    assert!(!is_stored(&keyring, "ann", &item(1, 1)) && is_stored(&keyring, "ann", &item(1, 2)));
    assert!(keyring.subject(&user("ann")).unwrap().restrictions().holds.is_empty());
    ground.clock.advance(DAY);
    assert_eq!((keyring.ripen().unwrap(), keyring.ripen().unwrap(), keyring.ripen().unwrap()), (1, 0, 0));
    assert!(!is_stored(&keyring, "ann", &item(1, 2)));
}

#[test]
fn there_is_an_end_to_what_may_wait() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    place(&keyring, &ann, "a", None);
    let many: Vec<Path> =
        (1..=MAX_WAITING as u64).map(|seq| Path::leaf(&item(1, 2 * seq)).unwrap()).collect();
    keyring.cut(&ann, many).unwrap();
    let one_more = keyring.cut(&ann, vec![Path::leaf(&item(2, 1)).unwrap()]);
    assert!(matches!(one_more, Err(KeyringError::TooLarge { .. })));
    assert!(key_of(&ann, &item(2, 1)).is_some(), "what is refused is not hidden");
    // One that takes in the others makes room.
    keyring.cut(&ann, vec![Path::compartment(Class::Saves, 1).unwrap()]).unwrap();
    assert_eq!(ann.restrictions().waiting.len(), 1);
}

/// A wall clock that somebody sets, and the machine's counter.
struct Set {
    wall: AtomicI64,
    counted: AtomicU32,
    boot: AtomicU32,
}

impl Clock for Set {
    fn now_micros(&self) -> i64 {
        self.wall.load(Ordering::SeqCst) * 1_000_000
    }
    fn steady(&self) -> Steady {
        Steady { boot: self.boot.load(Ordering::SeqCst), seconds: self.counted.load(Ordering::SeqCst) }
    }
}

impl Set {
    fn pass(&self, seconds: u32) {
        self.wall.fetch_add(seconds.into(), Ordering::SeqCst);
        self.counted.fetch_add(seconds, Ordering::SeqCst);
    }
}

#[test]
fn jumps_of_the_clock_never_delete_early() {
    let ground = Ground::new();
    let start = 1_800_000_000;
    let clock = Arc::new(Set { wall: start.into(), counted: 5.into(), boot: 1.into() });
    let options = || KeyringOptions { clock: Arc::clone(&clock) as Arc<dyn Clock>, ..ground.options() };
    let open = || {
        Keyring::open(ground.pages.clone(), ground.cells.clone(), ground.ledger.clone(), options()).unwrap()
    };
    let keyring =
        Keyring::create(ground.pages.clone(), ground.cells.clone(), ground.ledger.clone(), options())
            .unwrap();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    place(&keyring, &ann, "a", Some(start + 30 * DAY));
    cut(&keyring, &ann, &item(1, 1));
    let later = vec![Path::leaf(&item(1, 2)).unwrap()];
    keyring.restrict_and_cut(&ann, Vec::new(), later, start + 30 * DAY).unwrap();
    drop((ann, keyring));

    let refused = |keyring: &Keyring| {
        assert_eq!(keyring.ripen().unwrap(), 0);
        assert!(is_stored(keyring, "ann", &item(1, 1)) && is_stored(keyring, "ann", &item(1, 2)));
        assert_eq!(keyring.erase(&[user("ann")]).unwrap(), [ErasureOutcome::Held]);
    };
    let keyring = open();
    clock.pass(DAY as u32);
    keyring.note_time().unwrap();
    // Ahead by ten years, while the vault runs, over a restart, and over starts of the machine.
    clock.wall.fetch_add(3650 * DAY, Ordering::SeqCst);
    refused(&keyring);
    assert!(keyring.clock_is_ahead() > 3640 * DAY);
    drop(keyring);
    refused(&open());
    for boot in 2..12 {
        clock.boot.store(boot, Ordering::SeqCst);
        clock.counted.store(3, Ordering::SeqCst);
        let keyring = open();
        clock.pass(7200);
        keyring.note_time().unwrap();
        refused(&keyring);
    }
    // And back: time goes on as the counter counts, and nothing happens twice as late.
    clock.wall.store(0, Ordering::SeqCst);
    let keyring = open();
    refused(&keyring);
    assert!(
        keyring.due_time() > start + DAY && keyring.least_time() > start && keyring.clock_is_ahead() < -DAY
    );
    clock.pass(29 * DAY as u32);
    assert_eq!(keyring.ripen().unwrap(), 1);
    assert!(!is_stored(&keyring, "ann", &item(1, 1)));
    drop(keyring);

    // An operator's word ends it.
    clock.wall.store(start + 3650 * DAY, Ordering::SeqCst);
    let keyring = open();
    keyring.trust_clock().unwrap();
    assert_eq!((keyring.clock_is_ahead(), keyring.due_time()), (0, start + 3650 * DAY));
    drop(keyring);
    assert_eq!(open().clock_is_ahead(), 0);
}

#[derive(Debug, Clone)]
enum Step {
    Place(u8, Option<i64>),
    Lift(u8),
    Leaf(u64),
    Through(u64),
    Later(u64, i64),
    Pass(i64),
    Ripen,
    Erase,
    Reopen,
}

const ITEMS: u64 = 12;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0u8..3, prop::option::of(0i64..6)).prop_map(|(id, days)| Step::Place(id, days)),
        2 => (0u8..3).prop_map(Step::Lift),
        3 => (1..=ITEMS).prop_map(Step::Leaf),
        2 => (1..=ITEMS).prop_map(Step::Through),
        3 => (1..=ITEMS, 0i64..6).prop_map(|(seq, days)| Step::Later(seq, days)),
        2 => (0i64..4).prop_map(Step::Pass),
        2 => Just(Step::Ripen),
        1 => Just(Step::Erase),
        1 => Just(Step::Reopen),
    ]
}

/// What is known of each item: there, hidden until so many days, or gone.
#[derive(Default)]
struct Model {
    holds: BTreeMap<u8, Option<i64>>,
    hidden: BTreeMap<u64, i64>,
    gone: std::collections::BTreeSet<u64>,
    day: i64,
}

impl Model {
    fn held(&self) -> bool {
        self.holds.values().any(|ends| ends.is_none_or(|ends| self.day < ends))
    }
    fn delete(&mut self, seqs: std::ops::RangeInclusive<u64>, due: i64) {
        for seq in seqs {
            if !self.gone.contains(&seq) {
                let at = self.hidden.entry(seq).or_insert(due);
                *at = (*at).min(due);
            }
        }
        self.ripen();
    }
    /// Every change of the person does it.
    fn ripen(&mut self) {
        if !self.held() {
            let due: Vec<u64> =
                self.hidden.iter().filter(|(_, at)| **at <= self.day).map(|(seq, _)| *seq).collect();
            for seq in due {
                self.hidden.remove(&seq);
                self.gone.insert(seq);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// However holds, deletions and time follow each other: a held person loses nothing, nobody reads what was deleted, and what may go is gone.
    #[test]
    fn random_histories_with_holds(steps in prop::collection::vec(step(), 1..40)) {
        let ground = Ground::new();
        let mut keyring = ground.create();
        let start = ground.clock.now_unix();
        keyring.create_subject(&user("ann"), false).unwrap();
        let mut model = Model::default();
        for step in steps {
            let ann = keyring.subject(&user("ann")).unwrap();
            match step {
                Step::Place(id, days) => {
                    let ends = days.map(|days| model.day + days);
                    place(&keyring, &ann, &id.to_string(), ends.map(|day| start + day * DAY));
                    model.holds.insert(id, ends);
                    model.ripen();
                }
                Step::Lift(id) => {
                    lift(&keyring, &ann, &id.to_string());
                    model.holds.remove(&id);
                    model.ripen();
                }
                Step::Leaf(seq) => {
                    cut(&keyring, &ann, &item(1, seq));
                    model.delete(seq..=seq, model.day);
                }
                Step::Through(seq) => {
                    keyring.cut(&ann, items_through(Class::Saves, 1, seq).unwrap()).unwrap();
                    model.delete(1..=seq, model.day);
                }
                Step::Later(seq, days) => {
                    let day = model.day + days;
                    let paths = vec![Path::leaf(&item(1, seq)).unwrap()];
                    keyring.restrict_and_cut(&ann, Vec::new(), paths, start + day * DAY).unwrap();
                    model.delete(seq..=seq, day);
                }
                Step::Pass(days) => {
                    ground.clock.advance(days * DAY);
                    model.day += days;
                }
                Step::Ripen => {
                    keyring.ripen().unwrap();
                    model.ripen();
                }
                Step::Erase if model.held() => {
                    prop_assert_eq!(keyring.erase(&[user("ann")]).unwrap(), [ErasureOutcome::Held]);
                }
                Step::Erase => {}
                Step::Reopen => {
                    drop((ann, keyring));
                    keyring = ground.open();
                }
            }
            let ann = keyring.subject(&user("ann")).unwrap();
            for seq in 1..=ITEMS {
                let (hidden, gone) = (model.hidden.contains_key(&seq), model.gone.contains(&seq));
                prop_assert_eq!(key_of(&ann, &item(1, seq)).is_some(), !hidden && !gone, "{} is read", seq);
                prop_assert_eq!(is_stored(&keyring, "ann", &item(1, seq)), !gone, "{} is stored", seq);
            }
        }
        ground.clock.advance(100 * DAY);
        model.day += 100;
        keyring.ripen().unwrap();
        model.ripen();
        let gone = keyring.erase(&[user("ann")]).unwrap();
        prop_assert_eq!(matches!(gone[0], ErasureOutcome::Held), model.held());
        prop_assert_eq!(keyring.verify(false).unwrap().faults, [""; 0]);
    }
}
