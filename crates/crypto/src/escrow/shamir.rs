//! Shamir's sharing of 32 bytes over GF(256) with the polynomial of AES, x^8 + x^4 + x^3 + x + 1: any `t` shares give the secret,
//! fewer say nothing about it.
//!
//! Each byte has a polynomial of its own of degree t-1, whose constant is the byte and whose other coefficients are drawn fresh and
//! uniform, zero included. Arithmetic has no branch and no look-up that depends on a secret.

use crate::secret::{EscrowKey, EscrowShare, Secret};
use crate::{CryptoError, wiped};

/// Most shares: a share's number is one byte that is not zero.
pub const MAX_SHARES: u8 = 255;

/// One share: where its polynomials were taken, and their values there.
#[derive(Debug)]
pub struct Share {
    /// From 1.
    pub number: u8,
    /// One value for each byte of the secret.
    pub value: EscrowShare,
}

/// Takes a key apart into `shares` shares, of which `threshold` make it again.
///
/// # Errors
/// [`CryptoError::OutOfRange`] unless 1 <= threshold <= shares <= 255; [`CryptoError::Random`].
pub fn split(key: &EscrowKey, threshold: u8, shares: u8) -> Result<Vec<Share>, CryptoError> {
    if threshold == 0 || threshold > shares {
        return Err(CryptoError::OutOfRange {
            what: "escrow threshold",
            got: threshold.into(),
            allowed: "1 to the number of holders",
        });
    }
    let coefficients =
        (1..threshold).map(|_| EscrowShare::generate()).collect::<Result<Vec<_>, CryptoError>>()?;
    Ok((1..=shares).map(|number| wiped(|| share(key, &coefficients, number))).collect())
}

fn share(key: &EscrowKey, coefficients: &[EscrowShare], number: u8) -> Share {
    let value = EscrowShare::fill(|value| {
        // Horner's rule, the highest coefficient first.
        for coefficient in coefficients.iter().rev() {
            for (sum, c) in value.iter_mut().zip(coefficient.expose()) {
                *sum = multiply(*sum ^ c, number);
            }
        }
        value.iter_mut().zip(key.expose()).for_each(|(sum, secret)| *sum ^= secret);
    });
    Share { number, value }
}

/// The key that these shares were made of. With fewer than the threshold, or a share of another key among them, it is some other key, which opens
/// nothing.
///
/// # Errors
/// [`CryptoError::OutOfRange`] for no shares, for number 0, or for a number that comes twice.
pub fn combine(shares: &[Share]) -> Result<EscrowKey, CryptoError> {
    for (at, share) in shares.iter().enumerate() {
        if share.number == 0 || shares.iter().take(at).any(|other| other.number == share.number) {
            return Err(CryptoError::OutOfRange {
                what: "number of an escrow share",
                got: share.number.into(),
                allowed: "1 to 255, each once",
            });
        }
    }
    if shares.is_empty() {
        return Err(CryptoError::OutOfRange {
            what: "number of escrow shares",
            got: 0,
            allowed: "at least one",
        });
    }
    Ok(EscrowKey::fill(|key| {
        wiped(|| {
            for share in shares {
                // The polynomials at 0, by Lagrange: each share times the product of x_j / (x_j - x_i) over the others.
                let others = shares.iter().map(|other| other.number).filter(|other| *other != share.number);
                let weight = others
                    .fold(1, |weight, other| multiply(weight, multiply(other, invert(other ^ share.number))));
                for (sum, value) in key.iter_mut().zip(share.value.expose()) {
                    *sum ^= multiply(*value, weight);
                }
            }
        });
    }))
}

/// The product in GF(256).
pub(super) fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0);
    for bit in 0..8 {
        product ^= a & ((b >> bit) & 1).wrapping_neg();
        a = (a << 1) ^ (0x1b & (a >> 7).wrapping_neg());
    }
    product
}

/// a^254, which is 1/a; 0 for 0.
pub(super) fn invert(a: u8) -> u8 {
    let mut power = a;
    let mut product = 1;
    // 254 is 11111110 in binary.
    for _ in 1..8 {
        power = multiply(power, power);
        product = multiply(product, power);
    }
    product
}
