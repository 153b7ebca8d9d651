//! Randomness for one encapsulation, drawn beforehand, where a failure could still be told: a generator inside HPKE could only panic.

use std::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// Hands out these seeds, one after the other. One encapsulation takes all of them, once.
pub(crate) struct Once<'a, const N: usize> {
    seeds: [&'a [u8; 32]; N],
    taken: usize,
}

impl<'a, const N: usize> Once<'a, N> {
    pub(crate) const fn new(seeds: [&'a [u8; 32]; N]) -> Self {
        Self { seeds, taken: 0 }
    }
}

impl<const N: usize> TryRng for Once<'_, N> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        rand_core::utils::next_word_via_fill(self)
    }

    /// Whoever asks for more than there is gets it from the beginning again.
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        debug_assert_eq!(
            (out.len(), self.taken),
            (32 * N, 0),
            "an encapsulation takes its randomness at once"
        );
        let bytes = self.seeds.iter().copied().flatten().cycle().skip(self.taken);
        out.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
        self.taken += out.len();
        Ok(())
    }
}

impl<const N: usize> TryCryptoRng for Once<'_, N> {}
