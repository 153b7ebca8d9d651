//! Every derivation, HMAC-SHA256 (RFC 2104) and HKDF-SHA256 (RFC 5869) under the labels of [`crate::labels`].

mod anchor;
mod backup;
mod root;

pub use anchor::{AnchorForm, anchor_digest_key, open_anchor, row_digest, seal_anchor};
pub use backup::{BackupForm, backup_key, backup_mac, verify_backup_mac};
pub use root::{derive_root_key, derive_root_page_key, root_pointer_mac, verify_root_pointer};

use hkdf::{HkdfExtract, InvalidLength};
use hmac::{Hmac, KeyInit, Mac, digest::FixedOutput};
use sha2::Sha256;
use zeroize::Zeroize;

use crate::secret::Secret;
use crate::stack::{wiped, wiped_shallow};
use crate::{Handle, ObjectKey, Tag, TagKey, labels};

/// The key of a message of policy *either* (docs/formats.md, section 8): nobody has it who lacks one of the two leaves.
pub fn derive_either_key(author: &ObjectKey, peer: &ObjectKey) -> ObjectKey {
    derive(&[author.expose(), peer.expose()], &[], &[labels::CHAT_EITHER])
}

/// Where a person stands in the key tree.
pub fn person_tag(key: &TagKey, user_id: &[u8]) -> Tag {
    tag(key, labels::TAG_PERSON, user_id)
}

/// Where a handle stands in the key tree.
pub fn handle_tag(key: &TagKey, handle: &Handle) -> Tag {
    tag(key, labels::TAG_HANDLE, handle.as_bytes())
}

fn tag(key: &TagKey, domain: &[u8], value: &[u8]) -> Tag {
    let mut mac = [0; 32];
    wiped_shallow(|| hmac(key.expose(), &[domain, value], &mut mac));
    let mut tag = [0; 16];
    tag.iter_mut().zip(mac).for_each(|(to, from)| *to = from);
    Tag(tag)
}

/// A number of 48 bits that nobody can compute, or confirm a guess of, without this key; from 2 on.
pub fn keyed_number(key: &ObjectKey, value: &[u8]) -> u64 {
    let mut mac = [0; 32];
    wiped_shallow(|| hmac(key.expose(), &[labels::ANSWER_NUMBER, value], &mut mac));
    let number = mac.first_chunk::<8>().map_or(0, |bytes| u64::from_be_bytes(*bytes) >> 16);
    number.max(2)
}

/// A key that takes both: a leaf's, and a value that is kept nowhere.
pub fn answer_key(key: &ObjectKey, value: &[u8]) -> ObjectKey {
    ObjectKey::fill(|out| wiped_shallow(|| hmac(key.expose(), &[labels::ANSWER_KEY, value], out)))
}

/// HMAC-SHA256 of the concatenated parts, written where it will live. Leaves the key on the stack, padded: callers wipe that.
pub(crate) fn hmac(key: &[u8], parts: &[&[u8]], out: &mut [u8; 32]) {
    keyed(key, parts).finalize_into(out.into());
}

/// Compares in constant time.
pub(crate) fn verify_hmac(key: &[u8], parts: &[&[u8]], expected: &[u8; 32]) -> bool {
    keyed(key, parts).verify_slice(expected).is_ok()
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn keyed(key: &[u8], parts: &[&[u8]]) -> Hmac<Sha256> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length");
    parts.iter().for_each(|part| mac.update(part));
    mac
}

/// A typed key by HKDF-SHA256. Without a salt give the empty one, which RFC 5869 takes for 32 zero bytes.
#[expect(clippy::expect_used, reason = "every key here has 32 bytes, HKDF gives up to 8160")]
pub(crate) fn derive<K: Secret>(ikm: &[&[u8]], salt: &[u8], info: &[&[u8]]) -> K {
    K::fill(|key| wiped(|| hkdf(ikm, salt, info, key).expect("32 bytes")))
}

fn hkdf(ikm: &[&[u8]], salt: &[u8], info: &[&[u8]], out: &mut [u8]) -> Result<(), InvalidLength> {
    let mut extract = HkdfExtract::<Sha256>::new(Some(salt));
    ikm.iter().for_each(|part| extract.input_ikm(part));
    let (mut prk, expand) = extract.finalize();
    prk.as_mut_slice().zeroize();
    expand.expand_multi_info(info, out)
}

#[cfg(test)]
mod tests;
