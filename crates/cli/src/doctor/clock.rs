//! Whether the clock is right: fences, consents and tokens live by it.

use std::time::{SystemTime, UNIX_EPOCH};

use oubliette_keyring::FileLedger;

use super::Patient;
use super::report::Report;

/// 2025-01-01: this program did not exist before.
const FLOOR: i64 = 1_735_689_600;
/// 2100-01-01.
const CEILING: i64 = 4_102_444_800;

pub(super) fn look(patient: &Patient<'_>, report: &mut Report) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let last = FileLedger::peek(&patient.data().join("ledger/roots")).ok().flatten();
    judge(now, last.map(|record| record.time), report);
    let synced = ["/run/systemd/timesync/synchronized", "/run/chrony/chronyd.pid", "/run/ntpd.pid"];
    if synced.iter().any(|path| patient.root.join(path.trim_start_matches('/')).exists()) {
        report.ok("time service", "one sets the clock");
    } else {
        report.left_out("time service", "whether one sets the clock cannot be seen from here");
    }
}

fn judge(now: i64, last: Option<i64>, report: &mut Report) {
    if !(FLOOR..CEILING).contains(&now) {
        report.bad(
            "clock",
            format!("says {now} seconds since 1970"),
            "set it: nothing here happens in that year",
        );
    } else if let Some(last) = last.filter(|last| *last > now) {
        let says = format!("is {} seconds behind the last deletion's record", last - now);
        report.bad("clock", says, "set it: fences and tokens expire by it");
    } else {
        report.ok("clock", "is not behind what the vault recorded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_wrong_outside_of_this_century_and_behind_the_ledger() {
        for (now, last, bad) in [
            (FLOOR, None, 0),
            (FLOOR - 1, None, 1),
            (CEILING, None, 1),
            (FLOOR + 10, Some(FLOOR + 10), 0),
            (FLOOR + 10, Some(FLOOR + 11), 1),
        ] {
            let mut report = Report::default();
            judge(now, last, &mut report);
            assert_eq!(report.bad_ones(), bad, "{now} {last:?}");
        }
    }
}
