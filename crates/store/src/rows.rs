//! Row keys and the forms of a row's value (docs/formats.md, section 6).

use std::ops::RangeInclusive;

use oubliette_crypto::{Branch, Class, Handle, Policy};
use oubliette_engine::BlobRef;

use crate::VaultError;

/// Bytes of a content row's key.
pub(crate) const KEY_LEN: usize = 30;
const VERSION: u8 = 1;

/// Where in a person's tree a value lies; also the rest of its row key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) class: Class,
    pub(crate) branch: Branch,
    pub(crate) compartment: u32,
    pub(crate) seq: u64,
}

/// One compartment's branch: the run of rows in which a seq counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Run {
    pub(crate) class: Class,
    pub(crate) branch: Branch,
    pub(crate) compartment: u32,
}

impl Run {
    pub(crate) fn items(class: Class, compartment: u32) -> Self {
        Self { class, branch: Branch::Items, compartment }
    }

    pub(crate) fn meta(class: Class, compartment: u32) -> Self {
        Self { class, branch: Branch::Meta, compartment }
    }

    pub(crate) fn at(self, seq: u64) -> Place {
        Place { class: self.class, branch: self.branch, compartment: self.compartment, seq }
    }
}

impl Place {
    pub(crate) fn run(self) -> Run {
        Run { class: self.class, branch: self.branch, compartment: self.compartment }
    }

    pub(crate) fn key(self, handle: &Handle) -> Vec<u8> {
        let mut key = Vec::with_capacity(KEY_LEN);
        key.extend_from_slice(handle.as_bytes());
        key.push(self.class as u8);
        key.push(self.branch as u8);
        key.extend_from_slice(&self.compartment.to_be_bytes());
        key.extend_from_slice(&self.seq.to_be_bytes());
        key
    }

    /// Handle and place of a content row's key; `None` for the vault's own rows and for what is no key at all.
    pub(crate) fn parse(key: &[u8]) -> Option<(Handle, Self)> {
        let (handle, rest) = key.split_first_chunk::<16>()?;
        let [class, branch, rest @ ..] = rest else { return None };
        let (compartment, rest) = rest.split_first_chunk::<4>()?;
        let seq = <[u8; 8]>::try_from(rest).ok()?;
        if *handle == [0; 16] {
            return None;
        }
        let place = Self {
            class: Class::try_from(*class).ok()?,
            branch: Branch::try_from(*branch).ok()?,
            compartment: u32::from_be_bytes(*compartment),
            seq: u64::from_be_bytes(seq),
        };
        (place.compartment > 0 && place.seq > 0).then_some((Handle(*handle), place))
    }

    /// For error messages: names the row, never its content.
    pub(crate) fn describe(self, handle: &Handle) -> String {
        let Self { class, branch, compartment, seq } = self;
        format!("row {class:?}/{branch:?}/{compartment}/{seq} of handle {handle}")
    }
}

/// Half-open bounds of keys, as the engine takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) from: Vec<u8>,
    pub(crate) to: Vec<u8>,
}

impl Bounds {
    /// Every row of a person.
    pub(crate) fn person(handle: &Handle) -> Self {
        Self::prefix(handle.as_bytes())
    }

    /// One branch of a class.
    pub(crate) fn branch(handle: &Handle, class: Class, branch: Branch) -> Self {
        let mut prefix = handle.as_bytes().to_vec();
        prefix.extend_from_slice(&[class as u8, branch as u8]);
        Self::prefix(&prefix)
    }

    /// A run, from and to the seqs given, both included.
    pub(crate) fn seqs(handle: &Handle, run: Run, seqs: RangeInclusive<u64>) -> Self {
        let to = match seqs.end().checked_add(1) {
            Some(next) => run.at(next).key(handle),
            None => after(run.at(u64::MAX).key(handle)),
        };
        Self { from: run.at(*seqs.start()).key(handle), to }
    }

    /// A whole run.
    pub(crate) fn run(handle: &Handle, run: Run) -> Self {
        Self::seqs(handle, run, 0..=u64::MAX)
    }

    fn prefix(prefix: &[u8]) -> Self {
        Self { from: prefix.to_vec(), to: after(prefix.to_vec()) }
    }
}

/// The least key greater than every key that starts with `prefix`.
fn after(mut prefix: Vec<u8>) -> Vec<u8> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return prefix;
        }
    }
    vec![u8::MAX; 64]
}

/// Which of the values that make up one message a row holds. It stands in clear beside the row's form; the policy that goes with it is in
/// the object's context, so that a value does not open as another part than it was sealed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Part {
    /// All there is.
    Whole = 0,
    /// Chat, *either*: the author's, with the message inside.
    EitherAuthor = 1,
    /// Chat, *either*: the peer's half, of which the leaf is what counts.
    EitherPeer = 2,
    /// Chat, *survivor*: the author's copy.
    SurvivorAuthor = 3,
    /// Chat, *survivor*: the peer's copy.
    SurvivorPeer = 4,
}

impl Part {
    fn read(byte: u8) -> Option<Self> {
        let parts =
            [Self::Whole, Self::EitherAuthor, Self::EitherPeer, Self::SurvivorAuthor, Self::SurvivorPeer];
        parts.get(usize::from(byte)).copied()
    }

    /// Whose erasure takes such a value along; `None` if there is no such value at this place.
    pub(crate) fn policy(self, place: Place) -> Option<Policy> {
        match (self, place.class, place.branch) {
            (Self::Whole, Class::Chat, _) => Some(Policy::Author),
            (Self::Whole, _, _) => Some(Policy::None),
            (Self::EitherAuthor | Self::EitherPeer, Class::Chat, Branch::Items) => Some(Policy::Either),
            (Self::SurvivorAuthor | Self::SurvivorPeer, Class::Chat, Branch::Items) => Some(Policy::Survivor),
            _ => None,
        }
    }
}

/// A row's value, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Value<'a> {
    pub(crate) part: Part,
    /// Of a large value: where the body lies. It goes when the row goes.
    pub(crate) blob: Option<BlobRef>,
    /// The sealed object in the row itself: the whole of a small value, the head of a large one.
    pub(crate) sealed: &'a [u8],
}

impl<'a> Value<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let [VERSION, form, rest @ ..] = bytes else { return None };
        let part = Part::read(form >> 4)?;
        match form & 0x0f {
            0 => Some(Self { part, blob: None, sealed: rest }),
            1 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                let (reference, head) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
                Some(Self { part, blob: Some(BlobRef(reference.to_vec())), sealed: head })
            }
            _ => None,
        }
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, VaultError> {
        let part = (self.part as u8) << 4;
        match &self.blob {
            None => Ok([&[VERSION, part], self.sealed].concat()),
            Some(BlobRef(reference)) => {
                let length = u16::try_from(reference.len()).map_err(|_| VaultError::Other {
                    detail: "a blob reference is too long for its row".into(),
                })?;
                let head = [&[VERSION, part | 1], length.to_be_bytes().as_slice()].concat();
                Ok([&head, reference, self.sealed].concat())
            }
        }
    }
}

/// Rows of uploads and deletions under way: `0¹⁶ ‖ "B" ‖ id`.
pub(crate) mod pending {
    use super::{Bounds, VaultError};

    const PREFIX: [u8; 17] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b'B'];

    /// A fresh key.
    pub(crate) fn fresh() -> Result<Vec<u8>, VaultError> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(|error| VaultError::Other {
            detail: format!("the system gave no randomness: {error}"),
        })?;
        Ok([PREFIX.as_slice(), &id].concat())
    }

    /// All of them.
    pub(crate) fn bounds() -> Bounds {
        Bounds::prefix(&PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(class: u8, meta: bool, compartment: u32, seq: u64) -> Place {
        let branch = if meta { Branch::Meta } else { Branch::Items };
        Place { class: Class::try_from(class).unwrap(), branch, compartment, seq }
    }

    proptest! {
        #[test]
        fn keys_round_trip_and_sort_by_place(
            a in (1u8..=5, any::<bool>(), 1u32.., 1u64..), b in (1u8..=5, any::<bool>(), 1u32.., 1u64..),
        ) {
            let handle = Handle([7; 16]);
            let (a, b) = (place(a.0, a.1, a.2, a.3), place(b.0, b.1, b.2, b.3));
            prop_assert_eq!(Place::parse(&a.key(&handle)), Some((handle, a)));
            prop_assert_eq!(a.cmp(&b), a.key(&handle).cmp(&b.key(&handle)));
            let bounds = Bounds::run(&handle, a.run());
            let inside = bounds.from <= b.key(&handle) && b.key(&handle) < bounds.to;
            prop_assert_eq!(inside, a.run() == b.run());
        }

        #[test]
        fn parsing_never_panics_and_inverts(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            if let Some(value) = Value::parse(&bytes) {
                prop_assert_eq!(value.encode().unwrap(), bytes.clone());
            }
            if let Some((handle, place)) = Place::parse(&bytes) {
                prop_assert_eq!(place.key(&handle), bytes);
            }
        }
    }

    #[test]
    fn the_vaults_own_rows_are_no_content() {
        assert_eq!(Place::parse(&place(1, false, 1, 1).key(&Handle([0; 16]))), None);
        assert_eq!(Place::parse(&pending::fresh().unwrap()), None);
        let bounds = pending::bounds();
        let key = pending::fresh().unwrap();
        assert!(bounds.from <= key && key < bounds.to);
    }

    #[test]
    fn bounds_end_where_the_last_key_ends() {
        let handle = Handle([0xff; 16]);
        let key = place(5, false, u32::MAX, u64::MAX).key(&handle);
        for bounds in [Bounds::person(&handle), Bounds::run(&handle, Run::items(Class::Profile, u32::MAX))] {
            assert!(bounds.from <= key && key < bounds.to);
        }
    }
}
