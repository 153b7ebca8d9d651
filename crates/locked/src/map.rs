//! Memory from the kernel: secret where there is such a thing, else locked.
//!
//! *Secret* (`memfd_secret`, Linux 5.14): taken out of the kernel's own map; not read through `/proc/pid/mem`, by a debugger, by
//! system calls that look into memory, or into a core; never swapped. While one is mapped the machine does not hibernate.
//! *Locked* (`mlock`): never swapped and left out of cores; whoever may trace the process reads it.
//!
//! Neither is inherited by a forked child, which would keep keys past their erasure: it faults where it touches them.
#![expect(unsafe_code, reason = "maps memory")]

use std::os::fd::OwnedFd;
use std::ptr::{NonNull, null_mut};

use rustix::io::Result;
use rustix::mm::{Advice, MapFlags, MprotectFlags, ProtFlags};
use rustix::mm::{madvise, mlock, mmap, mmap_anonymous, mprotect, munmap};
use rustix::param::page_size;

use crate::Protection;

/// Fresh memory, all zero, between two pages that fault. Mapped for as long as the process lives.
pub(crate) struct Region {
    pub(crate) start: NonNull<u8>,
    pub(crate) len: usize,
    pub(crate) kept: Protection,
}

/// At least `len` bytes in whole pages, or `None` if the kernel grants no more of either kind.
pub(crate) fn region(len: usize) -> Option<Region> {
    if cfg!(miri) {
        return None;
    }
    let len = len.next_multiple_of(page_size());
    let secret = Mapping::secret(len).map(|mapping| mapping.keep(Protection::Secret));
    secret.or_else(|_| Mapping::locked(len).map(|mapping| mapping.keep(Protection::Locked))).ok()
}

const READ_WRITE: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);

/// `page ‖ len bytes ‖ page`, unmapped on drop.
struct Mapping {
    start: NonNull<u8>,
    len: usize,
}

impl Mapping {
    fn secret(len: usize) -> Result<Self> {
        let file = memfd_secret()?;
        rustix::fs::ftruncate(&file, Self::whole(len) as u64)?;
        // SAFETY: a new mapping at a place of the kernel's choice, of a file that nobody else has: it aliases nothing.
        let start = unsafe { mmap(null_mut(), Self::whole(len), READ_WRITE, MapFlags::SHARED, &file, 0) }?;
        let mapping = Self::new(start.cast(), len)?;
        mapping.guard()?;
        mapping.advise(Advice::LinuxDontFork)?;
        Ok(mapping)
    }

    fn locked(len: usize) -> Result<Self> {
        // SAFETY: a new mapping at a place of the kernel's choice: it aliases nothing.
        let start = unsafe { mmap_anonymous(null_mut(), Self::whole(len), READ_WRITE, MapFlags::PRIVATE) }?;
        let mapping = Self::new(start.cast(), len)?;
        mapping.guard()?;
        // SAFETY: the pages between the guards are ours and mapped; locking changes no byte.
        unsafe { mlock(mapping.inner().as_ptr().cast(), len) }?;
        mapping.advise(Advice::LinuxDontDump)?;
        mapping.advise(Advice::LinuxDontFork)?;
        Ok(mapping)
    }

    fn new(start: *mut u8, len: usize) -> Result<Self> {
        NonNull::new(start).map(|start| Self { start, len }).ok_or(rustix::io::Errno::NOMEM)
    }

    fn whole(len: usize) -> usize {
        len + 2 * page_size()
    }

    fn inner(&self) -> NonNull<u8> {
        // SAFETY: the mapping is two pages longer than `len`, so this stays inside of it.
        unsafe { self.start.add(page_size()) }
    }

    fn guard(&self) -> Result<()> {
        let first = self.start.as_ptr();
        // SAFETY: one page before the end of the mapping, inside of it.
        let last = unsafe { first.add(page_size() + self.len) };
        // SAFETY: the first and the last page of a mapping of ours, to which no reference was made.
        unsafe {
            mprotect(first.cast(), page_size(), MprotectFlags::empty())?;
            mprotect(last.cast(), page_size(), MprotectFlags::empty())
        }
    }

    fn advise(&self, advice: Advice) -> Result<()> {
        // SAFETY: all of a mapping of ours. Neither advice given here changes a byte of it in this process.
        unsafe { madvise(self.start.as_ptr().cast(), Self::whole(self.len), advice) }
    }

    fn keep(self, kept: Protection) -> Region {
        let region = Region { start: self.inner(), len: self.len, kept };
        std::mem::forget(self);
        region
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: made by `mmap` with this length, and no reference into it was given out: `keep` forgets what it gives out.
        let _best_effort = unsafe { munmap(self.start.as_ptr().cast(), Self::whole(self.len)) };
    }
}

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))]
fn memfd_secret() -> Result<OwnedFd> {
    use std::os::fd::{FromRawFd, RawFd};

    // SAFETY: the call takes one number and touches no memory of ours.
    let answered = unsafe { libc::syscall(libc::SYS_memfd_secret, libc::O_CLOEXEC) };
    match RawFd::try_from(answered) {
        // SAFETY: a descriptor that the kernel has just opened for us; nobody else has it.
        Ok(fd @ 0..) => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(rustix::io::Errno::NOSYS),
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
fn memfd_secret() -> Result<OwnedFd> {
    Err(rustix::io::Errno::NOSYS)
}

#[cfg(test)]
#[cfg(all(target_os = "linux", not(miri)))]
mod tests {
    use super::*;

    /// The kernel's flags of the mapping around an address.
    fn flags(at: usize) -> String {
        let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in smaps.lines() {
            let range = line.split_once(' ').and_then(|(range, _)| range.split_once('-'));
            let bounds = range.map(|(from, to)| [from, to].map(|end| usize::from_str_radix(end, 16)));
            match (bounds, line.strip_prefix("VmFlags: ")) {
                (Some([Ok(from), Ok(to)]), _) => inside = (from..to).contains(&at),
                (_, Some(flags)) if inside => return flags.to_owned(),
                _ => {}
            }
        }
        panic!("no mapping holds {at:x}")
    }

    #[test]
    fn where_there_is_no_secret_memory_it_is_locked_and_left_out_of_cores_and_forks() {
        for (mapping, name) in [(Mapping::locked(1 << 16), "locked"), (Mapping::secret(1 << 16), "secret")] {
            let Ok(mapping) = mapping else {
                println!("left out: locked: no {name} memory is granted here");
                continue;
            };
            let inner = mapping.inner();
            let flags = flags(inner.addr().get());
            for flag in ["lo", "dd", "dc"] {
                assert!(flags.split(' ').any(|set| set == flag), "{name}: {flag} is not among {flags}");
            }
            // SAFETY: the pages between the guards are ours, mapped and zeroed, and this is their only user.
            let bytes = unsafe { std::slice::from_raw_parts_mut(inner.as_ptr(), mapping.len) };
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(0xa5);
            assert_eq!(bytes.last(), Some(&0xa5));
        }
    }
}
