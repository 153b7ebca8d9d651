//! zstd whose memory is wiped.
//!
//! A compressor copies literal bytes of what it works on into tables of its own, and frees them as they are: the last save of a
//! person would stay behind in freed memory of the C library's, where no allocator of ours gets to it. So the library is given
//! memory that wipes itself. Format and output are zstd's own.
#![expect(unsafe_code, reason = "calls the C library and gives it memory")]

use std::alloc::{Layout, alloc, dealloc};
use std::ffi::c_void;
use std::ptr::{NonNull, null_mut};

use zstd_sys::{ZSTD_CCtx, ZSTD_DCtx, ZSTD_customMem};

use crate::wipe::wipe;

/// Compresses whole values, one after the other.
pub struct Compressor(NonNull<ZSTD_CCtx>);

// SAFETY: a context belongs to no thread; every use of it needs `&mut self`.
unsafe impl Send for Compressor {}

impl Compressor {
    /// A context without content yet; `None` if memory is short.
    pub fn new() -> Option<Self> {
        // SAFETY: the three functions of `MEMORY` keep zstd's contract for its memory.
        NonNull::new(unsafe { zstd_sys::ZSTD_createCCtx_advanced(MEMORY) }).map(Self)
    }

    /// One frame of `from` at the front of `to`: its length, or `None` if it does not fit.
    pub fn compress(&mut self, level: i32, from: &[u8], to: &mut [u8]) -> Option<usize> {
        // SAFETY: the context lives and is ours alone; both slices are valid for their lengths for the call and do not overlap.
        let written = unsafe {
            let (to, room) = (to.as_mut_ptr().cast::<c_void>(), to.len());
            zstd_sys::ZSTD_compressCCtx(self.0.as_ptr(), to, room, from.as_ptr().cast(), from.len(), level)
        };
        length(written)
    }
}

impl Drop for Compressor {
    fn drop(&mut self) {
        // SAFETY: made by `new`, freed here alone.
        unsafe { zstd_sys::ZSTD_freeCCtx(self.0.as_ptr()) };
    }
}

/// Decompresses one frame of `from` into the front of `to`: its length, or `None` if it is no whole frame, does not fit, or memory is
/// short.
pub fn decompress(from: &[u8], to: &mut [u8]) -> Option<usize> {
    // SAFETY: as in `Compressor::new`.
    let context = Decompressor(NonNull::new(unsafe { zstd_sys::ZSTD_createDCtx_advanced(MEMORY) })?);
    // SAFETY: the context lives and is ours alone; both slices are valid for their lengths for the call and do not overlap.
    let written = unsafe {
        let (to, room) = (to.as_mut_ptr().cast::<c_void>(), to.len());
        zstd_sys::ZSTD_decompressDCtx(context.0.as_ptr(), to, room, from.as_ptr().cast(), from.len())
    };
    length(written)
}

struct Decompressor(NonNull<ZSTD_DCtx>);

impl Drop for Decompressor {
    fn drop(&mut self) {
        // SAFETY: made by `decompress`, freed here alone.
        unsafe { zstd_sys::ZSTD_freeDCtx(self.0.as_ptr()) };
    }
}

fn length(answered: usize) -> Option<usize> {
    // SAFETY: looks at a number.
    (unsafe { zstd_sys::ZSTD_isError(answered) } == 0).then_some(answered)
}

const MEMORY: ZSTD_customMem =
    ZSTD_customMem { customAlloc: Some(allocate), customFree: Some(free), opaque: null_mut() };

/// In front of each block stands its size, since `free` is not told it. As long as the alignment that C promises.
const HEAD: usize = 16;

extern "C" fn allocate(_: *mut c_void, size: usize) -> *mut c_void {
    let Some(layout) = size.checked_add(HEAD).and_then(layout) else { return null_mut() };
    // SAFETY: the layout is not empty.
    let Some(block) = NonNull::new(unsafe { alloc(layout) }) else { return null_mut() };
    // SAFETY: the block is `HEAD + size` bytes, aligned to `HEAD`, so that its size fits in front and what follows lies inside.
    unsafe {
        block.cast::<usize>().write(layout.size());
        block.add(HEAD).as_ptr().cast()
    }
}

/// # Safety
/// `at` is null or came from `allocate`, and is given back once.
unsafe extern "C" fn free(_: *mut c_void, at: *mut c_void) {
    let Some(at) = NonNull::new(at.cast::<u8>()) else { return };
    // SAFETY: `allocate` wrote the block's size `HEAD` bytes before what it answered, with this layout.
    unsafe {
        let block = at.sub(HEAD);
        let size = block.cast::<usize>().read();
        wipe(block, size);
        if let Some(layout) = layout(size) {
            dealloc(block.as_ptr(), layout);
        }
    }
}

fn layout(size: usize) -> Option<Layout> {
    Layout::from_size_align(size, HEAD).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back() {
        let plain: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_be_bytes()).collect();
        let mut packed = vec![0; plain.len()];
        let mut compressor = Compressor::new().unwrap();
        for level in [1, 3, 1] {
            let length = compressor.compress(level, &plain, &mut packed).unwrap();
            assert!(length < plain.len() / 2);
            let mut back = vec![0; plain.len()];
            assert_eq!(decompress(&packed[..length], &mut back), Some(plain.len()));
            assert_eq!(back, plain);
            // The same bytes that any zstd reads.
            assert_eq!(decompress(&packed[..length - 1], &mut back), None);
            assert_eq!(decompress(&packed[..length], &mut back[1..]), None);
        }
        assert_eq!(compressor.compress(1, &plain, &mut packed[..10]), None);
        assert_eq!(decompress(b"no frame of zstd", &mut [0; 100]), None);
    }
}
