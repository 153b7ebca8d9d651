//! Seven scripts, cut after many of their calls or all.

use std::env;

use oubliette_powercut::Strategy;

use crate::cuts::{Counts, record};
use crate::history::History;
use crate::script::Accent;

/// Points a script, where not all are asked for.
const SAMPLE: usize = 16;
/// The same of a script about moves, each of which is also done again after a cut.
const SAMPLE_OF_MOVES: usize = 10;

fn cut_script(accent: Accent, filtered: bool) {
    let history =
        History { accent, seed: accent.number() as u64, length: accent.length(), filtered, base: 0 };
    let Some(recorded) = record(history) else { return left_out() };
    let asked = env::var("OUBLIETTE_CRASH_POINTS").ok();
    let (about, ways) = match asked.as_deref() {
        Some("all") => (None, 2),
        Some(number) => (Some(number.parse().unwrap()), Strategy::ALL.len()),
        None if accent == Accent::Moves => (Some(SAMPLE_OF_MOVES), Strategy::ALL.len()),
        None => (Some(SAMPLE), Strategy::ALL.len()),
    };
    let counts = recorded.cut(&recorded.points(about), &Strategy::ALL, ways, history.seed);
    report(&format!("{accent:?}"), counts);
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

#[test]
fn compactions() {
    cut_script(Accent::Compactions, true);
}

#[test]
fn moves() {
    cut_script(Accent::Moves, true);
}
