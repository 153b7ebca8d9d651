//! Lengths that say less: what is sealed is padded first, since a sealed object shows the length of its plaintext.

use crate::Class;
use crate::object::MAX_PLAIN_LEN;

/// Which lengths a plaintext may have (docs/formats.md, section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// Padmé: a length keeps only its highest bits, about as many as its exponent is long. Costs at most 12 %, and of
    /// all lengths up to n only O(log log n) bits show.
    Padme,
    /// The next multiple of 64 bytes.
    Steps64,
}

impl Padding {
    /// The padding of a class: steps of 64 bytes where values are short and their exact length tells most.
    pub const fn of(class: Class) -> Self {
        match class {
            Class::Chat | Class::Credentials => Self::Steps64,
            Class::Saves | Class::Records | Class::Profile => Self::Padme,
        }
    }

    /// The least allowed length that holds `len` bytes; `None` if no object can be that long.
    pub fn padded_len(self, len: u64) -> Option<u64> {
        if len > MAX_PLAIN_LEN {
            return None;
        }
        let padded = match self {
            Self::Padme => padme(len),
            Self::Steps64 => len.next_multiple_of(64),
        };
        (padded <= MAX_PLAIN_LEN).then_some(padded)
    }
}

/// Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", Algorithm 1.
fn padme(len: u64) -> u64 {
    if len < 2 {
        return len;
    }
    let exponent = len.ilog2();
    let kept = exponent.ilog2() + 1;
    let step = 1 << (exponent - kept);
    len.next_multiple_of(step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn padme(len: u64) -> u64 {
        Padding::Padme.padded_len(len).unwrap()
    }

    #[test]
    fn known_lengths() {
        // by hand from the definition
        for (len, padded) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (8, 8),
            (9, 10),
            (10, 10),
            (100, 104),
            (1000, 1024),
            (1025, 1088),
            (10_000, 10_240),
        ] {
            assert_eq!(padme(len), padded, "{len}");
        }
        for (len, padded) in [(0, 0), (1, 64), (64, 64), (65, 128)] {
            assert_eq!(Padding::Steps64.padded_len(len), Some(padded), "{len}");
        }
    }

    #[test]
    fn too_long_is_refused() {
        for padding in [Padding::Padme, Padding::Steps64] {
            for len in [MAX_PLAIN_LEN, MAX_PLAIN_LEN + 1, u64::MAX] {
                assert_eq!(padding.padded_len(len), None);
            }
        }
    }

    /// Every length up to a mebibyte: never shorter, never more than 12 % longer, a fixed point, and monotone.
    #[test]
    fn padme_is_cheap_idempotent_and_monotone() {
        let mut before = 0;
        for len in 0..1 << 20 {
            let padded = padme(len);
            assert!(padded >= len);
            assert!((padded - len) * 100 <= len * 12, "{len} -> {padded}");
            assert_eq!(padme(padded), padded);
            assert!(padded >= before);
            before = padded;
        }
    }

    proptest! {
        #[test]
        fn both_hold_at_any_length(len in 0u64..1 << 51, more in 0u64..1 << 50) {
            for padding in [Padding::Padme, Padding::Steps64] {
                let padded = padding.padded_len(len).unwrap();
                prop_assert!(padded >= len);
                prop_assert_eq!(padding.padded_len(padded), Some(padded));
                prop_assert!(padding.padded_len(len + more).unwrap() >= padded);
            }
            prop_assert!((padme(len) - len) as f64 <= len as f64 * 0.12);
            prop_assert!(Padding::Steps64.padded_len(len).unwrap() - len < 64);
        }
    }
}
