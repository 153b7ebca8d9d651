//! Digests of rows that can be added to and taken away from in any order.

use oubliette_crypto::AnchorDigestKey;
use oubliette_crypto::kdf::row_digest;

use crate::EngineError;
use crate::contract::counts;

/// Number of prefixes that are digested apart.
pub(crate) const PREFIXES: usize = 64;

/// The prefix of a key: its top 6 bits.
pub(crate) fn prefix_of(key: &[u8]) -> u8 {
    key.first().map_or(0, |byte| byte >> 2)
}

/// First key of a prefix, and the first of the next one.
pub(crate) fn prefix_range(prefix: u8) -> ([u8; 1], Option<[u8; 1]>) {
    ([prefix << 2], (usize::from(prefix) + 1 < PREFIXES).then(|| [(prefix + 1) << 2]))
}

/// Sum mod 2^256 of the keyed digests of a set of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Digest(pub(crate) [u8; 32]);

impl Digest {
    pub(crate) fn add(&mut self, other: &[u8; 32]) {
        let mut carry = 0_u16;
        for (mine, theirs) in self.0.iter_mut().zip(other).rev() {
            let sum = u16::from(*mine) + u16::from(*theirs) + carry;
            *mine = sum as u8;
            carry = sum >> 8;
        }
    }

    pub(crate) fn subtract(&mut self, other: &[u8; 32]) {
        let mut borrow = 0_i16;
        for (mine, theirs) in self.0.iter_mut().zip(other).rev() {
            let difference = i16::from(*mine) - i16::from(*theirs) - borrow;
            *mine = difference as u8;
            borrow = i16::from(difference < 0);
        }
    }
}

/// A digest, and how many rows and bytes went into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    pub(crate) digest: Digest,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Tally {
    /// Counts a row in, unless it is bookkeeping.
    pub(crate) fn add(&mut self, key: &AnchorDigestKey, row: (&[u8], &[u8])) -> Result<(), EngineError> {
        if counts(row.0) {
            self.digest.add(&digest(key, row)?);
            self.rows += 1;
            self.bytes += (row.0.len() + row.1.len()) as u64;
        }
        Ok(())
    }
}

/// Keyed digest of one row.
pub(crate) fn digest(key: &AnchorDigestKey, row: (&[u8], &[u8])) -> Result<[u8; 32], EngineError> {
    row_digest(key, row.0, row.1).map_err(super::crypto_failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn order_does_not_matter_and_subtraction_undoes(terms: Vec<[u8; 32]>, more: [u8; 32]) {
            let sum = |terms: &mut dyn Iterator<Item = &[u8; 32]>| {
                terms.fold(Digest::default(), |mut sum, term| { sum.add(term); sum })
            };
            let forward = sum(&mut terms.iter());
            prop_assert_eq!(forward, sum(&mut terms.iter().rev()));
            let mut back = forward;
            back.add(&more);
            back.subtract(&more);
            prop_assert_eq!(back, forward);
        }

        #[test]
        fn every_key_lies_in_the_range_of_its_prefix(key in prop::collection::vec(any::<u8>(), 1..5)) {
            let (from, to) = prefix_range(prefix_of(&key));
            prop_assert!(key.as_slice() >= from.as_slice());
            prop_assert!(to.is_none_or(|to| key.as_slice() < to.as_slice()));
        }
    }

    #[test]
    fn carries_run_through_all_bytes() {
        let mut sum = Digest([0xff; 32]);
        let mut one = [0; 32];
        one[31] = 1;
        sum.add(&one);
        assert_eq!(sum, Digest([0; 32]));
        sum.subtract(&one);
        assert_eq!(sum, Digest([0xff; 32]));
    }
}
