//! Histories that were written down: one has everything in it.

use oubliette_adversary::{FolderGround, Leak, MemoryGround, World, close};
use oubliette_store::{Policy, RecordRule, VaultOptions};

use crate::filler::Size;
use crate::history::{History, PURPOSE};
use crate::op::{AUTHOR, EITHER, Op, SURVIVOR};

/// Key times blob, in one history with its seizures. Less would be no search.
pub(crate) const LEAST_TRIALS: u64 = 10_000;

/// Two people and all that can be forgotten of them, seized before and after each step.
pub(crate) const EVERYTHING: &[Op] = &[
    Op::Put { who: 0, spot: 0, size: Size::Small },
    Op::Put { who: 0, spot: 0, size: Size::Packed },
    Op::Put { who: 0, spot: 0, size: Size::Dense },
    Op::Break { who: 0, spot: 0 },
    Op::Put { who: 0, spot: 1, size: Size::Packed },
    Op::Put { who: 1, spot: 0, size: Size::Small },
    Op::Say { who: 0, to: 1, long: false, policy: AUTHOR },
    Op::Say { who: 1, to: 0, long: true, policy: AUTHOR },
    Op::Say { who: 0, to: 1, long: true, policy: AUTHOR },
    Op::Say { who: 0, to: 1, long: false, policy: AUTHOR },
    Op::Say { who: 1, to: 0, long: false, policy: AUTHOR },
    Op::Say { who: 0, to: 1, long: false, policy: EITHER },
    Op::Say { who: 0, to: 1, long: true, policy: EITHER },
    Op::Say { who: 1, to: 0, long: false, policy: EITHER },
    Op::Say { who: 0, to: 1, long: false, policy: SURVIVOR },
    Op::Say { who: 0, to: 1, long: true, policy: SURVIVOR },
    Op::Say { who: 1, to: 0, long: true, policy: SURVIVOR },
    Op::Say { who: 0, to: 1, long: true, policy: EITHER },
    Op::Say { who: 0, to: 1, long: false, policy: SURVIVOR },
    Op::Consent { who: 0 },
    Op::SetSteam { who: 0, spot: 0 },
    Op::Release { who: 0, spot: 0 },
    Op::SetSteam { who: 0, spot: 0 },
    Op::Release { who: 0, spot: 0 },
    Op::SetSteam { who: 0, spot: 1 },
    Op::Release { who: 0, spot: 1 },
    Op::Lend { who: 0, spot: 0 },
    Op::Seize,
    Op::ForgetVersion { who: 0, spot: 0, nth: 1 },
    Op::Seize,
    Op::ForgetMessage { who: 0, to: 1, nth: 1 },
    Op::ForgetThrough { who: 1, to: 0, nth: 1 },
    Op::Move { who: 0 },
    Op::Seize,
    Op::ForgetTheirs { who: 1, to: 0, nth: 0 },
    Op::ForgetMessage { who: 0, to: 1, nth: 2 },
    Op::Seize,
    Op::ForgetTheirs { who: 1, to: 0, nth: 1 },
    Op::ForgetTheirs { who: 1, to: 0, nth: 1 },
    Op::Seize,
    Op::Restart,
    Op::ForgetSlot { who: 0, spot: 1 },
    Op::ForgetSteam { who: 0, spot: 0 },
    Op::Seize,
    Op::Withdraw { who: 0 },
    Op::ForgetSide { who: 1, to: 0 },
    Op::Say { who: 1, to: 0, long: false, policy: AUTHOR },
    Op::Say { who: 1, to: 0, long: false, policy: EITHER },
    Op::Say { who: 1, to: 0, long: false, policy: SURVIVOR },
    Op::Say { who: 0, to: 1, long: true, policy: SURVIVOR },
    Op::Seize,
    // The first of them is refused, and gives the consent.
    Op::Record { who: 0, spot: 0, long: false },
    Op::Record { who: 0, spot: 0, long: true },
    Op::Record { who: 0, spot: 1, long: false },
    Op::Record { who: 0, spot: 0, long: false },
    Op::Seize,
    Op::Hold { who: 0 },
    Op::Record { who: 0, spot: 0, long: true },
    Op::ForgetVersion { who: 0, spot: 0, nth: 0 },
    Op::ForgetSide { who: 0, to: 1 },
    Op::WithdrawRecords { who: 0 },
    Op::Move { who: 0 },
    Op::Erase { who: 0 },
    Op::Sweep,
    Op::Restart,
    Op::Sweep,
    Op::Seize,
    Op::Lift { who: 0 },
    Op::Seize,
    Op::Record { who: 0, spot: 0, long: false },
    Op::Record { who: 0, spot: 0, long: false },
    Op::ForgetRecord { who: 0, spot: 0 },
    Op::Seize,
    Op::Erase { who: 0 },
    Op::Seize,
    Op::Sweep,
    Op::Reopen { who: 0 },
    Op::Put { who: 0, spot: 2, size: Size::Dense },
    Op::Say { who: 0, to: 1, long: false, policy: AUTHOR },
    Op::Restart,
    Op::Seize,
    Op::Erase { who: 1 },
    Op::Seize,
];

/// Records are taken, with a consent.
pub(crate) fn promises() -> VaultOptions {
    let rule = RecordRule { consent: Some(PURPOSE.to_owned()), ..RecordRule::default() };
    let policy = Policy { records: [(PURPOSE.to_owned(), rule)].into(), ..Policy::default() };
    VaultOptions { policy, ..VaultOptions::default() }
}

pub(crate) fn in_memory(folder: &tempfile::TempDir, cells: u8, compress: bool) -> History {
    let options = VaultOptions { compress: Some(compress), ..promises() };
    History::new(World::create(MemoryGround::new(folder.path(), cells).unwrap(), options).unwrap())
}

pub(crate) fn run(history: &mut History, ops: &[Op]) -> Result<(), Leak> {
    ops.iter().try_for_each(|op| history.apply(op))?;
    history.seize()
}

#[test]
fn everything_that_can_be_forgotten_is() {
    for (cells, compress) in [(1, true), (2, false)] {
        let folder = tempfile::tempdir().unwrap();
        let mut history = in_memory(&folder, cells, compress);
        run(&mut history, EVERYTHING).unwrap_or_else(|leak| panic!("{leak}"));
        assert!(history.trials >= LEAST_TRIALS, "only {} trials", history.trials);
        println!("{} trials; {:?}", history.trials, history.done);
    }
}

/// Nothing but one save that is forgotten: no later deletion comes to the aid of this one.
#[test]
fn one_deletion_is_enough() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = in_memory(&folder, 1, true);
    let save = Op::Put { who: 0, spot: 0, size: Size::Small };
    run(&mut history, &[save, Op::ForgetVersion { who: 0, spot: 0, nth: 0 }])
        .unwrap_or_else(|leak| panic!("{leak}"));
}

/// The folder's files are kept as they are after every call to a store.
#[test]
fn on_real_files() {
    let folder = tempfile::tempdir().unwrap();
    let ground = FolderGround::new(folder.path()).unwrap();
    let mut history = History::new(World::create(ground, promises()).unwrap());
    for op in EVERYTHING {
        history.world.keep_files_always().unwrap();
        history.apply(op).unwrap_or_else(|leak| panic!("{leak}"));
        history.world.strikes().unwrap();
    }
    run(&mut history, &[]).unwrap_or_else(|leak| panic!("{leak}"));
    assert!(history.trials >= LEAST_TRIALS, "only {} trials", history.trials);
}

/// While the fence stands it says that the person existed; after it nothing does, to nobody.
#[test]
fn after_the_fence_no_guess_is_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = in_memory(&folder, 1, true);
    run(&mut history, EVERYTHING).unwrap();
    let departed: Vec<_> = history.departed().cloned().collect();
    let guess = |history: &History| {
        let report = close(&history.world.seize().unwrap());
        departed.iter().map(|id| report.confirms(id.as_str())).collect::<Vec<_>>()
    };
    assert_eq!(guess(&history), [true], "the fence says that the person existed");
    history.world.advance(31 * 24 * 3600);
    assert_eq!(history.world.keyring().unwrap().remove_expired_fences().unwrap(), 1);
    assert_eq!(guess(&history), [false], "a guess at somebody forgotten is confirmed");
}

/// Every other message of a long conversation is forgotten: what is left of the tree fills a trie of pages.
#[test]
fn a_cover_of_many_pages_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let mut history = in_memory(&folder, 1, true);
    let say = std::iter::repeat_n(Op::Say { who: 0, to: 1, long: false, policy: AUTHOR }, 100);
    let forget = (0..50).map(|nth| Op::ForgetMessage { who: 0, to: 1, nth });
    run(&mut history, &say.chain(forget).collect::<Vec<_>>()).unwrap_or_else(|leak| panic!("{leak}"));
    let present = history.world.seize_present(0).unwrap();
    let covers = present.pages.iter().filter(|page| page[3] == 6).count();
    assert!(covers >= 5, "only {covers} cover pages");
    run(&mut history, &[Op::Erase { who: 0 }]).unwrap_or_else(|leak| panic!("{leak}"));
}
