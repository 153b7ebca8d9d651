//! Seven scripts, cut after many of their calls or all.

use std::env;

use oubliette_powercut::Strategy;

use crate::cuts::{Counts, record};
use crate::history::History;
use crate::model::Op;
use crate::script::Accent;

/// Points a script, where not all are asked for.
const SAMPLE: usize = 16;

fn cut_script(accent: Accent, filtered: bool) {
    let history =
        History { accent, seed: accent.number() as u64, length: accent.length(), filtered, base: 0 };
    let Some(recorded) = record(history) else { return left_out() };
    let asked = env::var("OUBLIETTE_CRASH_POINTS").ok();
    let (about, ways) = match asked.as_deref() {
        Some("all") => (None, 2),
        Some(number) => (Some(number.parse().unwrap()), Strategy::ALL.len()),
        None if accent == Accent::Moves => (Some(SAMPLE / 5), Strategy::ALL.len()),
        None if accent == Accent::Compactions => (Some(SAMPLE / 2), Strategy::ALL.len()),
        None => (Some(SAMPLE), Strategy::ALL.len()),
    };
    let mut counts = recorded.cut(&recorded.points(about), &Strategy::ALL, ways, history.seed);
    if accent == Accent::Compactions && about.is_some() {
        let told = recorded.cut(&recorded.current_rows(), &[Strategy::Nothing], 1, history.seed);
        counts.add(Counts { calls: 0, ..told });
    }
    report(&format!("{accent:?}"), counts);
}

/// After every call of one move that is about a cell or says where the vault is, with nothing of what is in flight: whatever is done too early shows.
fn cut_a_move(of: &Op) {
    // Somebody is erased, the vault moves with the cell in its folder, then the cell out of that.
    let history = History { accent: Accent::Moves, seed: 35, length: 6, filtered: true, base: 0 };
    assert_eq!(history.ops().iter().filter(|op| *op == of).count(), 1);
    let Some(recorded) = record(history) else { return left_out() };
    let counts = recorded.cut(&recorded.telling_points(of), &[Strategy::Nothing], 1, history.seed);
    report(&format!("{of:?}"), counts);
}

pub(crate) fn left_out() {
    println!("left out: power: this process may not mount FUSE file systems");
}

pub(crate) fn report(what: &str, counts: Counts) {
    let Counts { calls, points, images, acknowledged, erased } = counts;
    println!(
        "assured: power cut, {what}: {calls} calls, cut after {points}, images: {images}, acknowledged changes held: {acknowledged}, erased checked: {erased}, bad: 0"
    );
}

#[test]
fn rows() {
    cut_script(Accent::Rows, true);
}

#[test]
fn blobs() {
    cut_script(Accent::Blobs, true);
}

#[test]
fn chats() {
    cut_script(Accent::Chats, false);
}

#[test]
fn credentials() {
    cut_script(Accent::Credentials, true);
}

#[test]
fn erasures() {
    cut_script(Accent::Erasures, false);
}

/// Where not all points are asked for: some, and each at which other rows have become the current ones.
#[test]
fn compactions() {
    cut_script(Accent::Compactions, true);
}

#[test]
fn moves() {
    cut_script(Accent::Moves, true);
}

#[test]
fn a_move_of_the_vault() {
    cut_a_move(&Op::Move);
}

#[test]
fn a_move_of_the_cell() {
    cut_a_move(&Op::MoveCell);
}
