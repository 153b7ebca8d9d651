//! A global allocator that wipes what it frees.
//!
//! Plaintext passes through buffers that are not ours to wipe: bodies of requests, JSON, the queues of an HTTP library. Freed, they
//! would keep an erased person's words until somebody happens to write over them.
#![expect(unsafe_code, reason = "is an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;

use crate::wipe::wipe;

/// The system's allocator, but every block is overwritten with zeros before it is freed. A binary installs it with
/// `#[global_allocator]`; a library must not. Blocks that C code allocates by itself do not pass through here.
#[derive(Debug, Clone, Copy, Default)]
pub struct WipingAlloc;

// SAFETY: every call goes to `System`, which upholds the contract; what is added are writes to blocks that the caller hands back
// and hence no longer uses.
unsafe impl GlobalAlloc for WipingAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promise about `layout` is the one that `System` needs.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let Some(at) = NonNull::new(block) {
            // SAFETY: the block has `layout.size()` bytes, and the caller uses none of them any more.
            unsafe { wipe(at, layout.size()) };
        }
        // SAFETY: `block` came from `System` with this layout: each of the methods here answers what `System` did.
        unsafe { System.dealloc(block, layout) };
    }

    /// Never by `System.realloc`: it may move the block and leave the old one behind as it was.
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size`, rounded up to the alignment, does not overflow `isize`, and is not zero.
        let next = unsafe { self.alloc(Layout::from_size_align_unchecked(new_size, layout.align())) };
        if !next.is_null() {
            // SAFETY: two different blocks that are at least as long as the smaller size; the old one is the caller's to give up.
            unsafe {
                next.copy_from_nonoverlapping(block, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
        }
        next
    }
}
