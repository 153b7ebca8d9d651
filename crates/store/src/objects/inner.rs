//! A value within a value: a message of policy *either*, sealed under a key that two leaves make together and kept as the content of its
//! author's value. Layout: docs/formats.md, section 8.

use oubliette_crypto::kdf::derive_either_key;
use oubliette_crypto::object::{open_small, seal_small};
use oubliette_crypto::{Kind, Policy};
use oubliette_keyring::KeyLease;
use zeroize::Zeroizing;

use super::head::{Facts, Head};
use super::seal::small_plain;
use crate::VaultError;
use crate::person::Person;
use crate::rows::Place;

/// What stands inside: facts and content.
pub(crate) type Inside = (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>);

impl Person {
    /// Seals for this place, which is the author's. The leases are those of the author's leaf and of the peer's; the key that they make
    /// does not outlive the call.
    pub(crate) fn seal_inner(
        &self,
        place: Place,
        (author, peer): (&KeyLease, &KeyLease),
        created: u64,
        facts: &[u8],
        content: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let plain = small_plain(place, created, facts, content)?;
        let key = derive_either_key(author.key(), peer.key());
        Ok(seal_small(&key, &self.context(place, Policy::Either, Kind::Inner), &plain)?)
    }

    /// The inverse; `Corrupt` if these bytes were not sealed so.
    pub(crate) fn open_inner(
        &self,
        place: Place,
        (author, peer): (&KeyLease, &KeyLease),
        sealed: &[u8],
    ) -> Result<Inside, VaultError> {
        let corrupt = || VaultError::Corrupt { what: place.describe(&self.handle()) };
        let key = derive_either_key(author.key(), peer.key());
        let context = self.context(place, Policy::Either, Kind::Inner);
        let plain = open_small(&key, &context, sealed).map_err(|_| corrupt())?;
        let (head, rest) = Head::decode(&plain).ok_or_else(corrupt)?;
        let length = usize::try_from(head.content_len).map_err(|_| corrupt())?;
        let content = rest.get(..length).ok_or_else(corrupt)?;
        match head {
            Head { body: None, facts: Facts::Here(facts), .. } => {
                Ok((facts, Zeroizing::new(content.to_vec())))
            }
            _ => Err(corrupt()),
        }
    }
}
