//! Wipes what key-dependent code leaves on the stack. Ciphers and hashes wipe the values they drop, but a value that was
//! moved leaves its old place behind: without this, round keys of a page were still to be read after the page's key was gone.

use zeroize::Zeroize;

/// Deeper than anything that `work` calls here.
const FRAME: usize = 32 * 1024 / size_of::<u64>();

/// Does `work`, then overwrites the part of the stack it ran on. What it returns should hold keys in boxes.
#[inline(never)]
pub(crate) fn wiped<T>(work: impl FnOnce() -> T) -> T {
    let result = below(work);
    overwrite();
    result
}

/// Keeps the frames of `work` out of the caller's, which is not overwritten.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

#[inline(never)]
fn overwrite() {
    [0; FRAME].zeroize();
}
