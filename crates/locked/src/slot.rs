//! One value in the arena.
#![expect(unsafe_code, reason = "owns a slot as a box owns its memory")]

use std::fmt;
use std::ptr::NonNull;

use crate::arena::{Arena, Slot};
use crate::wipe::wipe;
use crate::{Protection, Usage, map};

/// For keys.
static KEYS: Arena = Arena::new(32, map::region);
/// For pages of keys.
static PAGES: Arena = Arena::new(1024, map::region);

pub(crate) fn protection() -> Protection {
    KEYS.protection().max(PAGES.protection())
}

pub(crate) fn usage() -> Usage {
    let (keys, pages) = (KEYS.usage(), PAGES.usage());
    Usage {
        secret: keys.secret + pages.secret,
        locked: keys.locked + pages.locked,
        plain: keys.plain + pages.plain,
        plain_most: keys.plain_most + pages.plain_most,
    }
}

/// `N` bytes, at most 1,024, in secret or locked memory, or in ordinary memory where there is no more of it. Filled in place, wiped on
/// drop. A move copies the address, not the bytes.
pub struct Locked<const N: usize> {
    bytes: NonNull<[u8; N]>,
    /// Where it goes back to; `None` for a box of its own.
    home: Option<&'static Arena>,
}

// SAFETY: owns its bytes as a box does, and bytes belong to no thread.
unsafe impl<const N: usize> Send for Locked<N> {}
// SAFETY: a shared reference gives only shared references to the bytes.
unsafe impl<const N: usize> Sync for Locked<N> {}

impl<const N: usize> Locked<N> {
    const ARENA: &'static Arena = {
        assert!(N <= 1024, "a slot holds at most 1,024 bytes");
        if N <= 32 { &KEYS } else { &PAGES }
    };

    /// All zero, to be filled in place.
    pub fn zeroed() -> Self {
        match Self::ARENA.take() {
            // A slot of the arena for `N` bytes has at least `N` of them.
            Some(Slot(at)) => Self { bytes: at.cast(), home: Some(Self::ARENA) },
            None => {
                Self::ARENA.plain_taken();
                Self { bytes: NonNull::from(Box::leak(Box::new([0; N]))), home: None }
            }
        }
    }

    /// The bytes.
    pub fn expose(&self) -> &[u8; N] {
        // SAFETY: `bytes` points to `N` initialised bytes (any pattern is valid, and alignment is one) that live and are ours until
        // drop; the reference borrows `self`.
        unsafe { self.bytes.as_ref() }
    }

    /// The bytes, to be filled in place.
    pub fn expose_mut(&mut self) -> &mut [u8; N] {
        // SAFETY: as in `expose`; `self` is borrowed mutably, so there is no other reference.
        unsafe { self.bytes.as_mut() }
    }
}

impl<const N: usize> Drop for Locked<N> {
    fn drop(&mut self) {
        let at = self.bytes.cast::<u8>();
        // SAFETY: the `N` bytes are ours, and no reference to them outlives `self`.
        unsafe { wipe(at, N) };
        match self.home {
            // SAFETY: taken from this arena by `zeroed`, given back here alone; only the first `N` bytes were ever written, and they
            // are zero again.
            Some(arena) => unsafe { arena.give_back(Slot(at)) },
            None => {
                Self::ARENA.plain_freed();
                // SAFETY: leaked from a box of this type by `zeroed`, and taken back here alone.
                drop(unsafe { Box::from_raw(self.bytes.as_ptr()) });
            }
        }
    }
}

/// Never the bytes.
impl<const N: usize> fmt::Debug for Locked<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Locked(..)")
    }
}
