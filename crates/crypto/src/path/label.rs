//! The four parts of a leaf's name.

use crate::CryptoError;

/// What kind of content a subtree holds; the first 8 bits of every path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Game saves: a compartment is a slot of a game, an item a version.
    Saves = 1,
    /// One's own side of conversations: an item is a message.
    Chat = 2,
    /// Platform credentials.
    Credentials = 3,
    /// Anything else a platform keeps about the person.
    Records = 4,
    /// Settings, consents given, shares.
    Profile = 5,
}

impl Class {
    /// All classes, ascending.
    pub const ALL: [Self; 5] = [Self::Saves, Self::Chat, Self::Credentials, Self::Records, Self::Profile];
}

impl TryFrom<u8> for Class {
    type Error = CryptoError;

    fn try_from(byte: u8) -> Result<Self, CryptoError> {
        Self::ALL.into_iter().find(|class| *class as u8 == byte).ok_or(CryptoError::OutOfRange {
            what: "class",
            got: byte.into(),
            allowed: "1 to 5",
        })
    }
}

/// The two halves of a compartment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Branch {
    /// Its name and settings.
    Meta = 0,
    /// Its content.
    Items = 1,
}

impl TryFrom<u8> for Branch {
    type Error = CryptoError;

    fn try_from(byte: u8) -> Result<Self, CryptoError> {
        match byte {
            0 => Ok(Self::Meta),
            1 => Ok(Self::Items),
            _ => Err(CryptoError::OutOfRange { what: "branch", got: byte.into(), allowed: "0 or 1" }),
        }
    }
}

/// One place for one value, ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leaf {
    /// What kind of content.
    pub class: Class,
    /// Dense counter of the class, from 1.
    pub compartment: u32,
    /// Which half of the compartment.
    pub branch: Branch,
    /// Dense counter of the branch, from 1.
    pub seq: u64,
}
