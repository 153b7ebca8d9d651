//! A byte is flipped, in every file of the folder.

use std::collections::BTreeMap;
use std::panic;
use std::path::{Path, PathBuf};

use oubliette::VaultOptions;
use oubliette_service::tokens::Tokens;

use crate::child::look_apart;
use crate::folder::{files, flip, places};
use crate::sample::{Sample, of_sled};
use crate::verdict::{Outcome, Seen, Verdict, look};

/// Places in a file that this process reads itself.
const HERE: usize = 40;
/// Places in a file that needs a process of its own for each look.
const APART: usize = 16;

/// What the environment asks for; `None` is everything.
pub(crate) fn per_file(default: usize) -> Option<usize> {
    match std::env::var("OUBLIETTE_FLIPS").as_deref() {
        Ok("all") => None,
        Ok(number) => Some(number.parse().expect("OUBLIETTE_FLIPS is `all` or a number")),
        Err(_) => Some(default),
    }
}

#[test]
fn any_flipped_byte_is_named_or_harmless() {
    let sample = Sample::make();
    flip_files(&sample, |file| !of_sled(file), HERE, judge);
}

#[test]
fn any_flipped_byte_of_the_rows_is_named_or_harmless() {
    let sample = Sample::make();
    flip_files(&sample, |file| file.starts_with("rows"), APART, |data, _| look_apart(data));
}

#[test]
fn any_flipped_byte_of_the_second_copy_of_the_keys_is_named_or_harmless() {
    let sample = Sample::make();
    let tally = flip_files(&sample, |file| file.starts_with("keys-b"), APART, |data, _| look_apart(data));
    // The first copy is whole.
    let lost = |outcome: &Outcome| matches!(outcome, Outcome::Reported);
    assert!(tally.keys().all(|(_, outcome)| !lost(outcome)), "{tally:?}");
}

/// [`look`] with panics caught, or, for a file that only the service reads, its own reader.
pub(crate) fn judge(data: &Path, file: &Path) -> Verdict {
    let looked = panic::catch_unwind(|| {
        if file == Path::new("tokens.json") {
            look_at_tokens(data)
        } else {
            look(data, VaultOptions::default())
        }
    });
    looked.unwrap_or_else(|_| Err("a panic".into()))
}

/// The list is what it was, or refused: a token that is good for more, or longer, than it was made for must not be.
fn look_at_tokens(data: &Path) -> Verdict {
    let secret = std::fs::read_to_string(data.join("dev.token")).unwrap();
    if !data.join("tokens.json").exists() {
        // The next start makes a development token and says so; every other one is refused until then.
        return Ok(Seen { outcome: Outcome::Noticed, said: "no tokens".into() });
    }
    match Tokens::open(data).check(secret.trim()) {
        Ok(Some(_)) => Ok(Seen { outcome: Outcome::Harmless, said: String::new() }),
        Ok(None) => Err("the token is gone without a word".into()),
        Err(error) => Ok(Seen { outcome: Outcome::NotOpened, said: error.to_string() }),
    }
}

type Tally = BTreeMap<(PathBuf, Outcome), u32>;

fn flip_files(
    sample: &Sample,
    wanted: impl Fn(&Path) -> bool,
    default: usize,
    judge: impl Fn(&Path, &Path) -> Verdict,
) -> Tally {
    let (mut tally, mut wrong, mut flips) = (Tally::new(), Vec::new(), 0);
    for (file, _) in files(&sample.path()).into_iter().filter(|(file, _)| wanted(file)) {
        let bytes = std::fs::read(sample.path().join(&file)).unwrap();
        for at in places(&bytes, per_file(default)) {
            let (_folder, data) = sample.copy();
            let bits = 1 << (at % 8);
            flip(&data.join(&file), at, bits);
            match judge(&data, &file) {
                Ok(seen) => *tally.entry((file.clone(), seen.outcome)).or_default() += 1,
                Err(what) => wrong.push(format!("{} at {at}, bits {bits:#x}: {what}", file.display())),
            }
            flips += 1;
        }
    }
    for ((file, outcome), count) in &tally {
        println!("{count:6} {outcome:?} {}", file.display());
    }
    assert!(wrong.is_empty(), "{} of {flips} flips:\n{}", wrong.len(), wrong.join("\n"));
    assert!(flips > 0);
    println!("assured: flipped bytes: {flips}, wrong answers: 0, panics: 0");
    tally
}
