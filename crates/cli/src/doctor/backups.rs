//! Whether a program that makes backups would copy the keys: the marks that tell it not to, and what is set up in `/etc`.

use std::fs;
use std::path::{Path, PathBuf};

use super::report::Report;
use super::{Known, Patient, cells};

/// Programs that copy files and keep the copies.
const TOOLS: &[&str] =
    &["restic", "borg", "rsnapshot", "duplicity", "duply", "rdiff-backup", "kopia", "bup", "rsync", "backup"];
/// Where they are set up.
const PLACES: &[&str] = &[
    "etc/restic",
    "etc/borg",
    "etc/borgmatic",
    "etc/borgmatic.d",
    "etc/rsnapshot.conf",
    "etc/rsnapshot.d",
    "etc/duplicity",
    "etc/duply",
    "etc/backup.d",
    "etc/crontab",
    "etc/cron.d",
    "etc/cron.daily",
    "etc/cron.weekly",
    "etc/systemd/system",
];
/// Files looked at, and how deep; more is left out.
const MOST_FILES: usize = 2000;
const DEEPEST: usize = 3;
const LONGEST: u64 = 256 << 10;

pub(super) fn look(patient: &Patient<'_>, known: &Known, report: &mut Report) {
    marks(patient, known, report);
    let data = std::path::absolute(patient.data()).unwrap_or_else(|_| patient.data().to_owned());
    let mut files = Vec::new();
    PLACES.iter().for_each(|place| gather(&patient.root.join(place), DEEPEST, &mut files));
    let mut found = 0;
    for file in &files {
        let Ok(text) = fs::read_to_string(file) else { continue };
        let Some(tool) = TOOLS.iter().find(|tool| text.contains(*tool)) else { continue };
        for path in known.places.iter().chain([&data]) {
            if mentions(&text, path) && !excludes(&text, path) {
                let says = format!("{} has {tool} copy {}", file.display(), path.display());
                report.bad(
                    "backups",
                    says,
                    "leave root.cell, keys-a and keys-b out: a copy of them undoes erasures",
                );
                found += 1;
                break;
            }
        }
    }
    match (found, files.len()) {
        (0, looked) if looked < MOST_FILES => report.ok(
            "backups",
            "nothing in /etc copies the cells; whoever makes backups leaves root.cell, keys-a and keys-b out",
        ),
        (0, _) => report.left_out("backups", format!("only {MOST_FILES} files below /etc were looked at")),
        _ => {}
    }
}

/// Both folders of key pages and those of further cells say that they are not to be copied.
fn marks(patient: &Patient<'_>, known: &Known, report: &mut Report) {
    let data = patient.data();
    let keys = ["keys-a", "keys-b"].map(|name| data.join(name));
    let cells = cells::folders(known).into_iter().filter(|folder| folder != data);
    for folder in keys.into_iter().chain(cells).filter(|folder| folder.is_dir()) {
        let missing = ["CACHEDIR.TAG", ".nobackup"].into_iter().find(|name| !folder.join(name).exists());
        if let Some(missing) = missing {
            let says = format!("{} has no {missing}", folder.display());
            report.warn(
                "backup marks",
                says,
                "give the cell a folder of its own with both, or exclude it by name",
            );
        } else {
            report.ok("backup marks", format!("{} is marked as not to be copied", folder.display()));
        }
    }
}

fn gather(path: &Path, depth: usize, files: &mut Vec<PathBuf>) {
    if files.len() >= MOST_FILES {
        return;
    }
    let Ok(metadata) = path.metadata() else { return };
    if metadata.is_file() && metadata.len() <= LONGEST {
        files.push(path.to_owned());
    } else if metadata.is_dir() && depth > 0 {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        entries.for_each(|entry| gather(&entry.path(), depth - 1, files));
    }
}

/// True if the text names the path or a folder above it, in a line that excludes nothing.
fn mentions(text: &str, path: &Path) -> bool {
    let above: Vec<&str> =
        path.ancestors().filter(|path| path.parent().is_some()).filter_map(Path::to_str).collect();
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#') && !line.contains("exclude"))
        .flat_map(words)
        .any(|word| above.contains(&word))
}

/// True if a line that excludes something names the cell, or any cell.
fn excludes(text: &str, path: &Path) -> bool {
    let excluded = |word: &str| Path::new(word) == path || word.ends_with("root.cell");
    text.lines().filter(|line| line.contains("exclude")).flat_map(words).any(excluded)
}

/// Paths as they stand in configurations, without quotes and closing slashes.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let ends = |c: char| c.is_whitespace() || ['"', '\'', '=', ',', '[', ']', ';'].contains(&c);
    line.split(ends)
        .map(|word| word.trim_end_matches('/'))
        .filter(|word| word.starts_with('/') || word.contains("root.cell"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backup_of_the_cell_is_found_and_one_without_it_is_not() {
        let cell = Path::new("/srv/vault/root.cell");
        for (text, copies) in [
            ("restic backup /srv/vault\n", true),
            ("source_directories:\n  - /srv/\n", true),
            ("borg create ::x '/srv/vault/root.cell'\n", true),
            ("restic backup /srv/vaults /srv/vault2\n", false),
            ("# restic backup /srv/vault\n", false),
            ("restic backup / --one-file-system\n", false),
            ("restic backup /home\n", false),
            ("restic backup /srv/vault\nexclude = /srv/vault/root.cell\n", false),
            ("rsync /srv/vault\n--exclude=root.cell\n", false),
        ] {
            assert_eq!(mentions(text, cell) && !excludes(text, cell), copies, "{text}");
        }
    }
}
