//! What a running vault says of its cells: asked of the service that holds it, or seen here across a deletion.

use std::path::{Path, PathBuf};

use oubliette_service::{
    admin,
    operator::{Answer, Cell as Told, Command},
};
use oubliette_store::{Vault, VaultCells, VaultError, VaultOptions};

use super::report::{Cell, Report};
use super::{Known, Patient};
use crate::folder::options;

/// Finds the cells, and enters class and doubts of each into the report.
pub(super) fn cells(patient: &Patient<'_>, report: &mut Report) -> Known {
    let dir = patient.data();
    let places = VaultOptions { cells: patient.settings.cells.clone(), ..VaultOptions::default() };
    let known = match VaultCells::of(dir, &places) {
        Ok(Some(found)) => {
            for path in &found.to_wipe {
                let says = format!("{} may still hold a share of an earlier root", path.display());
                let todo =
                    "mount its disk and open the vault, or say `doctor --cell-destroyed` if it is destroyed";
                report.bad("old cell", says, todo);
            }
            Known { places: found.cells, vault: true }
        }
        Ok(None) => {
            report.left_out("vault", format!("{} holds none yet; the place is looked at", dir.display()));
            Known { places: planned(dir, &patient.settings.cells), vault: false }
        }
        Err(error) => {
            report.bad("vault", error.to_string(), "see docs/operations.md");
            Known { places: planned(dir, &patient.settings.cells), vault: false }
        }
    };
    match options(patient.settings) {
        Err(error) => {
            report.bad("locked memory", error.to_string(), "the vault was not opened for that reason")
        }
        Ok(options) if known.vault => match Vault::open(dir, options) {
            Ok(vault) => across_a_deletion(&vault, report),
            Err(VaultError::InUse { .. }) => of_the_service(dir, report),
            Err(error) => report.bad("vault", format!("does not open: {error}"), "see docs/operations.md"),
        },
        Ok(_) => {}
    }
    known
}

fn planned(dir: &Path, further: &[PathBuf]) -> Vec<PathBuf> {
    [dir.join("root.cell")].into_iter().chain(further.iter().cloned()).collect()
}

/// Replaces the root secret once and takes what the run saw.
fn across_a_deletion(vault: &Vault, report: &mut Report) {
    if let Err(error) = vault.rotate_root() {
        report.bad("vault", format!("its root secret could not be replaced: {error}"), "mend that first");
    } else {
        report.ok("vault", "opens, and its root secret was replaced to see what a deletion does");
        report.verified = true;
    }
    if let Ok(status) = vault.status() {
        for problem in status.problems {
            report.bad("vault", problem, "see docs/operations.md");
        }
        disaster(status.warnings, report);
    }
    report.class = vault.cell_class();
    report.cells = vault.cells().into_iter().map(|cell| enter(cell.into())).collect();
    if let Err(error) = vault.close() {
        report.bad("vault", format!("did not close cleanly: {error}"), "run `oubliette fsck`");
    }
}

/// The service has watched its own deletions since it was started.
fn of_the_service(dir: &Path, report: &mut Report) {
    match admin::call(dir, &Command::Status, &mut |_, _| ()) {
        Ok(Answer::Status(status)) => {
            report.left_out(
                "vault",
                "a service holds it: its root secret was not replaced here; the class is what the service saw since its start",
            );
            report.verified = true;
            report.class = status.cell_class;
            report.cells = status.cells.into_iter().map(enter).collect();
            for problem in status.problems {
                report.bad("vault", problem, "see docs/operations.md");
            }
            disaster(status.warnings, report);
        }
        Ok(_) => report.left_out("vault", "the service that holds it is of another version"),
        Err(error) => report.left_out("vault", format!("somebody holds it and was not asked: {error}")),
    }
}

/// What the loss of cells or key pages would mean.
fn disaster(warnings: Vec<String>, report: &mut Report) {
    if warnings.is_empty() {
        report.ok("disaster", "the loss of cells and key pages can be undone from the escrow");
    }
    warnings.into_iter().for_each(|warning| report.warn("disaster", warning, "see docs/escrow.md"));
}

fn enter(cell: Told) -> Cell {
    Cell { path: cell.path, class: cell.class, doubts: cell.doubts, extents: Vec::new() }
}
