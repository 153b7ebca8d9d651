//! Power fails at every call into page store, cells and ledger, between calls and within them.

use std::sync::{Arc, Mutex};

use oubliette_crypto::{CellShare, Path, VaultId};
use oubliette_engine::{EngineError, PageId, RawPage};

use super::*;

/// The calls of a commit and of recovery.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Call {
    WritePages,
    RemovePages,
    Stage,
    Confirm,
    Point,
    Withdraw,
    Append,
    Forget,
}

/// How much longer there is power. The last call that gets some is done in part.
pub(super) struct Power {
    left: Mutex<usize>,
    /// Which calls count; all of them, if none is named.
    counted: Option<Call>,
    /// Eighths of the last call that still happen.
    eighths: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Step {
    Whole,
    Torn,
    Off,
}

impl Power {
    fn step(&self, call: Call) -> Step {
        let mut left = self.left.lock().unwrap();
        if *left > 0 && self.counted.is_some_and(|counted| counted != call) {
            return Step::Whole;
        }
        let step = match *left {
            0 => Step::Off,
            1 => Step::Torn,
            _ => Step::Whole,
        };
        *left = left.saturating_sub(1);
        step
    }
}

struct Pages(Arc<dyn PageStore>, Arc<Power>);

fn off() -> EngineError {
    EngineError::Poisoned { reason: "the power is gone".into() }
}

impl PageStore for Pages {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.0.read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        match self.1.step(Call::WritePages) {
            Step::Whole => self.0.write(pages),
            Step::Torn => self.0.write(&pages[..pages.len() * self.1.eighths / 8]).and(Err(off())),
            Step::Off => Err(off()),
        }
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        match self.1.step(Call::RemovePages) {
            Step::Whole => self.0.remove(ids),
            Step::Torn => self.0.remove(&ids[..ids.len() * self.1.eighths / 8]).and(Err(off())),
            Step::Off => Err(off()),
        }
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.0.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.0.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        1
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.0.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        Vec::new()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// A cell on a medium that can stop within a write: what was written up to then stays.
struct Cell {
    image: Arc<Mutex<Vec<u8>>>,
    power: Arc<Power>,
}

impl Cell {
    fn now(&self) -> MemoryCell {
        MemoryCell::from_image(self.image.lock().unwrap().clone()).unwrap()
    }
    fn change(
        &self,
        call: Call,
        change: impl FnOnce(&MemoryCell) -> Result<(), CellError>,
    ) -> Result<(), CellError> {
        let step = self.power.step(call);
        if step == Step::Off {
            return Err(CellError::Misuse { detail: "the power is gone" });
        }
        let cell = self.now();
        change(&cell)?;
        let (before, mut after) = (self.image.lock().unwrap().clone(), cell.image());
        if step == Step::Torn {
            // Bytes that differ, in order of place: the first so many eighths of them are new.
            let changed: Vec<usize> = (0..after.len()).filter(|at| after[*at] != before[*at]).collect();
            let kept = changed.len() * self.power.eighths / 8;
            changed[kept..].iter().for_each(|at| after[*at] = before[*at]);
        }
        *self.image.lock().unwrap() = after;
        if step == Step::Torn { Err(CellError::Misuse { detail: "the power is gone" }) } else { Ok(()) }
    }
}

impl RootCell for Cell {
    fn vault(&self) -> VaultId {
        self.now().vault()
    }
    fn share_index(&self) -> u8 {
        self.now().share_index()
    }
    fn shares(&self) -> u8 {
        self.now().shares()
    }
    fn read(&self) -> Result<CellState, CellError> {
        self.now().read()
    }
    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.change(Call::Point, |cell| cell.point(pointer))
    }
    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.change(Call::Stage, |cell| cell.stage(epoch, share, pointer))
    }
    fn confirm(&self) -> Result<(), CellError> {
        self.change(Call::Confirm, |cell| cell.confirm())
    }
    fn withdraw(&self) -> Result<(), CellError> {
        self.change(Call::Withdraw, |cell| cell.withdraw())
    }
    fn class(&self) -> ErasureClass {
        ErasureClass::E0
    }
}

struct Ledger(Arc<dyn RootLedger>, Arc<Power>);

impl RootLedger for Ledger {
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError> {
        let gone = Err(LedgerError::OutOfOrder { last: 0, got: 0 });
        match self.1.step(Call::Append) {
            Step::Whole => self.0.append(record),
            Step::Torn if self.1.eighths == 8 => self.0.append(record).and(gone),
            _ => gone,
        }
    }
    fn forget(&self, forgotten: &Forgotten) -> Result<(), LedgerError> {
        let gone = Err(LedgerError::OutOfOrder { last: 0, got: 0 });
        match self.1.step(Call::Forget) {
            Step::Whole => self.0.forget(forgotten),
            Step::Torn if self.1.eighths == 8 => self.0.forget(forgotten).and(gone),
            _ => gone,
        }
    }
    fn forgotten(&self, after: u64) -> Result<Vec<Forgotten>, LedgerError> {
        self.0.forgotten(after)
    }
    fn settle_forgotten(&self, last: u64) -> Result<Settled, LedgerError> {
        self.0.settle_forgotten(last)
    }
    fn places(&self) -> Result<u64, LedgerError> {
        self.0.places()
    }
    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError> {
        self.0.find(generation_after)
    }
    fn after(&self, generation: u64) -> Result<Vec<RootRecord>, LedgerError> {
        self.0.after(generation)
    }
    fn verify(&self) -> Result<Vec<String>, LedgerError> {
        self.0.verify()
    }
}

/// The lasting bytes of one run.
pub(super) struct Run {
    pub(super) ground: Ground,
    images: Vec<Arc<Mutex<Vec<u8>>>>,
}

impl Run {
    pub(super) fn new(shares: u8) -> Self {
        let ground = Ground::split(shares);
        let vault = ground.cells[0].vault();
        let images = (0..shares).map(|n| Arc::new(Mutex::new(MemoryCell::split(vault, n, shares).image())));
        Self { ground, images: images.collect() }
    }
    /// Power for so many calls of any kind.
    pub(super) fn with_power(&self, calls: usize, eighths: usize) -> Ground {
        self.on(calls, eighths)
    }
    fn on(&self, left: usize, eighths: usize) -> Ground {
        self.over(Power { left: Mutex::new(left), counted: None, eighths })
    }
    /// Power until the call of this kind after `whole` such calls, of which some eighths happen.
    pub(super) fn until(&self, call: Call, whole: usize, eighths: usize) -> Ground {
        self.over(Power { left: Mutex::new(whole + 1), counted: Some(call), eighths })
    }
    pub(super) fn always(&self) -> Ground {
        self.on(usize::MAX, 8)
    }
    fn over(&self, power: Power) -> Ground {
        let power = Arc::new(power);
        let cells = self.images.iter().map(|image| {
            Arc::new(Cell { image: Arc::clone(image), power: Arc::clone(&power) }) as Arc<dyn RootCell>
        });
        Ground {
            pages: Arc::new(Pages(Arc::clone(&self.ground.pages), Arc::clone(&power))),
            cells: cells.collect(),
            ledger: Arc::new(Ledger(Arc::clone(&self.ground.ledger), Arc::clone(&power))),
            clock: Arc::clone(&self.ground.clock),
        }
    }
}

/// What a person may look like after the crash; the last entry is what was asked for.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Life {
    Absent,
    Live,
    Blocked,
    Erased,
}

const PEOPLE: [&str; 4] = ["ann", "bob", "cem", "dua"];

/// What was acknowledged, and what the call in flight may have done.
struct Expected {
    life: [Vec<Life>; 4],
    /// First item that is not cut; the second is what was asked for.
    cut: [(u64, u64); 4],
    keys: [Option<[u8; 32]>; 4],
    withdrawn: Vec<usize>,
}

fn script(keyring: &Keyring, ground: &Ground, expected: &mut Expected) -> Result<(), KeyringError> {
    let person = |n: usize| user(PEOPLE[n]);
    for n in 0..4 {
        expected.life[n].push(Life::Live);
        let (subject, _) = keyring.create_subject(&person(n), false)?;
        expected.life[n] = vec![Life::Live];
        expected.keys[n] = Some(*subject.key(&item(1, 50))?.key().expose());
    }
    for seq in 1..3 {
        for n in 1..3 {
            let subject = keyring.subject(&person(n))?;
            expected.cut[n].1 = seq;
            keyring.cut(&subject, vec![Path::leaf(&item(1, seq))?])?;
            expected.cut[n].0 = seq;
        }
    }
    let request = asked(ground);
    keyring.request_deletion(&keyring.subject(&person(1))?, request.clone())?;
    for n in [0, 1] {
        expected.life[n].extend([Life::Blocked, Life::Erased]);
        if n == 0 {
            keyring.erase(&[person(n)])?;
        } else {
            keyring.erase_all(&[due(PEOPLE[n], &request)])?;
        }
        expected.life[n] = vec![Life::Erased];
    }
    let subject = keyring.subject(&person(2))?;
    keyring.restrict(&subject, RestrictionChange::WithdrawConsent("chat".into()))?;
    expected.withdrawn.push(2);
    expected.life[2].extend([Life::Blocked]);
    keyring.block(&person(2))?;
    expected.life[2] = vec![Life::Blocked];
    keyring.swept(&swept(keyring))?;
    keyring.rotate()?;
    Ok(())
}

fn check(keyring: &Keyring, ground: &Ground, expected: &Expected, at: &str) {
    for (n, name) in PEOPLE.into_iter().enumerate() {
        let found = keyring.even_leaving(&user(name));
        let life = match &found {
            Ok(_) => Life::Live,
            Err(KeyringError::Unknown) => Life::Absent,
            Err(KeyringError::Blocked) => Life::Blocked,
            Err(KeyringError::Erased { record: Some(_), .. }) => Life::Erased,
            Err(error) => panic!("{at}: {error}"),
        };
        assert!(expected.life[n].contains(&life), "{at}: {name} is {life:?}, not {:?}", expected.life[n]);
        if let Ok(subject) = found {
            let (cut, asked) = expected.cut[n];
            for seq in 1..5 {
                let gone = key_of(&subject, &item(1, seq)).is_none();
                assert!(gone || seq > cut, "{at}: {name}'s item {seq} is back");
                assert!(!gone || seq <= asked, "{at}: {name}'s item {seq} is lost");
            }
            if let Some(key) = expected.keys[n] {
                assert_eq!(key_of(&subject, &item(1, 50)), Some(key), "{at}");
            }
            assert!(
                !expected.withdrawn.contains(&n) || subject.restrictions().withdrawn.contains("chat"),
                "{at}"
            );
        }
    }
    if let Ok(Deletion::Erased { entry: Some(entry), .. }) = keyring.deletion(&user(PEOPLE[1])) {
        let facts = (entry.job, entry.binding, entry.reason.map(|reason| reason.as_str().to_owned()));
        assert_eq!(facts, (JobId([5; 16]), [6; 32], Some("moved_on".to_owned())), "{at}");
    }
    let blocked = keyring.intents().unwrap().len();
    let is_blocked = |name: &&&str| matches!(keyring.even_leaving(&user(name)), Err(KeyringError::Blocked));
    assert_eq!(blocked, PEOPLE.iter().filter(is_blocked).count(), "{at}");
    for cell in &ground.cells {
        let state = cell.read().unwrap();
        assert!(
            state.slots.len() == 2 && state.slots.iter().all(|slot| slot.epoch == keyring.epoch()),
            "{at}"
        );
        assert!(state.pointers.len() == 2 && state.pointers[0] == state.pointers[1], "{at}");
        assert_eq!(state.pointers[0].generation, keyring.generation());
    }
    let recorded = |generation: &u64| ground.ledger.find(*generation).unwrap().is_some();
    let records = (1..=keyring.generation()).filter(recorded).count() as u64;
    assert_eq!(records, keyring.epoch() - 1, "{at}: every deletion has its record");
    let noted = ground.ledger.forgotten(0).unwrap();
    assert_eq!(noted.len() as u64, records, "{at}: and what each forgot is noted");
    let report = keyring.verify(true).unwrap();
    assert_eq!(report.faults, [""; 0], "{at}");
    assert_eq!(keyring.verify(false).unwrap().orphans, 0, "{at}");
}

/// Runs the script with power for so many calls; true if it came to its end.
fn crash(shares: u8, calls: usize, eighths: usize) -> bool {
    let at = format!("{shares} cells, call {calls}, {eighths}/8 of it done");
    let run = Run::new(shares);
    let ground = run.always();
    drop(ground.create());
    let ground = run.on(calls, eighths);
    let keyring = ground.open();
    let mut expected = Expected {
        life: [(); 4].map(|()| vec![Life::Absent]),
        cut: [(0, 0); 4],
        keys: [None; 4],
        withdrawn: Vec::new(),
    };
    let done = script(&keyring, &ground, &mut expected);
    drop(keyring);
    // The power fails once more while recovery runs, then it comes back for good.
    let ground = run.on(2, eighths);
    drop(ground.try_open());
    let ground = run.always();
    let keyring = ground.open();
    check(&keyring, &ground, &expected, &at);
    // And life goes on.
    keyring.create_subject(&user("eve"), false).unwrap();
    keyring.rotate().unwrap();
    for name in PEOPLE {
        let unknown = keyring.erase(&[user(name)]).unwrap()[0] == ErasureOutcome::Unknown;
        let left = keyring.subject(&user(name)).unwrap_err();
        assert_eq!(unknown, matches!(left, KeyringError::Unknown), "{at}");
    }
    drop(keyring);
    let keyring = ground.open();
    assert!(keyring.subject(&user("eve")).is_ok(), "{at}");
    assert!(keyring.intents().unwrap().is_empty() && keyring.ill().is_empty(), "{at}");
    done.is_ok()
}

fn every_crash(shares: u8) {
    for eighths in [0, 3, 8] {
        let calls = (1..).find(|calls| crash(shares, *calls, eighths)).unwrap();
        assert!(calls > 50, "the script makes more calls than {calls}");
    }
}

#[test]
fn with_one_cell() {
    every_crash(1);
}

#[test]
fn with_a_split_root() {
    every_crash(2);
}

#[test]
fn with_a_root_split_in_three() {
    every_crash(3);
}
