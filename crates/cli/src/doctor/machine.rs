//! Where memory may end up: swap, core dumps, debuggers.

use rustix::process::{Resource, getrlimit};

use super::Patient;
use super::report::Report;

/// Locked memory that the keys of a busy vault need.
const LOCKED: u64 = 8 << 20;

pub(super) fn look(patient: &Patient<'_>, report: &mut Report) {
    swap(patient, report);
    core(patient, report);
    debuggers(patient, report);
    locked(report);
    virtual_machine(patient, report);
}

fn swap(patient: &Patient<'_>, report: &mut Report) {
    let Some(swaps) = patient.read("/proc/swaps") else {
        return report.left_out("swap", "/proc/swaps cannot be read");
    };
    let mut any = false;
    for line in swaps.lines().skip(1) {
        let Some(path) = line.split_whitespace().next() else { continue };
        any = true;
        let name = path.rsplit('/').next().unwrap_or(path);
        let uuid = patient.read(&format!("/sys/class/block/{name}/dm/uuid")).unwrap_or_default();
        let written_back = patient.read(&format!("/sys/class/block/{name}/backing_dev"));
        if name.starts_with("zram") && written_back.as_deref().is_none_or(|device| device == "none") {
            report.ok("swap", format!("{path} is compressed memory"));
        } else if uuid.starts_with("CRYPT-") {
            report.ok("swap", format!("{path} is encrypted"));
        } else {
            let todo = "encrypt it or switch it off: content in memory may be written there, and stays";
            report.warn("swap", format!("{path} is not encrypted, as far as can be seen"), todo);
        }
    }
    if !any {
        report.ok("swap", "is off");
    }
}

/// This program forbids dumps of itself; what else handles its data does not.
fn core(patient: &Patient<'_>, report: &mut Report) {
    let limit = getrlimit(Resource::Core).current;
    let pattern = patient.read("/proc/sys/kernel/core_pattern").unwrap_or_default();
    if limit != Some(0) {
        report.bad("core dumps", "this process may write some", "set `ulimit -c 0` for the service");
    } else if let Some(handler) = pattern.strip_prefix('|') {
        let handler = handler.split(' ').next().unwrap_or_default();
        let says = format!("are off for this program; others' go to {handler}, which keeps them");
        report.warn("core dumps", says, "clients that hold plaintext should switch theirs off, too");
    } else {
        report.ok("core dumps", "are off for this program, and no handler collects others'");
    }
}

fn debuggers(patient: &Patient<'_>, report: &mut Report) {
    match patient.read("/proc/sys/kernel/yama/ptrace_scope").as_deref() {
        Some("0") | None => {
            let says = "any process of the same user may attach to another";
            report.warn(
                "debuggers",
                says,
                "set kernel.yama.ptrace_scope to 1 or more, and give the service a user of its own",
            );
        }
        Some(scope) => report.ok("debuggers", format!("ptrace_scope is {scope}")),
    }
}

fn locked(report: &mut Report) {
    let kept = oubliette_store::key_memory();
    if kept == "plain" {
        let todo = "raise the limit (`ulimit -l`, LimitMEMLOCK=) so that keys stay out of swap";
        return report.warn("locked memory", "the system locks none for keys", todo);
    }
    match getrlimit(Resource::Memlock).current {
        Some(limit) if limit < LOCKED => report.warn(
            "locked memory",
            format!("at most {} KiB may be locked", limit >> 10),
            format!(
                "raise it to {} KiB or more (`ulimit -l`, LimitMEMLOCK=), so that keys stay out of swap",
                LOCKED >> 10
            ),
        ),
        _ => report.ok("locked memory", format!("keys are kept in memory that is {kept}")),
    }
}

fn virtual_machine(patient: &Patient<'_>, report: &mut Report) {
    let Some(cpu) = patient.read("/proc/cpuinfo") else { return };
    let flags = cpu.lines().find(|line| line.starts_with("flags"));
    if flags.is_some_and(|flags| flags.split(' ').any(|flag| flag == "hypervisor")) {
        let todo =
            "keep snapshots of its disks and memory from being taken, or counted on: nobody inside sees them";
        report.warn("virtual machine", "this is one: its host may copy disks and memory", todo);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use std::fs;

    fn levels(files: &[(&str, &str)], check: fn(&Patient<'_>, &mut Report)) -> Vec<String> {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let settings = Settings::of_tests();
        let patient = Patient { settings: &settings, root: root.path().to_owned() };
        let mut report = Report::default();
        check(&patient, &mut report);
        report.findings.iter().map(|finding| format!("{:?}", finding.level)).collect()
    }

    #[test]
    fn swap_is_told_by_where_it_goes() {
        let swaps = |path| format!("Filename Type Size Used Priority\n{path} partition 1 0 -2\n");
        assert_eq!(levels(&[("proc/swaps", "Filename Type\n")], swap), ["Ok"]);
        assert_eq!(levels(&[], swap), ["LeftOut"]);
        assert_eq!(levels(&[("proc/swaps", &swaps("/dev/sda2"))], swap), ["Warn"]);
        assert_eq!(levels(&[("proc/swaps", &swaps("/dev/zram0"))], swap), ["Ok"]);
        let written = ("sys/class/block/zram0/backing_dev", "/dev/sda3\n");
        assert_eq!(levels(&[("proc/swaps", &swaps("/dev/zram0")), written], swap), ["Warn"]);
        let crypt = ("sys/class/block/dm-1/dm/uuid", "CRYPT-PLAIN-swap\n");
        assert_eq!(levels(&[("proc/swaps", &swaps("/dev/dm-1")), crypt], swap), ["Ok"]);
    }

    #[test]
    fn debuggers_and_hosts_are_told() {
        assert_eq!(levels(&[("proc/sys/kernel/yama/ptrace_scope", "0\n")], debuggers), ["Warn"]);
        assert_eq!(levels(&[("proc/sys/kernel/yama/ptrace_scope", "2\n")], debuggers), ["Ok"]);
        assert_eq!(levels(&[("proc/cpuinfo", "flags\t\t: fpu hypervisor aes\n")], virtual_machine), ["Warn"]);
        assert_eq!(levels(&[("proc/cpuinfo", "flags\t\t: fpu aes\n")], virtual_machine), [""; 0]);
    }
}
