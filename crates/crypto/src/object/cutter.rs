//! Cuts a stream that arrives in pieces of any size into numbered whole chunks of `N` bytes and a shorter rest.

use zeroize::Zeroizing;

use super::lengths::MAX_CHUNKS;
use crate::CryptoError;

/// Holds less than a chunk, wiped on drop, since it may be plaintext. After an error it hands out only [`MAX_CHUNKS`],
/// a number at which every chunk is refused.
pub(super) struct Cutter<const N: usize> {
    pending: Zeroizing<Vec<u8>>,
    next: u64,
}

impl<const N: usize> Cutter<N> {
    pub(super) fn new() -> Self {
        Self { pending: Zeroizing::default(), next: 0 }
    }

    /// Calls `each` for every chunk that `input` completes; chunks that lie whole in `input` are not copied.
    pub(super) fn feed(
        &mut self,
        mut input: &[u8],
        mut each: impl FnMut(u64, &[u8]) -> Result<(), CryptoError>,
    ) -> Result<(), CryptoError> {
        if !self.pending.is_empty() {
            let (now, later) = input.split_at(input.len().min(N - self.pending.len()));
            self.pending.extend_from_slice(now);
            if self.pending.len() < N {
                return Ok(());
            }
            count(&mut self.next, |index| each(index, &self.pending))?;
            self.pending.clear();
            input = later;
        }
        while let Some((chunk, later)) = input.split_first_chunk::<N>() {
            count(&mut self.next, |index| each(index, chunk))?;
            input = later;
        }
        if !input.is_empty() {
            self.pending.reserve_exact(N); // once, and never grown: a growing buffer leaves its old bytes behind
            self.pending.extend_from_slice(input);
        }
        Ok(())
    }

    /// The number and the bytes of the last chunk.
    pub(super) fn rest(&self) -> (u64, &[u8]) {
        (self.next, &self.pending)
    }

    #[cfg(test)]
    pub(super) fn skip_to(&mut self, index: u64) {
        self.next = index;
    }
}

impl<const N: usize> Drop for Cutter<N> {
    /// An empty `Vec` is wiped in one stroke over its whole capacity, a full one byte by byte: at 4 GB/s of AES that shows.
    fn drop(&mut self) {
        self.pending.clear();
    }
}

fn count(next: &mut u64, each: impl FnOnce(u64) -> Result<(), CryptoError>) -> Result<(), CryptoError> {
    let index = std::mem::replace(next, MAX_CHUNKS);
    each(index)?;
    *next = index + 1;
    Ok(())
}
