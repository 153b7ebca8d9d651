//! `sync_file_range` and why sled must not have it.
//!
//! sled 0.34 takes that call for a sync; it is none (docs/sled.md). Where the kernel answers ENOSYS, sled falls back to a
//! full sync of every write. [`deny_sync_file_range`] makes the kernel answer so; the probe asks whether it does, through
//! sled's own code and threads: sled writes to a log that is a link to `/dev/null`. The kernel refuses `sync_file_range` on
//! a device with ESPIPE, and the full sync of the fallback with EINVAL, so the error tells which of the two sled called.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use std::{fs, thread};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

use crate::EngineError;

#[cfg(target_arch = "x86_64")]
const SYNC_FILE_RANGE: i64 = 277;
#[cfg(any(target_arch = "aarch64", target_arch = "riscv64"))]
const SYNC_FILE_RANGE: i64 = 84;
const ENOSYS: u32 = 38;

/// Makes `sync_file_range` answer ENOSYS in the whole process, for good. For `main` of a binary: it sets
/// `no_new_privs` and a seccomp filter on every thread, which no library should do to its host.
pub fn deny_sync_file_range() -> Result<(), EngineError> {
    let refused = |error: String| EngineError::Format {
        path: PathBuf::from("seccomp"),
        detail: format!(
            "the filter for sync_file_range was refused ({error}); run without it, in exclusive mode"
        ),
    };
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| refused(error.to_string()))?;
    let filter = SeccompFilter::new(
        [(SYNC_FILE_RANGE, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(ENOSYS),
        arch,
    );
    let program = filter.and_then(BpfProgram::try_from).map_err(|error| refused(error.to_string()))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| refused(error.to_string()))
}

/// Whether sled in this process syncs each write in full. Any doubt is a no. A yes is for good (filters cannot be taken
/// back) and asked once.
pub fn sync_file_range_denied() -> bool {
    static DENIED: OnceLock<()> = OnceLock::new();
    if DENIED.get().is_some() {
        return true;
    }
    // Cheap and certain: without a seccomp filter there is nothing to find.
    if fs::read_to_string("/proc/self/status").is_ok_and(|status| status.contains("\nSeccomp:\t0\n")) {
        return false;
    }
    let denied = every_thread_is_filtered() && probe();
    if denied {
        DENIED.get_or_init(|| ());
    }
    denied
}

/// A filter put on some threads only would leave sled's writing threads without one. New threads inherit it.
fn every_thread_is_filtered() -> bool {
    let filtered = |thread: fs::DirEntry| {
        // A thread that ends meanwhile has no status and does no harm.
        fs::read_to_string(thread.path().join("status"))
            .map_or(true, |status| status.contains("\nSeccomp:\t2\n"))
    };
    fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.flatten().all(filtered))
}

fn probe() -> bool {
    let mut name = [0; 8];
    if getrandom::fill(&mut name).is_err() {
        return false;
    }
    let folder = std::env::temp_dir().join(format!("oubliette-probe-{:016x}", u64::from_ne_bytes(name)));
    let linked = fs::create_dir(&folder).and_then(|()| symlink("/dev/null", folder.join("db")));
    let denied = linked.is_ok() && (0..50).find_map(|_| ask_sled(&folder)).unwrap_or(false);
    // A leftover in the temporary folder harms nobody.
    let _ = fs::remove_dir_all(&folder);
    denied
}

/// `None` while another probe holds the lock that sled puts on its log, here the device.
fn ask_sled(folder: &Path) -> Option<bool> {
    let folder = folder.to_owned();
    let answer = catch_unwind(move || {
        let db = sled::Config::new().path(folder).cache_capacity(1 << 20).flush_every_ms(None).open()?;
        db.insert(b"probe", b"probe")?;
        db.flush()
    });
    match answer {
        // sled copies its errors, which keeps the kind and drops the number.
        Ok(Err(sled::Error::Io(error))) if error.kind() == ErrorKind::InvalidInput => Some(true),
        Ok(Err(sled::Error::Io(error))) if error.to_string().contains("could not acquire lock") => {
            thread::sleep(Duration::from_millis(20));
            None
        }
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    /// Another program's filter must not pass for ours: the shortcut left out, sled itself answers.
    #[test]
    fn without_the_filter_sled_is_seen_to_use_sync_file_range() {
        assert!(!super::probe());
    }
}
