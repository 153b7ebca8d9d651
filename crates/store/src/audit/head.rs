//! The first block of an audit file (docs/formats.md, section 12).

use oubliette_crypto::VaultId;
use sha2::{Digest, Sha256};

use super::record::Chain;

const MAGIC: &[u8; 8] = b"OUBAUDT1";
/// Records begin behind it.
pub(super) const HEAD: usize = 512;
const CHECKED: usize = HEAD - 32;

/// Where a file stands in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) vault: VaultId,
    /// The file's number, from 1.
    pub(super) number: u64,
    /// The number of its first record.
    pub(super) first: u64,
    /// When it was begun, in microseconds since 1970: none of its records is older, none of those before younger.
    pub(super) time: u64,
    /// The hash that its first record follows.
    pub(super) chain: Chain,
}

impl Head {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = [
            MAGIC.as_slice(),
            self.vault.as_bytes(),
            &self.number.to_be_bytes(),
            &self.first.to_be_bytes(),
            &self.time.to_be_bytes(),
            &self.chain,
        ]
        .concat();
        bytes.resize(CHECKED, 0);
        let check = Sha256::digest(&bytes);
        bytes.extend_from_slice(&check);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (checked, rest) = bytes.split_at_checked(CHECKED)?;
        let check: [u8; 32] = Sha256::digest(checked).into();
        if rest != check || !checked.starts_with(MAGIC) {
            return None;
        }
        let number = |at: usize| Some(u64::from_be_bytes(*checked.get(at..)?.first_chunk()?));
        let head = Self {
            vault: VaultId(*checked.get(8..)?.first_chunk()?),
            number: number(24)?,
            first: number(32)?,
            time: number(40)?,
            chain: *checked.get(48..)?.first_chunk()?,
        };
        checked.get(80..)?.iter().all(|byte| *byte == 0).then_some(head)
    }
}
