//! Bulk loads: the same tree as by any other way, each page written once, and a crash that costs nothing but orphans.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use oubliette_crypto::{PageBody, PageKind, PageRef};
use oubliette_engine::{EngineError, PageId, RawPage};

use super::*;
use crate::pages::{Pages, Staged};
use crate::tree::{Change, Children, Entry, EntryKey, EntryKind, Walker, update, walk};

/// A store that counts what is written, and fails from a given call on.
struct Watched {
    store: MemoryPages,
    calls: AtomicUsize,
    /// The first call to write or remove that fails; the one before it is done by half.
    fails_at: AtomicUsize,
    /// Pages in each write.
    writes: Mutex<Vec<usize>>,
}

impl Watched {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            store: MemoryPages::new(),
            calls: AtomicUsize::new(0),
            fails_at: AtomicUsize::new(usize::MAX),
            writes: Mutex::default(),
        })
    }
    fn fail_after(&self, calls: usize) {
        let now = self.calls.load(Ordering::SeqCst);
        self.fails_at.store(now.saturating_add(calls), Ordering::SeqCst);
    }
    /// How many of `all` are done, and whether the call succeeds.
    fn step(&self, all: usize) -> (usize, Result<(), EngineError>) {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        let fails_at = self.fails_at.load(Ordering::SeqCst);
        let off = || Err(EngineError::Poisoned { reason: "the power is gone".into() });
        match (call + 1).cmp(&fails_at) {
            std::cmp::Ordering::Less => (all, Ok(())),
            std::cmp::Ordering::Equal => (all / 2, off()),
            std::cmp::Ordering::Greater => (0, off()),
        }
    }
}

impl PageStore for Watched {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.store.read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        self.writes.lock().unwrap().push(pages.len());
        assert!(pages.is_sorted_by_key(|(id, _)| *id), "the order of making is that of the tags");
        let (done, result) = self.step(pages.len());
        self.store.write(&pages[..done])?;
        result
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        let (done, result) = self.step(ids.len());
        self.store.remove(&ids[..done])?;
        result
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.store.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.store.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        1
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.store.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        Vec::new()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Kind and number of entries of every page in order, and the keys of all entries.
#[derive(Default)]
struct Shape {
    pages: Vec<(u8, usize)>,
    keys: Vec<EntryKey>,
}

struct Survey<'a>(&'a Pages, Shape);

impl Walker for Survey<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.1.pages.push((kind as u8, self.1.keys.len()));
        self.0.read_stored(kind, page)
    }
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        self.1.keys.push(entry.key());
        Ok(())
    }
    fn lost(&mut self, role: &'static str) {
        panic!("{role}");
    }
}

fn shape(pages: &Pages, children: &Children) -> Shape {
    let mut survey = Survey(pages, Shape::default());
    children.0.iter().flatten().for_each(|child| walk(child, &mut survey).unwrap());
    survey.1
}

/// The same entries put in by ordinary changes of a few each.
fn by_small_steps(keys: &[EntryKey]) -> Shape {
    let pages = Pages::new(VaultId([1; 16]), Arc::new(MemoryPages::new()), 1 << 20);
    let mut children = Children::default();
    let mut shuffled: Vec<&EntryKey> = keys.iter().collect();
    shuffled.sort_by_key(|(tag, kind)| (tag.0[15], tag.0[7], *kind));
    for some in shuffled.chunks(9) {
        let entry = |(tag, kind): &EntryKey| match kind {
            EntryKind::Handle => Entry::Handle { tag: *tag, person: *tag },
            _ => {
                Entry::Person { tag: *tag, state: PageRef::generate().unwrap(), blocked: false, waits: false }
            }
        };
        let mut staged = Staged::default();
        let changes = some.iter().map(|key| Change::set(entry(key))).collect();
        children = update(&pages, &mut staged, &children, changes).unwrap();
        staged.write_out(pages.store.as_ref()).unwrap();
        pages.evict(&staged.dead);
        pages.store.remove(&staged.dead).unwrap();
    }
    shape(&pages, &children)
}

fn names(from: u32, to: u32) -> impl Iterator<Item = UserId> {
    (from..to).map(|n| user(&format!("user-{n}")))
}

fn on(store: &Arc<Watched>) -> Ground {
    Ground { pages: Arc::clone(store) as Arc<dyn PageStore>, ..Ground::new() }
}

#[test]
fn the_tree_is_the_one_that_ordinary_changes_make() {
    for (people, at_once) in [(1, 1), (7, 100), (8, 3), (500, 500), (900, 70), (3_000, 1_100)] {
        let ground = Ground::new();
        let options = KeyringOptions { bulk_people: at_once, ..ground.options() };
        let keyring = Keyring::create(
            Arc::clone(&ground.pages),
            ground.cells.clone(),
            Arc::clone(&ground.ledger),
            options,
        );
        let keyring = keyring.unwrap();
        assert_eq!(keyring.bulk_create(names(0, people)).unwrap(), u64::from(people));
        let core = Arc::clone(&keyring.core);
        let found = shape(&core.pages, &core.root().node.children);
        let expected = by_small_steps(&found.keys);
        assert_eq!(found.keys.len(), 2 * people as usize);
        assert_eq!(found.keys, expected.keys, "{people} people, {at_once} at a time");
        assert_eq!(found.pages, expected.pages, "{people} people, {at_once} at a time");
        let report = keyring.verify(false).unwrap();
        assert_eq!((report.persons, report.orphans, report.faults.len()), (people.into(), 0, 0));
        let subject = keyring.subject(&user("user-0")).unwrap();
        assert_eq!(keyring.subject_by_handle(&subject.handle()).unwrap().user_id().as_str(), "user-0");
    }
}

#[test]
fn each_page_is_written_once_and_never_all_are_held() {
    let store = Watched::new();
    let ground = on(&store);
    let keyring = Keyring::create(ground.pages.clone(), ground.cells.clone(), ground.ledger.clone(), {
        KeyringOptions { bulk_people: 10_000, ..ground.options() }
    })
    .unwrap();
    store.writes.lock().unwrap().clear();
    assert_eq!(keyring.bulk_create(names(0, 10_000)).unwrap(), 10_000);
    let writes = store.writes.lock().unwrap().clone();
    // All but the vault page, which stays; the old root is gone.
    assert_eq!(writes.iter().sum::<usize>(), ground.stored() - 1);
    assert!(writes.len() > 1 && writes.iter().all(|pages| *pages <= 8192), "{writes:?}");
    assert_eq!(keyring.verify(false).unwrap().orphans, 0);
}

#[test]
fn who_exists_is_blocked_or_erased_is_passed_over() {
    let ground = Ground::new();
    let keyring = ground.create();
    keyring.bulk_create(names(0, 40)).unwrap();
    let handle = keyring.subject(&user("user-3")).unwrap().handle();
    keyring.block(&user("user-4")).unwrap();
    keyring.erase(&[user("user-5")]).unwrap();
    let twice = names(0, 60).chain(names(30, 60));
    assert_eq!(keyring.bulk_create(twice).unwrap(), 20);
    assert_eq!(keyring.population(), 59);
    assert_eq!(keyring.subject(&user("user-3")).unwrap().handle(), handle);
    assert!(matches!(keyring.subject(&user("user-4")), Err(KeyringError::Blocked)));
    assert!(matches!(keyring.subject(&user("user-5")), Err(KeyringError::Erased { .. })));
    assert_eq!(keyring.bulk_create(names(0, 60)).unwrap(), 0);
    let report = keyring.verify(false).unwrap();
    assert_eq!((report.persons, report.fences, report.orphans), (59, 1, 0));
}

#[test]
fn power_that_fails_within_a_load_costs_orphans_and_a_second_load_completes_it() {
    let mut calls = 0;
    loop {
        let store = Watched::new();
        let ground = on(&store);
        let keyring = ground.create();
        let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
        let key = key_of(&ann, &item(1, 1));
        let options = KeyringOptions { bulk_people: 400, ..ground.options() };
        drop((ann, keyring));
        let parts = || (ground.pages.clone(), ground.cells.clone(), ground.ledger.clone());
        let open = |options| {
            let (pages, cells, ledger) = parts();
            Keyring::open(pages, cells, ledger, options).unwrap()
        };
        let keyring = open(options.clone());
        store.fail_after(calls);
        let loaded = keyring.bulk_create(names(0, 1_000));
        drop(keyring);
        store.fails_at.store(usize::MAX, Ordering::SeqCst);

        let keyring = open(options);
        assert_eq!(key_of(&keyring.subject(&user("ann")).unwrap(), &item(1, 1)), key);
        assert!((keyring.population() - 1).is_multiple_of(400) || keyring.population() == 1_001);
        assert_eq!(keyring.verify(true).unwrap().faults, [""; 0], "call {calls}");
        keyring.bulk_create(names(0, 1_000)).unwrap();
        let report = keyring.verify(true).unwrap();
        assert_eq!((report.persons, report.faults.len()), (1_001, 0), "call {calls}");
        assert_eq!(keyring.verify(false).unwrap().orphans, 0, "call {calls}");
        if loaded.is_ok() {
            assert!(calls > 6, "three commits, each in parts");
            return;
        }
        calls += 1;
    }
}
