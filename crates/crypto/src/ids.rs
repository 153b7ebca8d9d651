//! Random names of vaults, people and pages. Public, unlike the types of [`crate::secret`].

use std::fmt;

use crate::CryptoError;
use crate::secret::fill_random;

/// A page's random name.
pub type PageId = [u8; 12];

/// 12 fresh random bytes to name a page.
pub fn random_page_id() -> Result<PageId, CryptoError> {
    let mut id = [0; 12];
    fill_random(&mut id)?;
    Ok(id)
}

macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// 16 fresh random bytes.
            pub fn random() -> Result<Self, CryptoError> {
                let mut id = [0; 16];
                fill_random(&mut id)?;
                Ok(Self(id))
            }
            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }

        /// Lower-case hexadecimal: the bytes are random and name nobody by themselves.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

random_id!(
    /// One vault. Part of every page header and object context, so that nothing moves between vaults.
    VaultId
);
random_id!(
    /// A person's random name in row keys and in other people's trees. All zero is reserved for the vault's own rows.
    Handle
);
random_id!(
    /// A person's random name in the audit trail.
    Pseudonym
);
random_id!(
    /// One deletion of one person, as it was asked for.
    JobId
);

/// Position in the key tree: a keyed hash of a user id or handle. Computed from a user id, so it stands nowhere outside
/// the key tree and is never printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(pub [u8; 16]);

impl Tag {
    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tag(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_fresh_and_print_as_hex() {
        assert_ne!(Handle::random().unwrap(), Handle::random().unwrap());
        assert_ne!(random_page_id().unwrap(), random_page_id().unwrap());
        let handle = Handle([0xab; 16]);
        assert_eq!(handle.to_string(), "ab".repeat(16));
        assert_eq!(format!("{handle:?}"), format!("Handle({})", "ab".repeat(16)));
    }

    #[test]
    fn a_tag_is_not_printed() {
        assert_eq!(format!("{:?}", Tag([0xab; 16])), "Tag(..)");
    }
}
