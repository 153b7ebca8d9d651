//! The head of a value: true size, codec, times and facts (docs/formats.md, section 8).

use std::num::NonZeroU64;

use oubliette_crypto::Codec;
use oubliette_crypto::object::SALT_LEN;
use zeroize::Zeroizing;

/// Bytes of a small value's head before its facts.
pub(crate) const HEAD_LEN: usize = 28;
/// Longer facts of a large value stand at the end of its body, so that head and blob reference fit a row.
pub(crate) const MAX_INLINE_FACTS: usize = 1024;
/// Most bytes of facts (15 bits; the top bit says where they stand).
pub(crate) const MAX_FACTS: usize = 0x7fff;
const IN_BODY: u16 = 0x8000;
const VERSION: u8 = 1;

/// What stands before (small) or beside (large) a value's content.
pub(crate) struct Head {
    pub(crate) codec: Codec,
    /// Bytes of content.
    pub(crate) content_len: u64,
    /// When it was written, in microseconds since 1970.
    pub(crate) created: u64,
    /// `None` for a small value.
    pub(crate) body: Option<BodyMark>,
    pub(crate) facts: Facts,
}

/// The body that belongs to a head. Two bodies can hang on one leaf (an upload that broke off, rows restored from a backup), and the
/// context cannot tell them apart: the salt does.
#[derive(Clone, Copy)]
pub(crate) struct BodyMark {
    /// Bytes before padding.
    pub(crate) len: NonZeroU64,
    pub(crate) salt: [u8; SALT_LEN],
}

/// What else is known of a value, as JSON.
pub(crate) enum Facts {
    Here(Zeroizing<Vec<u8>>),
    /// So many bytes at the end of the body.
    InBody(usize),
}

impl Head {
    /// `None` if the facts are longer than [`MAX_FACTS`].
    pub(crate) fn encode(&self) -> Option<Zeroizing<Vec<u8>>> {
        let (length, flag, facts) = match &self.facts {
            Facts::Here(facts) => (facts.len(), 0, facts.as_slice()),
            Facts::InBody(length) => (*length, IN_BODY, [].as_slice()),
        };
        let length = u16::try_from(length).ok().filter(|length| usize::from(*length) <= MAX_FACTS)?;
        let mut out = Zeroizing::new(Vec::with_capacity(HEAD_LEN + SALT_LEN + facts.len()));
        out.extend_from_slice(&[VERSION, self.codec as u8]);
        out.extend_from_slice(&self.content_len.to_be_bytes());
        out.extend_from_slice(&self.created.to_be_bytes());
        out.extend_from_slice(&self.body.map_or(0, |body| body.len.get()).to_be_bytes());
        if let Some(body) = &self.body {
            out.extend_from_slice(&body.salt);
        }
        out.extend_from_slice(&(length | flag).to_be_bytes());
        out.extend_from_slice(facts);
        Some(out)
    }

    /// The head and what follows it; `None` if these bytes are no head.
    pub(crate) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let [VERSION, codec, rest @ ..] = bytes else { return None };
        let codec = Codec::try_from(*codec).ok()?;
        let (content_len, rest) = rest.split_first_chunk::<8>()?;
        let (created, rest) = rest.split_first_chunk::<8>()?;
        let (body_len, rest) = rest.split_first_chunk::<8>()?;
        let (body, rest) = match NonZeroU64::new(u64::from_be_bytes(*body_len)) {
            None => (None, rest),
            Some(len) => {
                let (salt, rest) = rest.split_first_chunk::<SALT_LEN>()?;
                (Some(BodyMark { len, salt: *salt }), rest)
            }
        };
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let length = u16::from_be_bytes(*length);
        let (facts, rest) = if length & IN_BODY == 0 {
            let (facts, rest) = rest.split_at_checked(usize::from(length))?;
            (Facts::Here(Zeroizing::new(facts.to_vec())), rest)
        } else {
            (Facts::InBody(usize::from(length & !IN_BODY)), rest)
        };
        let head = Self {
            codec,
            content_len: u64::from_be_bytes(*content_len),
            created: u64::from_be_bytes(*created),
            body,
            facts,
        };
        Some((head, rest))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn decoding_never_panics_and_inverts(
            mut bytes in proptest::collection::vec(any::<u8>(), 0..200), fix: bool, small: bool,
        ) {
            if fix && bytes.len() > HEAD_LEN + SALT_LEN {
                bytes[0] = 1;
                bytes[1] &= 1;
                if small {
                    bytes[18..26].fill(0);
                }
                let facts = if small { 26 } else { 26 + SALT_LEN };
                bytes[facts] &= 0x80;
                bytes[facts + 1] &= 0x3f;
            }
            if let Some((head, rest)) = Head::decode(&bytes) {
                let mut again = head.encode().unwrap().to_vec();
                again.extend_from_slice(rest);
                prop_assert_eq!(again, bytes);
            }
        }
    }

    #[test]
    fn facts_too_long_are_refused() {
        let head = |length| Head {
            codec: Codec::Plain,
            content_len: 0,
            created: 0,
            body: None,
            facts: Facts::Here(Zeroizing::new(vec![0; length])),
        };
        assert!(head(MAX_FACTS).encode().is_some());
        assert!(head(MAX_FACTS + 1).encode().is_none());
    }
}
