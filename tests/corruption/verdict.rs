//! Opening a damaged folder the way a program does, reading everything, and judging what came of it.

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use oubliette::{Vault, VaultError, VaultOptions};
use oubliette_engine::EngineError;

use crate::items::{Found, Item, items};

/// What damage led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    /// Everything is whole, and there is nothing to tell.
    Harmless,
    /// Everything is whole, and the vault says what was wrong or what it mended.
    Noticed,
    /// Some of it is refused, by name, and `fsck` reports it.
    Reported,
    /// The vault does not open, and says why.
    NotOpened,
}

/// An outcome and the words that go with it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) outcome: Outcome,
    pub(crate) said: String,
}

/// `Err` is what must never be.
pub(crate) type Verdict = Result<Seen, String>;

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.outcome, self.said.replace('\n', " "))
    }
}

/// The inverse of `Display`.
pub(crate) fn parse(line: &str) -> Option<Seen> {
    use Outcome::{Harmless, NotOpened, Noticed, Reported};
    let (name, said) = line.split_once(": ")?;
    let outcome =
        [Harmless, Noticed, Reported, NotOpened].into_iter().find(|it| format!("{it:?}") == name)?;
    Some(Seen { outcome, said: said.to_owned() })
}

/// Opens, reads every item, and has `fsck` look at everything.
pub(crate) fn look(data: &Path, options: VaultOptions) -> Verdict {
    look_for(data, options, &items())
}

pub(crate) fn look_for(data: &Path, options: VaultOptions, items: &[Item]) -> Verdict {
    let vault = match Vault::open(data, options) {
        Ok(vault) => vault,
        Err(error) => return not_opened(&error),
    };
    let verdict = read_all(&vault, items);
    let _ = vault.close();
    verdict
}

fn not_opened(error: &VaultError) -> Verdict {
    let said = error.to_string();
    if said.len() < 40 {
        return Err(format!("refused without saying what to do: {said:?}"));
    }
    Ok(Seen { outcome: Outcome::NotOpened, said })
}

fn read_all(vault: &Vault, items: &[Item]) -> Verdict {
    let mut refused = None;
    for item in items {
        match item.read(vault) {
            Found::Whole => {}
            Found::Refused(said) => refused = refused.or(Some(said)),
            Found::Wrong(what) => return Err(what),
        }
    }
    let report = match vault.fsck(false, &mut |_, _| ()) {
        Ok(report) => report,
        Err(error) => return reported(refused.is_some(), vec![error.to_string()]),
    };
    let problems = vault.status().map_or_else(|error| vec![error.to_string()], |status| status.problems);
    let told: Vec<String> = report
        .faults
        .into_iter()
        .chain(report.notes)
        .chain(problems)
        .filter(|line| !of_the_disk(line))
        .collect();
    match refused {
        Some(said) if told.is_empty() => Err(format!("fsck finds nothing wrong, but: {said}")),
        refused => reported(refused.is_some(), told),
    }
}

fn reported(refused: bool, told: Vec<String>) -> Verdict {
    let outcome = match (refused, told.is_empty()) {
        (true, _) => Outcome::Reported,
        (false, false) => Outcome::Noticed,
        (false, true) => Outcome::Harmless,
    };
    Ok(Seen { outcome, said: told.join("; ") })
}

/// A test machine's disk may be nearly full; that is no damage.
fn of_the_disk(line: &str) -> bool {
    line.contains("MiB are free")
}

/// As the binary opens a folder: a child process looks at sled's files first.
pub(crate) fn with_verifier() -> VaultOptions {
    let mut options = VaultOptions::default();
    options.engine.sled.verifier = Some(Arc::new(|data: &Path| {
        let ended = Command::new(env!("CARGO_BIN_EXE_oubliette"))
            .arg("verify-engine")
            .arg(data)
            .stdin(Stdio::null())
            .output()
            .expect("the binary starts");
        if ended.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(said.contains("oubliette: "), "the verifier ended without a word: {ended:?}");
        Err(EngineError::Corrupt {
            what: "the row engine",
            path: data.to_owned(),
            detail: said.lines().last().unwrap_or_default().to_owned(),
        })
    }));
    options
}
