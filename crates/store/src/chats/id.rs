//! Message ids: opaque outside, the same in both views.

use std::cmp::Ordering;

use data_encoding::BASE64URL_NOPAD;
use oubliette_crypto::Handle;
use oubliette_crypto::object::SALT_LEN;

use crate::VaultError;
use crate::rows::Value;

/// base64url(order:8 ‖ side:1 ‖ seq:8 ‖ the first 4 bytes of the row's salt).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MessageId {
    pub(super) order: u64,
    /// 0 if the author's handle is the smaller of the two.
    pub(super) side: u8,
    pub(super) seq: u64,
    /// Makes ids unguessable, and different where a restored backup repeats a seq.
    pub(super) random: [u8; 4],
}

impl MessageId {
    pub(super) fn encode(&self) -> String {
        let mut bytes = [0; 21];
        let fields = self.order.to_be_bytes().into_iter().chain([self.side]).chain(self.seq.to_be_bytes());
        bytes.iter_mut().zip(fields.chain(self.random)).for_each(|(to, from)| *to = from);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// # Errors
    /// [`VaultError::Invalid`] naming the field.
    pub(super) fn parse(field: &'static str, id: &str) -> Result<Self, VaultError> {
        Self::decode(id).ok_or_else(|| VaultError::invalid(field, "is not the id of a message"))
    }

    fn decode(id: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(id.as_bytes()).ok()?;
        let (order, rest) = bytes.split_first_chunk::<8>()?;
        let (side, rest) = rest.split_first()?;
        let (seq, random) = rest.split_first_chunk::<8>()?;
        let id = Self {
            order: u64::from_be_bytes(*order),
            side: *side,
            seq: u64::from_be_bytes(*seq),
            random: random.try_into().ok()?,
        };
        (id.side <= 1 && id.seq > 0).then_some(id)
    }
}

/// Which side an author is on.
pub(super) fn side(author: Handle, other: Handle) -> u8 {
    u8::from(author.cmp(&other) == Ordering::Greater)
}

/// The random part of a stored message's id.
pub(super) fn random(row: &[u8]) -> [u8; 4] {
    let salt = Value::parse(row).and_then(|value| value.sealed.first_chunk::<SALT_LEN>());
    salt.and_then(|salt| salt.first_chunk()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_round_trip(order: u64, side in 0u8..=1, seq in 1u64.., random: [u8; 4]) {
            let id = MessageId { order, side, seq, random };
            prop_assert_eq!(MessageId::parse("id", &id.encode()).unwrap(), id);
        }

        #[test]
        fn what_is_no_id_is_refused(text in "[A-Za-z0-9_=-]{0,40}") {
            if let Ok(id) = MessageId::parse("before", &text) {
                prop_assert_eq!(id.encode(), text);
            }
        }
    }
}
