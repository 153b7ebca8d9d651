//! A person's deletion, from the wish to the last row (docs/deletion.md).

mod erase;

pub(crate) use erase::unfinished;
