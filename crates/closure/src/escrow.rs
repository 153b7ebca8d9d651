//! Roots in escrow and holders' keys (docs/formats.md, section 15), from raw bytes.

use oubliette_crypto::escrow::{
    ENC_LEN, ESCROWED_ROOT, SEALED_SHARE, SealedShare, Share, ShareContext, combine, open_escrowed_root,
    open_share,
};
use oubliette_crypto::{EscrowSeed, VaultId, labels};
use sha2::{Digest, Sha256};

use crate::Key;
use crate::fields::{Fields, find_all};

/// Keys of windows, in whatever holds a holder's files.
pub fn holder_keys(bytes: &[u8]) -> impl Iterator<Item = Key> {
    find_all(bytes, b"OUBHOLD1").filter_map(|file| {
        let masked: Key = file.get(16..48)?.try_into().ok()?;
        let mask =
            Sha256::new().chain_update(labels::ESCROW_MASK).chain_update(file.get(64..16_448)?).finalize();
        let mut key = masked;
        key.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        Some(key)
    })
}

/// Every `M` that stands sealed in these bytes and that some of the keys open together, and the bytes of its pointer.
pub fn roots(bytes: &[u8], keys: &[Key]) -> Vec<(Key, Vec<u8>)> {
    find_all(bytes, b"OESC").filter_map(|blob| open(blob, keys)).collect()
}

fn open(blob: &[u8], keys: &[Key]) -> Option<(Key, Vec<u8>)> {
    let mut fields = Fields(blob);
    fields.take(4 + 1 + 6)?;
    let vault = VaultId(fields.array()?);
    let (generation, _epoch, window) = (fields.u64()?, fields.u64()?, fields.u32()?);
    fields.take(8)?;
    let (threshold, shares) = (fields.u8()?, fields.u8()?);
    fields.take(16 * usize::from(shares))?;
    let header = blob.get(..blob.len() - fields.0.len())?;
    let root: [u8; ESCROWED_ROOT] = fields.array()?;
    let mut opened: Vec<Share> = Vec::new();
    for number in 1..=shares {
        let enc = Box::new(fields.array::<ENC_LEN>()?);
        let sealed = SealedShare { enc, ciphertext: fields.array::<SEALED_SHARE>()? };
        let context = ShareContext { vault: &vault, generation, window, threshold, shares, number };
        // Every key on every share.
        let seeds = keys.iter().filter_map(|key| EscrowSeed::from_slice(key).ok());
        opened.extend(seeds.filter_map(|seed| open_share(&seed, &context, &sealed).ok()).next());
    }
    let found = open_escrowed_root(&combine(&opened).ok()?, header, &root).ok()?;
    Some((*found.root.expose(), found.pointer.to_vec()))
}
