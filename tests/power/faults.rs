//! Disks that fail and lie, power that fails again during recovery, and histories that chance wrote.

use oubliette_powercut::{Dice, Disk, Folder, Image, Strategy};

use crate::child::{Played, play_in_child};
use crate::cuts::{Counts, Mountpoint, Recorded, acknowledged, last_mark, record};
use crate::history::{Expected, History, Manner};
use crate::inspect::Inspector;
use crate::rounds;
use crate::script::Accent;
use crate::scripts::{left_out, report};

/// Random histories, each cut at some points.
#[test]
fn random_histories() {
    let mut all = Counts::default();
    for seed in 0..rounds("OUBLIETTE_CRASH_HISTORIES", 3) {
        let accent = [Accent::Mixed, Accent::Moves, Accent::Compactions][seed as usize % 3];
        let (length, points) = if accent == Accent::Mixed { (60, 6) } else { (30, 3) };
        let history =
            History { accent, seed: 1000 + seed, length, filtered: seed.is_multiple_of(2), base: 0 };
        let Some(recorded) = record(history) else { return left_out() };
        all.add(recorded.cut(&recorded.points(Some(points)), &Strategy::ALL, 7, seed));
    }
    report("random histories", all);
}

/// The power fails, comes back, and fails again while recovery is under way.
#[test]
fn cut_again_during_recovery() {
    let mut all = Counts::default();
    for seed in 0..rounds("OUBLIETTE_CRASH_AGAIN", 4) {
        let accent = Accent::TURNS[seed as usize % Accent::TURNS.len()];
        let history = History { accent, seed, length: 40, filtered: seed.is_multiple_of(2), base: 0 };
        let Some(recorded) = record(history) else { return left_out() };
        let mut dice = Dice::new(seed);
        for _ in 0..2 {
            let made = recorded.promised.iter().position(|(expected, _)| expected.made).unwrap_or(0) as u64;
            let point = made + dice.below(recorded.calls.len() as u64 + 1 - made);
            let mut disk = Disk::new(&recorded.start, seed);
            recorded.calls[..point as usize].iter().for_each(|call| disk.apply(call));
            let strategy = Strategy::ALL[dice.below(7) as usize];
            let image = disk.cut(strategy, &mut dice);
            all.add(recorded.recover_and_cut(&image, point as usize, &mut dice));
        }
    }
    report("power cut again during recovery", all);
}

/// One sync fails with EIO, and what was dirty is lost, though the page cache still shows it. The process must end; the next one goes on,
/// and after that the power fails.
#[test]
fn a_sync_that_fails_once() {
    let mut all = Counts::default();
    let mut noticed = 0;
    for seed in 0..rounds("OUBLIETTE_CRASH_FAILURES", 6) {
        let accent = Accent::TURNS[seed as usize % Accent::TURNS.len()];
        let history = History { accent, seed, length: 40, filtered: !seed.is_multiple_of(3), base: 0 };
        let mut dice = Dice::new(seed + 77);
        let Ok(folder) = Folder::new(&Image::empty()) else { return left_out() };
        // After the making, whose failure leaves nothing to look at.
        folder.fail_sync_after(60 + dice.below(450));
        let at = Mountpoint::new();
        let mut from = 0;
        let mut failures = 0;
        loop {
            match play_in_child(&at.mount(folder.path()), history, from) {
                Played::ToTheEnd => break,
                Played::Died => {}
                Played::Failed => failures += 1,
            }
            from = acknowledged(&folder.calls());
            assert!(failures < 3, "{history:?}: {:?}", last_mark(&folder.calls()));
        }
        noticed += failures;
        let calls = folder.calls();
        drop(folder);
        let recorded = Recorded::new(history, Image::empty(), calls, at);
        all.add(recorded.cut(&recorded.points(Some(8)), &[Strategy::Nothing, Strategy::Some], 2, seed));
    }
    assert!(noticed > 0, "no process met the failure");
    report(&format!("one failing sync ({noticed} met by an operation)"), all);
}

/// Half of all syncs do nothing and say they did. Then nothing can be kept; but nothing wrong is told, and nothing panics.
#[test]
fn a_disk_that_lies() {
    let mut images = 0;
    for seed in 0..rounds("OUBLIETTE_CRASH_LIES", 2) {
        let accent = Accent::TURNS[seed as usize % Accent::TURNS.len()];
        let history = History { accent, seed, length: 60, filtered: seed.is_multiple_of(2), base: 0 };
        let Some(recorded) = record(history) else { return left_out() };
        let mut inspector = Inspector::new(&[history]);
        let mut dice = Dice::new(seed);
        for point in recorded.points(Some(12)) {
            let mut disk = Disk::new(&recorded.start, seed).lying();
            recorded.calls[..point].iter().for_each(|call| disk.apply(call));
            for strategy in [Strategy::Nothing, Strategy::Some, Strategy::Torn] {
                let image = disk.cut(strategy, &mut dice);
                let expected = Expected { disk: Manner::Lied, ..recorded.promised[point].0 };
                let at = format!("{history:?}, a lying disk cut after call {point}, {strategy:?}");
                recorded.look(&mut inspector, &image, expected, 0, &at);
                images += 1;
            }
        }
    }
    println!("assured: a disk that lies: images: {images}, wrong answers: 0, panics: 0");
}
