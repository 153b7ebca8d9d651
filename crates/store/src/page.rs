//! Lists in pages.

use data_encoding::BASE64URL_NOPAD;

use crate::VaultError;

/// Most items in one page.
pub const MAX_PAGE: usize = 1000;
const DEFAULT_PAGE: usize = 100;

/// Which part of a list.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// At most so many items: 1 to 1,000, 100 if not said.
    pub limit: Option<usize>,
    /// [`Listed::next_cursor`] of the page before.
    pub cursor: Option<String>,
}

/// A part of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one. Opaque.
    pub next_cursor: Option<String>,
}

impl Page {
    pub(crate) fn limit(&self) -> Result<usize, VaultError> {
        limit(self.limit)
    }

    pub(crate) fn after<const N: usize>(&self) -> Result<Option<[u8; N]>, VaultError> {
        let Some(cursor) = &self.cursor else { return Ok(None) };
        let bytes = BASE64URL_NOPAD.decode(cursor.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Some).ok_or_else(|| VaultError::invalid("cursor", "is not one that this list gave out"))
    }
}

impl<T> Listed<T> {
    pub(crate) fn end(items: Vec<T>) -> Self {
        Self { items, next_cursor: None }
    }

    pub(crate) fn more<const N: usize>(items: Vec<T>, cursor: Option<[u8; N]>) -> Self {
        Self { items, next_cursor: cursor.map(|cursor| BASE64URL_NOPAD.encode(&cursor)) }
    }
}

pub(crate) fn limit(asked: Option<usize>) -> Result<usize, VaultError> {
    match asked.unwrap_or(DEFAULT_PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        _ => Err(VaultError::invalid("limit", format!("must be from 1 to {MAX_PAGE}"))),
    }
}
