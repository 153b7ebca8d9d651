//! Values: how content becomes a row (small) or a row and a blob (large), and comes back.
//!
//! [`Person::seal`](crate::person::Person::seal) and its streaming sister decide between the two forms; a [`Draft`] is a value sealed and
//! ready to be committed; an [`Opened`] is one taken apart again. Layout: docs/formats.md, sections 6 and 8.

mod body;
mod frames;
pub(crate) mod fuzz;
mod head;
mod inner;
mod open;
mod seal;
mod upload;

pub(crate) use open::{Content, Opened};
pub(crate) use seal::{Draft, Limits};
pub(crate) use upload::{Upload, forget_blobs, take_back_uploads};

use oubliette_crypto::{Class, Padding};

/// How the values of a class are sealed.
pub(crate) fn padding(class: Class) -> Padding {
    match class {
        Class::Chat | Class::Credentials => Padding::Steps64,
        Class::Saves | Class::Records | Class::Profile => Padding::Padme,
    }
}

/// Compression would tell about chat and credentials by their length.
pub(crate) fn may_compress(class: Class) -> bool {
    matches!(class, Class::Saves | Class::Records)
}
