//! The fuzz targets on a stable compiler: every file of every corpus (`fuzz/corpus/<target>/`), with each of its bytes flipped and
//! at each of its lengths. `cargo xtask fuzz` runs the same functions under libFuzzer.
//!
//! `OUBLIETTE_CORPORA=write` writes the corpora anew from true encodings (a file that is there stays, so that what a fuzzer once found is
//! kept).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "a run says how much it tried")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// Larger files, or more of them, make this suite slow and find nothing that smaller ones do not.
const MOST_BYTES: usize = 2048;
const MOST_FILES: usize = 40;

/// By crate, as a file for libFuzzer names it.
fn crates() -> [(&'static str, &'static [Target]); 7] {
    [
        ("oubliette_crypto", &oubliette_crypto::fuzzing::TARGETS),
        ("oubliette_engine", &oubliette_engine::fuzzing::TARGETS),
        ("oubliette_keyring", &oubliette_keyring::fuzzing::TARGETS),
        ("oubliette_store", &oubliette_store::fuzzing::TARGETS),
        ("oubliette_service", &oubliette_service::fuzzing::TARGETS),
        ("oubliette_cli", &oubliette_cli::fuzzing::TARGETS),
        ("oubliette_closure", &oubliette_closure::fuzzing::TARGETS),
    ]
}

fn targets() -> Vec<Target> {
    crates().into_iter().flat_map(|(_, targets)| targets).copied().collect()
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = fuzz_folder().join("corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<_> =
        files.map(|file| file.unwrap().path()).map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn every_corpus_and_its_mutations() {
    if std::env::var("OUBLIETTE_CORPORA").as_deref() == Ok("write") {
        targets().iter().for_each(write);
    }
    for (name, run, _) in targets() {
        let files = corpus(name);
        assert!(!files.is_empty() && files.len() <= MOST_FILES, "{name}: {} files", files.len());
        let mut runs = 0;
        for (path, bytes) in files {
            assert!(bytes.len() <= MOST_BYTES, "{} has {} bytes", path.display(), bytes.len());
            for (what, input) in mutations(&bytes) {
                let ran = catch_unwind(AssertUnwindSafe(|| run(&input)));
                assert!(ran.is_ok(), "{name}: {} {what}", path.display());
                runs += 1;
            }
        }
        println!("{name}: {runs} inputs");
    }
}

/// As it is; each byte flipped in two ways; each length.
fn mutations(bytes: &[u8]) -> impl Iterator<Item = (String, Vec<u8>)> {
    let flipped = (0..bytes.len()).flat_map(move |at| {
        [1_u8 << (at % 8), 0xff].map(|bits| {
            let mut bytes = bytes.to_vec();
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= bits;
            }
            (format!("with byte {at} flipped by {bits:#x}"), bytes)
        })
    });
    let cut = (0..bytes.len())
        .map(move |length| (format!("cut to {length}"), bytes.get(..length).unwrap_or_default().to_vec()));
    [("as it is".to_owned(), bytes.to_vec())].into_iter().chain(flipped).chain(cut)
}

/// What a target begins with is what its decoder reads.
#[test]
fn what_true_encodings_lead_to_is_accepted() {
    for (name, run, seeds) in targets() {
        let seeds = seeds();
        assert!(!seeds.is_empty(), "{name}");
        seeds.iter().for_each(|seed| run(seed));
    }
}

/// Neither a target without its file for libFuzzer, nor a file, corpus or entry that no target has.
#[test]
fn targets_files_and_corpora_belong_together() {
    let names: BTreeSet<String> = targets().iter().map(|(name, ..)| (*name).to_owned()).collect();
    assert_eq!(names.len(), targets().len(), "two targets of one name");
    let there = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz_folder().join(folder)).unwrap();
        entries.map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    assert_eq!(there("fuzz_targets"), names);
    assert_eq!(there("corpus"), names);
    let manifest = fs::read_to_string(fuzz_folder().join("Cargo.toml")).unwrap();
    for (of, (name, ..)) in
        crates().into_iter().flat_map(|(of, all)| all.iter().map(move |target| (of, target)))
    {
        assert!(
            manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
        let source = fs::read_to_string(fuzz_folder().join(format!("fuzz_targets/{name}.rs"))).unwrap();
        assert!(source.contains(&format!("{of}::fuzzing::TARGETS, \"{name}\"")), "{name} is one of {of}");
    }
}

fn write((name, _, seeds): &Target) {
    let folder = fuzz_folder().join("corpus").join(name);
    fs::create_dir_all(&folder).unwrap();
    for (n, seed) in seeds().into_iter().enumerate() {
        let path = folder.join(format!("seed-{n:02}"));
        if !path.exists() {
            fs::write(path, seed).unwrap();
        }
    }
}
