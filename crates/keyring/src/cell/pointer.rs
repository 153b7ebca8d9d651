//! The root pointer: which root page is current, vouched for by `M`.

use oubliette_crypto::kdf::{root_pointer_mac, verify_root_pointer};
use oubliette_crypto::{PageId, RootKey, VaultId};

use crate::codec::{Malformed, Reader};

const MAGIC: &[u8; 8] = b"OUBPTR01";

/// Which root page is current. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootPointer {
    /// The vault.
    pub vault: VaultId,
    /// Counts commits, from 1.
    pub generation: u64,
    /// Counts deletions (root secrets), from 1.
    pub epoch: u64,
    /// The root page's name.
    pub root_page: PageId,
    /// Salt of the root page's key, fresh for every commit.
    pub salt: [u8; 32],
    /// SHA-256 of the sealed root page.
    pub root_hash: [u8; 32],
    /// HMAC of all the above under `M`.
    pub mac: [u8; 32],
}

impl RootPointer {
    /// Bytes of the encoded form.
    pub const LEN: usize = 152;

    /// The same pointer with its MAC under `root`.
    pub fn signed(mut self, root: &RootKey) -> Self {
        self.mac = root_pointer_mac(root, &self.authenticated());
        self
    }
    /// True if whoever held `root` made this pointer for `vault`.
    pub fn verifies(&self, root: &RootKey, vault: &VaultId) -> bool {
        self.vault == *vault && verify_root_pointer(root, &self.authenticated(), &self.mac)
    }
    /// The stored form.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let fields = self.authenticated().into_iter().chain(self.mac);
        bytes.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Reader::new(bytes);
        if fields.array()? != *MAGIC {
            return Err(Malformed);
        }
        let vault = VaultId(fields.array()?);
        let (generation, epoch) = (fields.u64()?, fields.u64()?);
        let root_page = fields.array()?;
        fields.zeros(4)?;
        let (salt, root_hash, mac) = (fields.array()?, fields.array()?, fields.array()?);
        fields.end()?;
        Ok(Self { vault, generation, epoch, root_page, salt, root_hash, mac })
    }

    fn authenticated(&self) -> Vec<u8> {
        [
            MAGIC.as_slice(),
            self.vault.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.epoch.to_be_bytes(),
            &self.root_page,
            &[0; 4],
            &self.salt,
            &self.root_hash,
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_changed_byte_is_noticed() {
        let root = RootKey::generate().unwrap();
        let vault = VaultId([7; 16]);
        let pointer = RootPointer {
            vault,
            generation: 3,
            epoch: 2,
            root_page: [9; 12],
            salt: [1; 32],
            root_hash: [2; 32],
            mac: [0; 32],
        }
        .signed(&root);
        let bytes = pointer.encode();
        assert_eq!(RootPointer::decode(&bytes), Ok(pointer.clone()));
        assert!(pointer.verifies(&root, &vault));
        assert!(!pointer.verifies(&RootKey::generate().unwrap(), &vault));
        assert!(!pointer.verifies(&root, &VaultId([8; 16])));
        for at in 0..bytes.len() {
            let mut changed = bytes;
            changed[at] ^= 1;
            let accepted = RootPointer::decode(&changed).is_ok_and(|p| p.verifies(&root, &vault));
            assert!(!accepted, "byte {at}");
        }
        assert_eq!(RootPointer::decode(&bytes[..151]), Err(Malformed));
        assert_eq!(RootPointer::decode(&[bytes.as_slice(), &[0]].concat()), Err(Malformed));
    }
}
