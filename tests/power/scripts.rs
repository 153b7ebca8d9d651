//! Seven scripts, cut after many of their calls or all.

use std::env;

use oubliette_powercut::Strategy;

use crate::cuts::{Counts, record};
use crate::history::History;
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
        None if accent == Accent::Compactions => (Some(SAMPLE / 2), Strategy::ALL.len()),
        None => (Some(SAMPLE), Strategy::ALL.len()),
    };
    let mut counts = recorded.cut(&recorded.points(about), &Strategy::ALL, ways, history.seed);
    if accent == Accent::Compactions && about.is_some() {
        let told = recorded.cut(&recorded.telling_points(), &[Strategy::Nothing], 1, history.seed);
        counts.add(Counts { calls: 0, ..told });
    }
    report(&format!("{accent:?}"), counts);
}

/// Seed and length of a script that erases somebody, moves the vault with the cell in its folder, then the cell out of that.
const FEW_MOVES: (u64, usize) = (35, 6);

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

/// Where not all points are asked for: few moves, but of those every call that is about a cell or says where the vault is.
#[test]
fn moves() {
    if env::var("OUBLIETTE_CRASH_POINTS").is_ok() {
        return cut_script(Accent::Moves, true);
    }
    let (seed, length) = FEW_MOVES;
    let history = History { accent: Accent::Moves, seed, length, filtered: true, base: 0 };
    let Some(recorded) = record(history) else { return left_out() };
    let points = recorded.telling_points();
    report("Moves", recorded.cut(&points, &[Strategy::Nothing], 1, seed));
}
