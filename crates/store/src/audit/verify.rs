//! Checking the whole log, with nothing but its files: every record against the one before it, every file against the one before it.

use std::io;
use std::path::Path;

use data_encoding::HEXLOWER;

use super::medium::{Folder, Medium};
use super::record::{AuditKind, Chain, start};
use super::recover::MISSING;
use super::walk::{Step, Walk, head};
use crate::VaultError;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct AuditReport {
    /// Whole files and records.
    pub files: u64,
    /// Whole records.
    pub records: u64,
    /// The last record's number; 0 if there is none.
    pub last: u64,
    /// The hash of the last record in hexadecimal: whoever noted it elsewhere can tell whether the log was changed up to there.
    pub head: String,
    /// What is no fault: records before the first file that is here, an end that a crash cut off.
    pub notes: Vec<String>,
    /// One line for each record or file that is damaged, missing, or not the one that was written.
    pub faults: Vec<String>,
    /// The hash of a record that was asked for.
    pub asked: Option<String>,
}

/// Reads and checks the log in a folder. The folder may belong to a running service. `asked` is a record whose hash is wanted.
///
/// # Errors
/// Those of reading; damage stands in the report.
pub fn verify(dir: &Path, asked: Option<u64>) -> Result<AuditReport, VaultError> {
    const TRIES: u32 = 50;
    let medium = Folder::peek(dir);
    let mut tries = 0;
    loop {
        let report = check(&medium, None, asked).map_err(VaultError::io("reading the audit log", dir))?;
        tries += 1;
        // A service may be in the middle of a write, of which this saw a part.
        if report.faults.is_empty() || tries == TRIES || !busy(&medium) {
            return Ok(report);
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// Whether the newest file changes.
fn busy(medium: &Folder) -> bool {
    let stamp = || {
        let number = medium.numbers().ok()?.last().copied()?;
        std::fs::metadata(medium.place(number)).and_then(|facts| facts.modified()).ok()
    };
    let before = stamp();
    std::thread::sleep(std::time::Duration::from_millis(30));
    before != stamp()
}

/// Where the log stands between two files.
struct Stand {
    seq: u64,
    chain: Option<Chain>,
}

/// Checks all files; of the newest no more than `durable`, where that is known.
pub(super) fn check(
    medium: &dyn Medium,
    durable: Option<(u64, u64)>,
    asked: Option<u64>,
) -> io::Result<AuditReport> {
    let mut report = AuditReport::default();
    let numbers = medium.numbers()?;
    let newest = durable.map(|(number, _)| number).or(numbers.last().copied()).unwrap_or(0);
    let mut stand: Option<Stand> = None;
    for number in numbers.into_iter().filter(|number| *number <= newest) {
        let end = match durable {
            Some((last, end)) if last == number => end,
            _ => medium.length(number)?,
        };
        check_file(medium, number, end, number == newest, &mut stand, &mut report, asked)?;
    }
    if let Some(stand) = stand {
        report.last = stand.seq;
        report.head = stand.chain.map_or(String::new(), |chain| HEXLOWER.encode(&chain));
    }
    Ok(report)
}

fn check_file(
    medium: &dyn Medium,
    number: u64,
    end: u64,
    newest: bool,
    stand: &mut Option<Stand>,
    report: &mut AuditReport,
    asked: Option<u64>,
) -> io::Result<()> {
    let place = medium.place(number);
    let head = head(medium, number)?;
    match (&head, &*stand) {
        (None, _) => report.faults.push(format!("the head of {place} is damaged")),
        (Some(head), None) if head.number > 1 => report.notes.push(format!(
            "the log begins with record {} in {place}: the files before it are not here",
            head.first
        )),
        (Some(head), None) if head.chain != start(head.vault.as_bytes()) || head.first != 1 => {
            report.faults.push(format!("{place} is not the beginning of a log"));
        }
        (Some(head), Some(before)) if before.seq + 1 != head.first => report.faults.push(format!(
            "records {} to {} are missing before {place}",
            before.seq + 1,
            head.first.saturating_sub(1)
        )),
        (Some(head), Some(before)) if before.chain.is_some_and(|chain| chain != head.chain) => {
            report.faults.push(format!("{place} does not follow the file before it"));
        }
        _ => {}
    }
    let first = head.as_ref().map(|head| head.chain).or(stand.as_ref().and_then(|stand| stand.chain));
    let mut seq = match (&head, &*stand) {
        (Some(head), _) => head.first.saturating_sub(1),
        (None, Some(stand)) => stand.seq,
        (None, None) => 0,
    };
    let mut walk = Walk::new(medium, number, first, 0, end);
    let (mut doubt, mut chain) = (None, first);
    while walk.at() < end {
        match walk.step()? {
            Step::Record(record, hash) => {
                if let Some(from) = doubt.take() {
                    let torn = newest && record.group <= seq + 1 && walk.may_be_torn(from)?;
                    if torn {
                        report.notes.push(cut_off(&place));
                        break;
                    }
                    report.faults.push(damaged(seq + 1, record.seq.saturating_sub(1), &place, from));
                } else if record.seq != seq + 1 {
                    let (from, to) = (seq + 1, record.seq.saturating_sub(1));
                    report.faults.push(format!("records {from} to {to} are missing in {place}"));
                }
                let note = record.entry.note.as_str();
                if record.entry.kind == AuditKind::Opened && note == MISSING {
                    report.faults.push(format!(
                        "the log was begun anew in record {}: its files before that were gone",
                        record.seq
                    ));
                }
                report.records += 1;
                seq = record.seq;
                chain = Some(hash);
                if asked == Some(seq) {
                    report.asked = Some(HEXLOWER.encode(&hash));
                }
            }
            Step::Damage { from } => doubt = Some(from),
            Step::End => break,
        }
    }
    match doubt {
        Some(from) if newest && walk.may_be_torn(from)? => report.notes.push(cut_off(&place)),
        Some(from) => {
            report.faults.push(damaged(seq + 1, seq + 1, &place, from));
            // As the log itself does, which could not count them either.
            (seq, chain) = (seq + 1, None);
        }
        None => report.files += u64::from(head.is_some()),
    }
    *stand = Some(Stand { seq, chain });
    Ok(())
}

fn damaged(from: u64, to: u64, place: &str, at: u64) -> String {
    if from >= to {
        format!("record {from} of the audit log is damaged, at byte {at} of {place}")
    } else {
        format!("records {from} to {to} of the audit log are damaged, from byte {at} of {place}")
    }
}

fn cut_off(place: &str) -> String {
    format!("the last write to {place} was cut off; nobody was told of it, and the next start takes it off")
}
