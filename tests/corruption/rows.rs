//! Rows exchanged, doubled, moved and removed, by whoever can write rows.

use std::cell::Cell;
use std::path::Path;

use oubliette::VaultOptions;
use oubliette_engine::{Batch, Row};

use crate::child::look_apart;
use crate::insider::{Place, change_with_anchor, change_without_key, content};
use crate::sample::Sample;
use crate::verdict::{Outcome, Seen, Verdict, look};

/// A kind of change, made of one row and another.
type Change = (&'static str, fn(&Row, &Row) -> Option<Batch>);

const CHANGES: [Change; 9] = [
    ("two rows exchanged", |one, other| Some(put(&[(&one.0, &other.1), (&other.0, &one.1)]))),
    ("one row over another", |one, other| Some(put(&[(&other.0, &one.1)]))),
    ("moved to another person", |one, other| moved(one, |place| place.handle = Place::of(&other.0).handle)),
    ("moved to another class", |one, _| moved(one, |place| place.class = place.class % 5 + 1)),
    ("moved to the other branch", |one, _| moved(one, |place| place.branch ^= 1)),
    ("moved to another compartment", |one, _| moved(one, |place| place.compartment += 7)),
    ("moved to the next number", |one, _| moved(one, |place| place.seq += 1)),
    ("moved to the highest number", |one, _| moved(one, |place| place.seq = u64::MAX)),
    ("moved to somebody unknown", |one, _| moved(one, |place| place.handle = [7; 16])),
];

fn put(rows: &[(&Vec<u8>, &Vec<u8>)]) -> Batch {
    let mut batch = Batch::new();
    for (key, value) in rows {
        batch.put((*key).clone(), (*value).clone());
    }
    batch
}

/// A copy of the row elsewhere; the row itself stays.
fn moved(row: &Row, to: impl FnOnce(&mut Place)) -> Option<Batch> {
    let mut place = Place::of(&row.0);
    to(&mut place);
    (place != Place::of(&row.0)).then(|| put(&[(&place.key(), &row.1)]))
}

/// How many rows each change is tried on; each with one of somebody else.
const TRIED: usize = 4;

fn every_change(
    data: &Path,
    apply: impl Fn(&Path, &dyn Fn(&[Row]) -> Option<Batch>),
    judge: impl Fn(&str, Verdict),
) {
    for (name, change) in CHANGES {
        for nth in 0..TRIED {
            let folder = crate::folder::fast_folder();
            let copy = folder.path().join("vault");
            crate::folder::put(data, &copy);
            apply(&copy, &|rows| {
                let content = content(rows);
                let one = content[nth * content.len() / TRIED];
                let of_another = |row: &&&Row| Place::of(&row.0).handle != Place::of(&one.0).handle;
                change(one, content.iter().find(of_another).unwrap())
            });
            judge(&format!("{name}, {nth}"), look_apart(&copy));
        }
    }
}

/// With the anchor's key the engine itself finds nothing wrong: a row shows by the keys of its place.
#[test]
fn rows_moved_together_with_the_anchor_do_not_open() {
    let sample = Sample::make();
    let (named, noise) = (Cell::new(0), Cell::new(0));
    every_change(
        &sample.path(),
        |data, change| change_with_anchor(data, |rows| change(rows).unwrap_or_default()),
        |name, verdict| {
            let seen = verdict.unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            // A copy that lies where nobody is, or where something was forgotten, is noise and no damage.
            let may_be_noise = name.starts_with("moved");
            match seen.outcome {
                Outcome::Harmless if may_be_noise => noise.set(noise.get() + 1),
                Outcome::Noticed | Outcome::Reported if seen.said.contains("is damaged") => {
                    named.set(named.get() + 1)
                }
                _ => panic!("{name}: {seen}"),
            }
        },
    );
    assert!(named.get() > 20 && noise.get() >= TRIED, "{named:?} {noise:?}");
}

/// Without it `fsck` sees each change by the digests, and whoever reads sees what the keys say.
#[test]
fn rows_moved_without_the_anchor_are_told_by_the_digests() {
    let sample = Sample::make();
    every_change(
        &sample.path(),
        |data, change| change_without_key(data, |rows| change(rows).unwrap_or_default()),
        |name, verdict| {
            let Seen { outcome, said } = verdict.unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
            assert!(said.contains("differ from the anchor's digest"), "{name}: {outcome:?} {said}");
        },
    );
}

/// The same after a stop that was not clean: then nothing of the prefix is served at all.
#[test]
fn rows_moved_before_an_unclean_stop_are_not_served() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    change_without_key(&data, |rows| {
        let row = content(rows)[0];
        moved(row, |place| place.seq += 1).unwrap()
    });
    std::fs::remove_file(data.join("rows/clean")).unwrap();
    let seen = look_apart(&data).unwrap();
    assert!(
        matches!(seen.outcome, Outcome::Reported | Outcome::NotOpened) && seen.said.contains("digest"),
        "{seen}"
    );
}

/// A removed row leaves nothing behind that would not open. After a clean stop nothing is scanned, so a reader is told that there is no such
/// thing; `fsck` tells the loss.
#[test]
fn a_row_removed_without_the_anchor_is_told_by_fsck() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    change_without_key(&data, |rows| {
        let mut batch = Batch::new();
        batch.delete(content(rows)[0].0.clone());
        batch
    });
    let vault = oubliette::Vault::open(&data, VaultOptions::default()).unwrap();
    let faults = vault.fsck(false, &mut |_, _| ()).unwrap().faults.join("; ");
    assert!(
        faults.contains("differ from the anchor's digest") && faults.contains("rows were found"),
        "{faults}"
    );
}

/// What the anchor's own key can do: take a row away without a trace. Nothing else in the vault knows that it was there.
#[test]
fn a_row_removed_together_with_the_anchor_is_not_missed() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    change_with_anchor(&data, |rows| {
        let mut batch = Batch::new();
        batch.delete(content(rows)[0].0.clone());
        batch
    });
    let vault = oubliette::Vault::open(&data, VaultOptions::default()).unwrap();
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

/// Rows that were doubled go again, and with them everything that was said of them.
#[test]
fn giving_up_damaged_rows_leaves_a_whole_vault() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    change_with_anchor(&data, |rows| {
        let mut batch = Batch::new();
        for (key, value) in content(rows) {
            let place = Place::of(key);
            batch.put(Place { seq: u64::MAX - place.seq, ..place }.key(), value.clone());
        }
        batch
    });
    assert_eq!(look(&data, VaultOptions::default()).unwrap().outcome, Outcome::Reported);
    let vault = oubliette::Vault::open(&data, VaultOptions::default()).unwrap();
    let report = vault.give_up_lost(&mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.notes[0].contains("rows that did not open"), "{report:?}");
    vault.close().unwrap();
    drop(vault);
    assert_eq!(look(&data, VaultOptions::default()).unwrap().outcome, Outcome::Harmless);
}
