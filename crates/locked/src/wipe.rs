//! Overwriting with zeros that the compiler must not leave out.
#![expect(unsafe_code, reason = "writes through a pointer, and an empty assembly template")]

use std::ptr::NonNull;

/// Overwrites `len` bytes with zeros, at the speed of `memset`.
///
/// # Safety
/// `at` must be valid for writes of `len` bytes, and nobody else may use them meanwhile.
pub(crate) unsafe fn wipe(at: NonNull<u8>, len: usize) {
    // SAFETY: the caller says that `at` is valid for writes of `len` bytes and ours alone.
    unsafe { at.as_ptr().write_bytes(0, len) };
    seen(at);
}

/// To the compiler, something that reads all memory behind `at`: the zeros above are no dead stores, even where the memory is
/// freed next.
#[cfg(not(miri))]
fn seen(at: NonNull<u8>) {
    // SAFETY: a comment executes nothing; it touches neither memory, stack nor flags. Not saying `nomem` is the point.
    unsafe { std::arch::asm!("/* {0} */", in(reg) at.as_ptr(), options(nostack, preserves_flags)) };
}

#[cfg(miri)]
fn seen(at: NonNull<u8>) {
    std::hint::black_box(at);
}
