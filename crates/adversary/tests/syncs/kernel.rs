//! A kernel that refuses some calls of one thread, and of the threads that it starts.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

#[cfg(target_arch = "x86_64")]
mod numbers {
    pub(super) const FSYNC: i64 = 74;
    pub(super) const FDATASYNC: i64 = 75;
    pub(super) const OPENAT: i64 = 257;
    pub(super) const PWRITE: i64 = 18;
}
#[cfg(not(target_arch = "x86_64"))]
mod numbers {
    pub(super) const FSYNC: i64 = 82;
    pub(super) const FDATASYNC: i64 = 83;
    pub(super) const OPENAT: i64 = 56;
    pub(super) const PWRITE: i64 = 68;
}
use numbers::{FDATASYNC, FSYNC, OPENAT, PWRITE};

const EIO: u32 = 5;
/// How a folder is opened to be synced. Files that are written are opened otherwise.
const READ_ONLY: u64 = 0o2_000_000;

/// What is refused.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Refused {
    /// Every sync of a file's data.
    Data,
    /// Every sync of a file or folder whole.
    Whole,
    /// Opening anything to read it alone, which is what syncing a folder begins with.
    Folders,
    /// Every sync of the file that is open under this number.
    Of(i32),
    /// Every write into it.
    WritesInto(i32),
}

/// Does something on a thread of its own where the kernel refuses this.
pub(crate) fn refusing<T: Send>(refused: &[Refused], act: impl FnOnce() -> T + Send) -> T {
    let program = program(refused);
    std::thread::scope(|scope| {
        let thread = scope.spawn(move || {
            seccompiler::apply_filter(&program).unwrap();
            act()
        });
        thread.join().unwrap()
    })
}

/// Whether this machine lets us; says so if not.
pub(crate) fn can_refuse() -> bool {
    let file = tempfile::tempfile().unwrap();
    let refused = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let applied = seccompiler::apply_filter(&program(&[Refused::Data])).is_ok();
            applied && file.sync_data().is_err()
        });
        thread.join().unwrap()
    });
    if !refused {
        println!("left out: syncs: this machine has no seccomp filters for single threads");
    }
    refused
}

/// The numbers under which a file is open in this process.
pub(crate) fn open_as(path: &Path) -> Vec<i32> {
    let path = path.canonicalize().unwrap();
    let ours = File::open("/proc/self/fd").unwrap();
    let numbers = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| {
        let entry = entry.ok()?;
        let number = entry.file_name().to_str()?.parse().ok()?;
        (number != ours.as_raw_fd() && std::fs::read_link(entry.path()).ok()? == path).then_some(number)
    });
    let found: Vec<i32> = numbers.collect();
    assert!(!found.is_empty(), "{} is not open", path.display());
    found
}

fn program(refused: &[Refused]) -> BpfProgram {
    let when = |argument: u8, length, value: u64| {
        let condition = SeccompCondition::new(argument, length, SeccompCmpOp::Eq, value).unwrap();
        SeccompRule::new(vec![condition]).unwrap()
    };
    let of = |number: i32| when(0, SeccompCmpArgLen::Dword, u64::from(number.unsigned_abs()));
    let mut rules: std::collections::BTreeMap<i64, Vec<SeccompRule>> = Default::default();
    for refused in refused {
        match *refused {
            Refused::Data => drop(rules.insert(FDATASYNC, Vec::new())),
            Refused::Whole => drop(rules.insert(FSYNC, Vec::new())),
            Refused::Folders => {
                rules.entry(OPENAT).or_default().push(when(2, SeccompCmpArgLen::Dword, READ_ONLY));
            }
            Refused::WritesInto(number) => rules.entry(PWRITE).or_default().push(of(number)),
            Refused::Of(number) => {
                for call in [FSYNC, FDATASYNC] {
                    rules.entry(call).or_default().push(of(number));
                }
            }
        }
    }
    let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(EIO), arch).unwrap();
    filter.try_into().unwrap()
}

/// Whether the file under this number is open for writing, and then whether every write into it is synced by itself.
pub(crate) fn syncs_itself(number: i32) -> Option<bool> {
    const DSYNC: u32 = 0o10_000;
    let facts = std::fs::read_to_string(format!("/proc/self/fdinfo/{number}")).unwrap();
    let flags = facts.lines().find_map(|line| line.strip_prefix("flags:")).unwrap();
    let flags = u32::from_str_radix(flags.trim(), 8).unwrap();
    (flags & 3 != 0).then_some(flags & DSYNC != 0)
}
