//! Pages that are damaged or lost, in one copy or in both.

mod given_up;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oubliette_crypto::Path;
use oubliette_engine::{EngineError, PageId, RawPage};

use super::*;
use crate::core::{Found, Root};
use crate::person::State;

/// Two copies in memory; one can be ill, and writes can fail.
#[derive(Default)]
struct Pair {
    copies: [MemoryPages; 2],
    ill: AtomicBool,
    broken: AtomicBool,
}

impl PageStore for Pair {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.copies[0].read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(EngineError::Poisoned { reason: "no space".into() });
        }
        self.copies.iter().try_for_each(|copy| copy.write(pages))
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.copies.iter().try_for_each(|copy| copy.remove(ids))
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.copies[1].for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.copies[n].read(id)
    }
    fn copies(&self) -> usize {
        2
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.copies[n].write(&[(*id, page)])
    }
    fn ill(&self) -> Vec<String> {
        if self.ill.load(Ordering::SeqCst) { vec!["copy b is gone".into()] } else { Vec::new() }
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

impl Pair {
    /// Flips a bit somewhere in a page of one copy, or loses the page.
    fn damage(&self, copy: usize, id: &PageId, lose: bool) {
        if lose {
            return self.copies[copy].remove(&[*id]).unwrap();
        }
        let mut page = self.copies[copy].read(id).unwrap().unwrap();
        page[500] ^= 4;
        self.copies[copy].write(&[(*id, &page)]).unwrap();
    }
    fn ids(&self) -> Vec<PageId> {
        let mut ids = Vec::new();
        self.for_each_id(&mut |id| ids.push(id)).unwrap();
        ids
    }
}

fn paired() -> (Arc<Pair>, Ground) {
    let pair = Arc::new(Pair::default());
    (Arc::clone(&pair), Ground { pages: pair, ..Ground::new() })
}

/// Somebody of whose messages every other is forgotten, and the pages of their cover.
fn with_a_cover(keyring: &Keyring) -> (Subject, Vec<PageId>) {
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    let odd = (0..300).map(|n| Path::leaf(&item(1, 2 * n + 1)).unwrap());
    keyring.cut(&ann, odd.collect()).unwrap();
    let pages = &keyring.core.pages;
    let Found::Person { state, .. } =
        keyring.core.find(&keyring.core.root(), keyring.core.person_tag(&user("ann"))).unwrap()
    else {
        panic!("nobody")
    };
    let state = State::read(pages, &state).unwrap();
    let ids = state.page_ids(&mut |kind, page| pages.read_stored(kind, page)).unwrap();
    (ann, ids)
}

fn state_page(keyring: &Keyring, name: &str) -> PageId {
    match keyring.core.find(&keyring.core.root(), keyring.core.person_tag(&user(name))).unwrap() {
        Found::Person { state, .. } => state.id,
        _ => panic!("nobody"),
    }
}

#[test]
fn whatever_one_copy_loses_comes_back_from_the_other() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    keyring.bulk_create((0..60).map(|n| user(&format!("{n}")))).unwrap();
    let subject = keyring.subject(&user("7")).unwrap();
    keyring.cut(&subject, (1..200).map(|n| Path::leaf(&item(1, 2 * n)).unwrap()).collect()).unwrap();
    let key = key_of(&subject, &item(1, 77)).unwrap();
    let state = state_page(&keyring, "7");
    drop((subject, keyring));
    let ids = pair.ids();
    // The state page is read past the cache: with its preferred copy ill there is something to mend in any order of the names.
    let copy = |n: usize, id: &PageId| if *id == state { 0 } else { n % 2 };
    ids.iter().enumerate().for_each(|(n, id)| pair.damage(copy(n, id), id, n % 3 == 0));

    let keyring = ground.open();
    let mended_at_open = keyring.mended_pages();
    let report = keyring.verify(false).unwrap();
    assert_eq!(report.bad_copies + mended_at_open, ids.len() as u64);
    assert_eq!(keyring.mended_pages(), mended_at_open, "to look is not to mend");
    assert_eq!((report.faults.len(), report.mended, report.persons), (0, 0, 60));
    let subject = keyring.subject(&user("7")).unwrap();
    assert_eq!(key_of(&subject, &item(1, 77)), Some(key));
    let mended = keyring.mended_pages();
    assert!(mended > mended_at_open, "reading mends what it meets");
    let report = keyring.verify(true).unwrap();
    assert!(report.mended > 0);
    let report = keyring.verify(false).unwrap();
    assert_eq!((report.bad_copies, report.orphans), (0, 0));
}

#[test]
fn a_page_lost_in_every_copy_is_named_and_the_rest_stays_readable() {
    for lose in [false, true] {
        let (pair, ground) = paired();
        let keyring = ground.create();
        keyring.bulk_create((0..200).map(|n| user(&format!("{n}")))).unwrap();
        let id = state_page(&keyring, "7");
        [0, 1].into_iter().for_each(|copy| pair.damage(copy, &id, lose));
        assert!(matches!(keyring.subject(&user("7")), Err(KeyringError::Corrupt { role: "state" })));
        assert!(keyring.subject(&user("8")).is_ok());
        let stored = pair.ids().len();
        let report = keyring.verify(true).unwrap();
        assert_eq!(report.faults, ["a state page (a person's state) opens from no copy"]);
        assert_eq!(pair.ids().len(), stored, "nothing is taken for an orphan while pages are lost");
        // Whatever needs the page fails by itself; everybody else's commits go on.
        assert!(keyring.create_subject(&user("new"), false).is_ok());
        assert!(matches!(keyring.erase(&[user("8")]).unwrap()[0], ErasureOutcome::Erased(_)));
    }
}

/// The key of a lost page still stands in the tree, and a copy of the page may exist somewhere.
#[test]
fn a_person_whose_pages_are_lost_can_be_erased() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    keyring.bulk_create((0..50).map(|n| user(&format!("{n}")))).unwrap();
    let id = state_page(&keyring, "7");
    [0, 1].into_iter().for_each(|copy| pair.damage(copy, &id, true));
    let outcomes = keyring.erase(&[user("7")]).unwrap();
    let ErasureOutcome::Erased(record) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!(record.handle, oubliette_crypto::Handle([0; 16]));
    assert!(matches!(keyring.subject(&user("7")), Err(KeyringError::Erased { .. })));
    assert_eq!(keyring.sweep_queue(), []);
    let report = keyring.verify(false).unwrap();
    assert_eq!((report.persons, report.fences, report.faults.len()), (49, 1, 0));
    assert_eq!(keyring.core.root().node.children.population(), 2 * 49 + 1, "the handle entry went, too");
}

/// The cut opened every page below only to list it, and refused when one of them was lost.
#[test]
fn what_hangs_on_a_lost_cover_page_can_be_cut() {
    let mut refused = 0;
    for nth in 0..8 {
        let (pair, ground) = paired();
        let keyring = ground.create();
        let (ann, ids) = with_a_cover(&keyring);
        let elsewhere = key_of(&ann, &item(2, 1));
        assert!(ids.len() >= 8, "{}", ids.len());
        (0..2).for_each(|copy| pair.damage(copy, &ids[nth * ids.len() / 8], copy == 0));
        drop((ann, keyring));

        let keyring = ground.open();
        let ann = keyring.subject(&user("ann")).unwrap();
        (1..600).for_each(|seq| drop(ann.key(&item(1, seq))));
        let whole = Path::compartment(Class::Saves, 1).unwrap();
        match keyring.cut(&ann, vec![whole]) {
            Err(KeyringError::Corrupt { role: "cover" }) => {
                refused += 1;
                continue;
            }
            cut => drop(cut.unwrap()),
        }
        assert!((1..600).all(|seq| key_of(&ann, &item(1, seq)).is_none()));
        assert_eq!(key_of(&ann, &item(2, 1)), elsewhere);
        assert!(keyring.core.pages.cached().iter().all(|id| !ids.contains(id)));
        keyring.rotate().unwrap();
        let report = keyring.verify(true).unwrap();
        assert_eq!(report.faults, [""; 0]);
        assert_eq!(keyring.verify(true).unwrap().orphans, 0);
    }
    assert!(refused <= 2, "only a page on the way to the cut is needed: {refused}");
}

#[test]
fn every_single_page_may_be_lost_without_a_wrong_answer() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    keyring.bulk_create((0..40).map(|n| user(&format!("{n}")))).unwrap();
    let handles: Vec<_> =
        (0..40).map(|n| keyring.subject(&user(&format!("{n}"))).unwrap().handle()).collect();
    drop(keyring);
    for id in pair.ids() {
        let whole = pair.copies[0].read(&id).unwrap().unwrap();
        [0, 1].into_iter().for_each(|copy| pair.damage(copy, &id, false));
        let (mut lost, mut found) = (0, 0);
        match ground.try_open() {
            Err(KeyringError::Corrupt { role }) => assert!(["root", "vault"].contains(&role), "{role}"),
            Err(error) => panic!("{error}"),
            Ok(keyring) => {
                for (n, handle) in handles.iter().enumerate() {
                    match keyring.subject(&user(&format!("{n}"))) {
                        Ok(subject) => {
                            assert_eq!(subject.handle(), *handle);
                            found += 1;
                        }
                        Err(KeyringError::Corrupt { .. }) => lost += 1,
                        Err(error) => panic!("{error}"),
                    }
                }
                assert!(lost <= 14 && found + lost == 40, "{lost} of 40 behind one page");
                assert_eq!(keyring.verify(false).unwrap().faults.len(), 1);
            }
        }
        [0, 1].into_iter().for_each(|n| pair.copies[n].write(&[(id, &whole)]).unwrap());
    }
    assert_eq!(ground.open().verify(false).unwrap().persons, 40);
}

#[test]
fn on_one_copy_people_are_erased_but_not_created() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    let (subject, _) = keyring.create_subject(&user("ann"), false).unwrap();
    pair.ill.store(true, Ordering::SeqCst);
    assert_eq!(keyring.ill(), ["copy b is gone"]);
    assert!(matches!(keyring.create_subject(&user("bob"), false), Err(KeyringError::MirrorIll { .. })));
    assert!(matches!(keyring.bulk_create([user("bob")]), Err(KeyringError::MirrorIll { .. })));
    assert!(!keyring.create_subject(&user("ann"), false).unwrap().1, "who exists is found");
    keyring.cut(&subject, vec![Path::leaf(&item(1, 1)).unwrap()]).unwrap();
    assert!(matches!(keyring.erase(&[user("ann")]).unwrap()[0], ErasureOutcome::Erased(_)));
}

#[test]
fn orphans_are_counted_and_removed_when_mending() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    keyring.create_subject(&user("ann"), false).unwrap();
    keyring.rotate().unwrap();
    let stray = [5; 12];
    pair.write(&[(stray, &[0; 1024])]).unwrap();
    assert_eq!(keyring.verify(false).unwrap().orphans, 1);
    assert_eq!(keyring.verify(true).unwrap().orphans, 1);
    assert_eq!(keyring.verify(true).unwrap().orphans, 0);
    assert!(!pair.ids().contains(&stray));
    assert!(keyring.subject(&user("ann")).is_ok());
}

#[test]
fn a_failed_write_stops_everything_until_the_restart() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    let (subject, _) = keyring.create_subject(&user("ann"), false).unwrap();
    pair.broken.store(true, Ordering::SeqCst);
    assert!(matches!(keyring.rotate(), Err(KeyringError::Poisoned { .. })));
    pair.broken.store(false, Ordering::SeqCst);
    let poisoned = |error: Option<KeyringError>| matches!(error, Some(KeyringError::Poisoned { .. }));
    assert!(poisoned(keyring.rotate().err()) && poisoned(keyring.subject(&user("ann")).err()));
    assert!(poisoned(subject.key(&item(1, 1)).err()) && poisoned(subject.check().err()));
    assert!(poisoned(keyring.verify(false).err()) && !keyring.ill().is_empty());
    drop((subject, keyring));
    let keyring = ground.open();
    assert!(keyring.subject(&user("ann")).is_ok());
    keyring.rotate().unwrap();
}

/// Their names are lost with the state page; their seeds are not, as long as a cache has them.
#[test]
fn the_erasure_of_somebody_damaged_leaves_no_page_of_theirs_in_the_cache() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    let paths = (1..150).step_by(3).map(|seq| Path::leaf(&item(1, seq)).unwrap());
    keyring.cut(&ann, paths.collect()).unwrap();
    assert!(key_of(&ann, &item(1, 2)).is_some());
    drop(ann);
    let cached = keyring.core.pages.cached();
    assert!(cached.len() > 3, "leaf and several cover pages: {}", cached.len());
    let state = state_page(&keyring, "ann");
    (0..2).for_each(|copy| pair.damage(copy, &state, true));
    assert!(matches!(keyring.erase(&[user("ann")]).unwrap()[..], [ErasureOutcome::Erased(_)]));
    let left = keyring.core.pages.cached();
    assert!(left.iter().all(|id| !cached.contains(id)), "{} of {} pages", left.len(), cached.len());
}

#[test]
fn a_clean_close_leaves_no_superseded_page() {
    let ground = Ground::new();
    let keyring = ground.create();
    keyring.create_subject(&user("ann"), false).unwrap();
    keyring.create_subject(&user("bob"), false).unwrap();
    keyring.erase(&[user("ann")]).unwrap();
    keyring.close();
    let report = ground.open().verify(false).unwrap();
    assert_eq!((report.orphans, report.pages as usize), (0, ground.stored()));
}
