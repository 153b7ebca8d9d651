//! What an object is and where it belongs: sealed into its commitment, so that a row moved anywhere else does not open.

use crate::{Branch, Class, CryptoError, Handle, VaultId};

/// Bytes of an encoded context.
pub const CONTEXT_LEN: usize = 53;

/// The place of one object (docs/formats.md, section 8). It holds no length: the last chunk authenticates where the object ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectContext {
    /// What of a value this object is.
    pub kind: Kind,
    /// The vault.
    pub vault: VaultId,
    /// Whose tree the key is from.
    pub handle: Handle,
    /// Class of the leaf.
    pub class: Class,
    /// Branch of the leaf.
    pub branch: Branch,
    /// Compartment of the leaf, from 1.
    pub compartment: u32,
    /// Number of the leaf in its compartment, from 1.
    pub seq: u64,
    /// Whose erasure takes the value along.
    pub policy: Policy,
}

/// What of a value an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The whole value in one row: head, content, padding.
    Small,
    /// The head of a large value.
    Head,
    /// The body of a large value.
    Body(Codec),
    /// A message that two leaves open, within the author's value.
    Inner,
}

/// How the body of a large value is encoded before sealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Codec {
    /// As it came.
    Plain = 0,
    /// Independent zstd frames and a table of their lengths.
    Zstd = 1,
}

/// Whose erasure takes the value along; fixed when it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Policy {
    /// The owner's; nobody else has a part in it.
    None = 0,
    /// The author's (chat).
    Author = 1,
    /// Whichever of the two parties goes first (chat).
    Either = 2,
    /// The owner's of this copy; the other party has their own (chat).
    Survivor = 3,
}

impl ObjectContext {
    /// Every field at its place, each of fixed width, so that two contexts never share an encoding.
    pub fn encode(&self) -> [u8; CONTEXT_LEN] {
        let (kind, codec) = match self.kind {
            Kind::Small => (1, 0),
            Kind::Head => (2, 0),
            Kind::Body(codec) => (3, codec as u8),
            Kind::Inner => (4, 0),
        };
        let mut bytes = [0; CONTEXT_LEN];
        bytes[..4].copy_from_slice(b"OUB1");
        bytes[4] = kind;
        bytes[5..21].copy_from_slice(self.vault.as_bytes());
        bytes[21..37].copy_from_slice(self.handle.as_bytes());
        bytes[37] = self.class as u8;
        bytes[38] = self.branch as u8;
        bytes[39..43].copy_from_slice(&self.compartment.to_be_bytes());
        bytes[43..51].copy_from_slice(&self.seq.to_be_bytes());
        bytes[51] = self.policy as u8;
        bytes[52] = codec;
        bytes
    }
}

/// The byte of the same name in a head.
impl TryFrom<u8> for Codec {
    type Error = CryptoError;

    fn try_from(byte: u8) -> Result<Self, CryptoError> {
        match byte {
            0 => Ok(Self::Plain),
            1 => Ok(Self::Zstd),
            _ => Err(CryptoError::OutOfRange { what: "codec", got: byte.into(), allowed: "0 or 1" }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
