//! A root in escrow and the way back from it: who was forgotten since stays forgotten, everybody else is whole.

use oubliette_crypto::escrow::Share;
use oubliette_crypto::{EscrowSeed, Path};
use oubliette_engine::{EngineError, PageId, RawPage};

use super::crash::{Call, Run};
use super::*;

/// Holders of a window, of whom two are needed.
struct Holders(Vec<EscrowSeed>);

impl Holders {
    fn three() -> Self {
        Self((0..3).map(|_| EscrowSeed::generate().unwrap()).collect())
    }
    fn to(&self) -> EscrowTo {
        EscrowTo { window: 7, threshold: 2, holders: self.0.iter().map(EscrowSeed::public).collect() }
    }
    fn shares(&self, blob: &EscrowBlob, of: &[usize]) -> Vec<Share> {
        of.iter().map(|n| blob.open_share(&self.0[*n]).unwrap()).collect()
    }
}

fn copy_pages(from: &dyn PageStore) -> Arc<MemoryPages> {
    let to = Arc::new(MemoryPages::new());
    from.for_each_id(&mut |id| to.write(&[(id, &from.read(&id).unwrap().unwrap())]).unwrap()).unwrap();
    to
}

fn copy_ledger(from: &dyn RootLedger) -> Arc<MemoryLedger> {
    let to = Arc::new(MemoryLedger::new());
    from.after(0).unwrap().iter().for_each(|record| to.append(record).unwrap());
    from.forgotten(0).unwrap().iter().for_each(|record| to.forget(record).unwrap());
    to
}

/// The vault as it comes back from this blob; its ground goes on from there.
fn recover(
    blob: &EscrowBlob,
    shares: &[Share],
    archive: &dyn PageStore,
    ledger: Arc<dyn RootLedger>,
    ground: &Ground,
) -> Result<(Ground, Recovered), KeyringError> {
    let (vault, n) = (blob.head.vault, ground.cells.len() as u8);
    let pages = copy_pages(archive);
    let root = blob.open(shares).unwrap();
    let (states, done) =
        Keyring::recover(vault, pages.clone(), root, Arc::clone(&ledger), n, ground.options())?;
    let cells = (0..n).map(|index| {
        let cell = MemoryCell::split(vault, index, n);
        cell.adopt_state(&states[usize::from(index)]).unwrap();
        Arc::new(cell) as Arc<dyn RootCell>
    });
    Ok((Ground { pages, cells: cells.collect(), ledger, clock: ground.clock.clone() }, done))
}

/// So many people with a key each.
fn people(keyring: &Keyring, n: usize) -> Vec<[u8; 32]> {
    let key = |n| key_of(&keyring.create_subject(&user(&format!("u{n}")), false).unwrap().0, &item(1, 9));
    (0..n).map(|n| key(n).unwrap()).collect()
}

#[test]
fn who_was_forgotten_since_stays_forgotten_and_all_others_are_whole() {
    for cells in [1, 2] {
        let (ground, holders, archive) = (Ground::split(cells), Holders::three(), MemoryPages::new());
        let keyring = ground.create();
        let keys = people(&keyring, 60);
        let subject = |n: usize| keyring.subject(&user(&format!("u{n}"))).unwrap();
        keyring.cut(&subject(7), vec![Path::leaf(&item(1, 1)).unwrap()]).unwrap();
        let hold = Hold { reason: "court".into(), since: 0, expires: None };
        keyring.restrict(&subject(5), RestrictionChange::PlaceHold("h".into(), hold)).unwrap();
        let blob = keyring.escrow(holders.to(), &archive, true).unwrap().blob;
        let blob = EscrowBlob::decode(&blob.encode()).unwrap();

        // Of somebody under a hold then, which is lifted before the erasure.
        keyring.restrict(&subject(5), RestrictionChange::LiftHold("h".into())).unwrap();
        keyring.erase(&[user("u3"), user("u5")]).unwrap();
        for seq in [2, 3] {
            keyring.cut(&subject(7), vec![Path::leaf(&item(1, seq)).unwrap()]).unwrap();
        }
        keyring.create_subject(&user("new"), false).unwrap();
        keyring.create_subject(&user("short"), false).unwrap();
        keyring.erase(&[user("short")]).unwrap();
        let before = keyring.erase(&[user("u3")]).unwrap().remove(0);
        let last = keyring.generation();
        drop(keyring);

        // All pages, cells and memory are lost; archive, holders and ledger are left.
        let shares = holders.shares(&blob, &[2, 0]);
        let (back, done) = recover(&blob, &shares, &archive, ground.ledger.clone(), &ground).unwrap();
        assert_eq!((done.erased_again, done.cut_again, done.unknown, done.people), (2, 1, 1, 58));
        assert!(done.from_generation < done.known_generation && done.known_generation <= last);
        assert!(done.generation > last, "generations go on");
        let keyring = back.open();
        assert_eq!(keyring.ill(), [""; 0]);
        assert_eq!(keyring.verify(true).unwrap().faults, [""; 0]);
        for (n, key) in keys.iter().enumerate() {
            let found = keyring.subject(&user(&format!("u{n}")));
            if [3, 5].contains(&n) {
                assert!(matches!(found, Err(KeyringError::Erased { .. })), "{n}");
                continue;
            }
            let found = found.unwrap();
            assert_eq!(key_of(&found, &item(1, 9)).as_ref(), Some(key), "{n}");
            for seq in 1..4 {
                assert_eq!(key_of(&found, &item(1, seq)).is_none(), n == 7, "{n}, {seq}");
            }
        }
        assert!(matches!(keyring.subject(&user("new")), Err(KeyringError::Unknown)));
        // The erasure is the one that it was.
        let (ErasureOutcome::Erased(first) | ErasureOutcome::AlreadyErased(first)) = before else { panic!() };
        let again = keyring.erase(&[user("u3")]).unwrap().remove(0);
        let ErasureOutcome::AlreadyErased(again) = again else { panic!("{again:?}") };
        assert_eq!((again.generation_after, again.erased_at), (first.generation_after, first.erased_at));
        keyring.create_subject(&user("eve"), false).unwrap();
        keyring.erase(&[user("u1")]).unwrap();
    }
}

#[test]
fn nothing_comes_back_without_what_was_forgotten() {
    let (ground, holders, archive) = (Ground::new(), Holders::three(), MemoryPages::new());
    let keyring = ground.create();
    people(&keyring, 3);
    keyring.erase(&[user("u0")]).unwrap();
    let old = copy_ledger(ground.ledger.as_ref());
    keyring.rotate().unwrap();
    let blob = keyring.escrow(holders.to(), &archive, true).unwrap().blob;
    keyring.erase(&[user("u1")]).unwrap();
    drop(keyring);
    let shares = holders.shares(&blob, &[0, 1]);
    let refused = |ledger: Arc<MemoryLedger>| {
        let error = recover(&blob, &shares, &archive, ledger, &ground).err().unwrap();
        assert!(matches!(error, KeyringError::Cells { .. }), "{error}");
    };
    refused(Arc::default());
    refused(old);
    // The deletion is known, and what it forgot is not.
    let torn = copy_ledger(ground.ledger.as_ref());
    torn.settle_forgotten(blob.head.generation).unwrap();
    refused(torn);
    // Another vault's.
    let foreign = copy_ledger(ground.ledger.as_ref());
    let mut record = foreign.forgotten(blob.head.generation).unwrap().remove(0);
    record.vault = VaultId([9; 16]);
    foreign.forget(&record).unwrap();
    refused(foreign);
    // Too few holders, and holders of another root.
    assert!(blob.open(&holders.shares(&blob, &[1])).is_err());
    let other = ground.open().escrow(holders.to(), &archive, true).unwrap().blob;
    assert!(blob.open(&holders.shares(&other, &[0, 1])).is_err());
    assert!(blob.open_share(&EscrowSeed::generate().unwrap()).is_err());
}

/// Pages of memory that do something of a test's when they are written, and count.
struct Archive<'a> {
    pages: MemoryPages,
    written: std::sync::atomic::AtomicUsize,
    meanwhile: Box<dyn Fn() + Send + Sync + 'a>,
}

impl<'a> Archive<'a> {
    fn new(meanwhile: impl Fn() + Send + Sync + 'a) -> Self {
        Self { pages: MemoryPages::new(), written: Default::default(), meanwhile: Box::new(meanwhile) }
    }
    fn written(&self) -> usize {
        self.written.swap(0, std::sync::atomic::Ordering::SeqCst)
    }
}

impl PageStore for Archive<'_> {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.pages.read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        self.written.fetch_add(pages.len(), std::sync::atomic::Ordering::SeqCst);
        (self.meanwhile)();
        self.pages.write(pages)
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.pages.remove(ids)
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.pages.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.pages.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        1
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.pages.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        Vec::new()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

#[test]
fn a_walk_costs_what_has_changed_and_misses_nothing_that_changes_meanwhile() {
    let (ground, holders) = (Ground::new(), Holders::three());
    let keyring = ground.create();
    people(&keyring, 300);
    let busy = std::sync::atomic::AtomicUsize::new(0);
    let archive = Archive::new(|| {
        let n = busy.load(std::sync::atomic::Ordering::SeqCst);
        if n > 0 {
            busy.store(0, std::sync::atomic::Ordering::SeqCst);
            keyring.create_subject(&user(&format!("meanwhile {n}")), false).unwrap();
            keyring.erase(&[user(&format!("u{n}"))]).unwrap();
            let other = keyring.subject(&user(&format!("u{}", n + 1))).unwrap();
            keyring.cut(&other, vec![Path::leaf(&item(1, 1)).unwrap()]).unwrap();
        }
    });
    keyring.escrow(holders.to(), &archive, true).unwrap();
    assert!(archive.written() > 300);
    keyring.escrow(holders.to(), &archive, true).unwrap();
    assert_eq!(archive.written(), 0, "nothing has changed");
    keyring.erase(&[user("u0")]).unwrap();
    keyring.escrow(holders.to(), &archive, true).unwrap();
    let written = archive.written();
    assert!((2..20).contains(&written), "{written} pages for one deletion");

    busy.store(10, std::sync::atomic::Ordering::SeqCst);
    keyring.rotate().unwrap();
    let blob = keyring.escrow(holders.to(), &archive, true).unwrap().blob;
    assert_eq!(blob.head.generation, keyring.generation(), "sealed after what came in between");
    // Whatever this root opens is there.
    let shares = holders.shares(&blob, &[0, 1]);
    let (back, done) =
        recover(&blob, &shares, &archive, copy_ledger(ground.ledger.as_ref()), &ground).unwrap();
    assert_eq!((done.people, done.erased_again, done.cut_again), (300 - 2 + 1, 0, 0));
    let report = back.open().verify(false).unwrap();
    assert_eq!((report.faults.len(), report.persons), (0, 299));

    // A page that was torn in the archive is found by a walk that trusts nothing.
    let id = back.open().root_hash();
    let _of_another_root = id;
    let mut torn = None;
    archive.pages.for_each_id(&mut |id| torn = torn.or(Some(id))).unwrap();
    archive.pages.write(&[(torn.unwrap(), &[7; 1024])]).unwrap();
    archive.written();
    keyring.escrow(holders.to(), &archive, false).unwrap();
    assert!(archive.written() <= 1);
}

/// The power fails at every call of a few deletions. Whoever was told of one, and whoever sees one after the restart, finds it made again by a
/// recovery from the root before all of them.
#[test]
fn a_recovery_after_any_crash_forgets_what_was_acknowledged() {
    for eighths in [0, 8] {
        for calls in 1.. {
            let run = Run::new(1);
            let ground = run.always();
            let keyring = ground.create();
            people(&keyring, 4);
            let (holders, archive) = (Holders::three(), MemoryPages::new());
            let blob = keyring.escrow(holders.to(), &archive, true).unwrap().blob;
            let shares = holders.shares(&blob, &[1, 2]);
            drop(keyring);

            let keyring = run.with_power(calls, eighths).open();
            let leaf = Path::leaf(&item(1, 1)).unwrap();
            let (mut erased, mut cut) = (0, false);
            let done = (|| {
                for n in 0..2 {
                    keyring.erase(&[user(&format!("u{n}"))])?;
                    erased = n + 1;
                }
                keyring.cut(&keyring.subject(&user("u2"))?, vec![leaf])?;
                cut = true;
                Ok::<_, KeyringError>(())
            })();
            drop(keyring);
            let at = format!("call {calls}, {eighths}/8 of it done");
            let check = |seen_erased: usize, seen_cut: bool, at: &str| {
                let ledger = copy_ledger(run.ground.ledger.as_ref());
                let (back, _) = recover(&blob, &shares, &archive, ledger, &ground).unwrap();
                let keyring = back.open();
                for n in 0..seen_erased {
                    let found = keyring.subject(&user(&format!("u{n}")));
                    assert!(matches!(found, Err(KeyringError::Erased { .. })), "{at}: u{n} is back");
                }
                let other = keyring.subject(&user("u2")).unwrap();
                assert!(!seen_cut || key_of(&other, &item(1, 1)).is_none(), "{at}: what was cut is back");
                assert!(key_of(&keyring.subject(&user("u3")).unwrap(), &item(1, 1)).is_some(), "{at}");
            };
            // The key plane is lost at once, or after a restart.
            check(erased, cut, &at);
            let keyring = ground.open();
            let gone = |n: &usize| {
                matches!(keyring.subject(&user(&format!("u{n}"))), Err(KeyringError::Erased { .. }))
            };
            let seen_erased = (0..2).filter(gone).count();
            let seen_cut = key_of(&keyring.subject(&user("u2")).unwrap(), &item(1, 1)).is_none();
            assert!(seen_erased >= erased && seen_cut >= cut, "{at}");
            drop(keyring);
            check(seen_erased, seen_cut, &format!("{at}, after the restart"));
            if done.is_ok() {
                assert!(calls > 20, "{calls}");
                break;
            }
        }
    }
    let _counted = Call::Forget;
}
