//! Who may read the vault's files, and what else of its making is weak.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use oubliette_service::Tokens;

use super::report::Report;
use super::{Known, Patient};

pub(super) fn look(patient: &Patient<'_>, known: &Known, report: &mut Report) {
    let data = patient.data();
    let files = ["keys-a", "keys-b", "tokens.json", "dev.token", "admin.sock"].map(|name| data.join(name));
    let mut wrong = 0;
    for path in [data.to_owned()].iter().chain(&files).chain(&known.places) {
        wrong += usize::from(open_to_others(path, report));
    }
    if wrong == 0 && data.is_dir() {
        report.ok("permissions", "folder, cells, key pages and tokens are for their owner alone");
    }
    tokens(data, report);
    network(patient, report);
}

/// Says so if others than the user of this process may get at a file.
fn open_to_others(path: &Path, report: &mut Report) -> bool {
    let Ok(metadata) = path.metadata() else { return false };
    let (mode, owner) = (metadata.mode() & 0o777, metadata.uid());
    let us = rustix::process::geteuid().as_raw();
    // Nobody gets at what lies in a folder that only its owner may enter.
    let shut = path.parent().and_then(|folder| folder.metadata().ok()).is_some_and(|m| m.mode() & 0o011 == 0);
    if mode & 0o077 != 0 && !shut {
        let says = format!("{} has the mode {mode:o}", path.display());
        report.bad("permissions", says, format!("chmod go= '{}'", path.display()));
        return true;
    }
    if owner != us {
        let says = format!("{} belongs to user {owner}, this is user {us}", path.display());
        report.warn("permissions", says, "run as the service's user, or give the file back to it");
        return true;
    }
    false
}

fn tokens(data: &Path, report: &mut Report) {
    let file = data.join("dev.token");
    let valid = std::fs::read_to_string(&file)
        .ok()
        .and_then(|token| Tokens::open(data).check(token.trim()).ok().flatten())
        .is_some();
    if valid {
        let todo = "make tokens of your own, then `oubliette token revoke dev`";
        report.warn("dev token", "dev.token lies in the folder with every scope, and is valid", todo);
    } else if data.is_dir() {
        report.ok("dev token", "no development token is valid");
    }
}

fn network(patient: &Patient<'_>, report: &mut Report) {
    let listen = &patient.settings.listen;
    let local =
        listen.starts_with("127.") || listen.starts_with("localhost:") || listen.starts_with("[::1]:");
    if local {
        report.ok("network", format!("{listen} is reached from this machine alone"));
    } else if patient.settings.insecure_plaintext {
        let says = format!("{listen} is reached from outside, and insecure_plaintext is set");
        report.warn(
            "network",
            says,
            "tokens and content travel in the clear unless something with TLS stands in front",
        );
    } else {
        report.ok("network", format!("{listen} is served only under TLS"));
    }
}
