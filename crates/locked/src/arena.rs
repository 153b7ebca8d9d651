//! Slots of one size, cut from memory of the kernel's, and the list of the free ones.
//!
//! A slot that is handed out is all zero, and the list stands in ordinary memory: it holds addresses, never content. The kernel
//! is asked once for thousands of slots; when it grants no more, it is not asked again.
#![expect(unsafe_code, reason = "cuts mapped memory into slots")]

use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::map::Region;

/// How memory is kept from others, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protection {
    /// Out of the kernel's own reach (`memfd_secret`): no debugger, core or swap gets it.
    Secret,
    /// Locked: not swapped, not in cores. Whoever may trace the process reads it.
    Locked,
    /// Ordinary memory: it may be swapped. Wiped when freed.
    Plain,
}

impl std::fmt::Display for Protection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Secret => "secret",
            Self::Locked => "locked",
            Self::Plain => "plain",
        })
    }
}

/// Bytes for [`Locked`](crate::Locked) values, in use or free.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Kept as [`Protection::Secret`].
    pub secret: usize,
    /// Kept as [`Protection::Locked`].
    pub locked: usize,
    /// In ordinary memory now, since the kernel granted no more.
    pub plain: usize,
    /// The most that was in ordinary memory at one time.
    pub plain_most: usize,
}

/// What is asked of the kernel at a time; and when that is more than the limit leaves.
const LARGE: usize = 256 << 10;
const SMALL: usize = 16 << 10;

/// Where new memory comes from.
type Source = fn(usize) -> Option<Region>;

/// All slots of one size.
pub(crate) struct Arena {
    size: usize,
    source: Source,
    slots: Mutex<Slots>,
    plain: AtomicUsize,
    plain_most: AtomicUsize,
}

struct Slots {
    free: Vec<Slot>,
    /// Bytes by protection: secret, locked.
    granted: [usize; 2],
    refused: bool,
}

/// The address of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot(pub(crate) NonNull<u8>);

// SAFETY: an address of memory that is mapped for as long as the process lives and belongs to no thread.
unsafe impl Send for Slot {}

impl Arena {
    /// For slots of `size` bytes, a power of two of at most 16 KiB.
    pub(crate) const fn new(size: usize, source: Source) -> Self {
        assert!(size.is_power_of_two() && size <= SMALL);
        Self {
            size,
            source,
            slots: Mutex::new(Slots { free: Vec::new(), granted: [0; 2], refused: false }),
            plain: AtomicUsize::new(0),
            plain_most: AtomicUsize::new(0),
        }
    }

    /// A slot of zeros, the caller's alone until given back; `None` if there is no more memory but ordinary one.
    pub(crate) fn take(&self) -> Option<Slot> {
        let mut slots = self.lock();
        if slots.free.is_empty() {
            slots.grow(self.size, self.source);
        }
        slots.free.pop()
    }

    /// Takes a slot back.
    ///
    /// # Safety
    /// It came from [`Arena::take`] of this arena, is given back once, is all zero, and nothing refers to it any more.
    pub(crate) unsafe fn give_back(&self, slot: Slot) {
        // Never grows: there is room for every slot there is.
        self.lock().free.push(slot);
    }

    pub(crate) fn plain_taken(&self) {
        let now = self.plain.fetch_add(self.size, Ordering::Relaxed) + self.size;
        self.plain_most.fetch_max(now, Ordering::Relaxed);
    }

    pub(crate) fn plain_freed(&self) {
        self.plain.fetch_sub(self.size, Ordering::Relaxed);
    }

    pub(crate) fn usage(&self) -> Usage {
        let [secret, locked] = self.lock().granted;
        let [plain, plain_most] = [&self.plain, &self.plain_most].map(|bytes| bytes.load(Ordering::Relaxed));
        Usage { secret, locked, plain, plain_most }
    }

    /// The worst that was handed out, at least what the next one will get.
    pub(crate) fn protection(&self) -> Protection {
        let mut slots = self.lock();
        if slots.free.is_empty() {
            slots.grow(self.size, self.source);
        }
        match slots.granted {
            _ if self.plain_most.load(Ordering::Relaxed) > 0 => Protection::Plain,
            [0, 0] => Protection::Plain,
            [_, 0] => Protection::Secret,
            _ => Protection::Locked,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slots {
    fn grow(&mut self, size: usize, source: Source) {
        if self.refused {
            return;
        }
        let Some(region) = source(LARGE).or_else(|| source(SMALL)) else {
            self.refused = true;
            return;
        };
        match (region.kept, &mut self.granted) {
            (Protection::Secret, [bytes, _]) | (Protection::Locked, [_, bytes]) => *bytes += region.len,
            (Protection::Plain, _) => {}
        }
        let slots = region.len / size;
        let all = self.granted.iter().sum::<usize>() / size;
        self.free.reserve(all.max(slots));
        // The lowest address is the next to go out.
        for at in (0..slots).rev() {
            // SAFETY: `at * size + size` is at most the region's length, so the address lies in it.
            self.free.push(Slot(unsafe { region.start.add(at * size) }));
        }
    }
}

#[cfg(test)]
mod tests;
