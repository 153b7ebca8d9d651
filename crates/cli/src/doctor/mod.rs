//! `oubliette doctor`: what this machine does with the bytes that must be forgotten, and with the rest. `docs/doctor.md` lists
//! every finding.
//!
//! Nothing here changes the vault's content. Where no service holds the vault it is opened and its root secret replaced once, since
//! only a deletion shows what a deletion does; the other probes write to files without a name.

mod backups;
mod cells;
mod clock;
mod folder;
mod machine;
mod report;
mod run;

use std::path::{Path, PathBuf};

pub(crate) use report::Report;

use crate::config::Settings;

/// What the checks look at.
pub(crate) struct Patient<'a> {
    settings: &'a Settings,
    /// Where the system shows itself; another root in tests.
    root: PathBuf,
}

impl<'a> Patient<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self { settings, root: PathBuf::from("/") }
    }

    fn data(&self) -> &Path {
        &self.settings.data
    }

    /// A file of the system's, as text; `None` if it is not there or not for us.
    fn read(&self, path: &str) -> Option<String> {
        let text = std::fs::read_to_string(self.root.join(path.trim_start_matches('/'))).ok()?;
        Some(text.trim().to_owned())
    }
}

/// Looks at everything.
pub(crate) fn examine(patient: &Patient<'_>) -> Report {
    let mut report = Report::default();
    let known = run::cells(patient, &mut report);
    cells::look(patient, &known, &mut report);
    folder::look(patient, &known, &mut report);
    backups::look(patient, &known, &mut report);
    clock::look(patient, &mut report);
    machine::look(patient, &mut report);
    report
}

/// The cells, as far as they are known.
struct Known {
    /// Where they are, or would be made.
    places: Vec<PathBuf>,
    /// There is a vault.
    vault: bool,
}
