//! Wipes what key-dependent code leaves on the stack. Ciphers and hashes wipe the values they drop, but a value that was
//! moved leaves its old place behind: without this, round keys of a page were still to be read after the page's key was gone.

use zeroize::zeroize_stack;

/// Deeper than anything that `work` calls here.
const FRAME: usize = 32 * 1024;
/// Deeper than ML-KEM, whose matrices stand on the stack.
const DEEP: usize = 192 * 1024;
/// Deeper than one HMAC, which pads the key on the stack.
const SHALLOW: usize = 4 * 1024;

/// Does `work`, then overwrites the part of the stack it ran on. What it returns should hold keys behind pointers.
#[inline(never)]
pub fn wiped<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    zeroize_stack::<FRAME>();
    result
}

/// [`wiped`] around a key encapsulation.
#[inline(never)]
pub(crate) fn wiped_deep<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    zeroize_stack::<DEEP>();
    result
}

/// [`wiped`] around a single HMAC or chunk, where it is done so often that the difference shows.
#[inline(never)]
pub(crate) fn wiped_shallow<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    zeroize_stack::<SHALLOW>();
    result
}

/// Keeps the frames of `work` out of the caller's, which is not overwritten.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}
