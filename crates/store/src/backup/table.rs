//! The table of a segment: which keys it says something about, and what (docs/formats.md, section 14).

use crate::rows::KEY_LEN;

/// A content row's key.
pub(super) type Key = [u8; KEY_LEN];
/// Tells two values of one key apart: the first bytes of the value's salt.
pub(super) type Tag = [u8; 8];

/// What a segment says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// There is no such row any more.
    Removed,
    /// A row of so many bytes, and that is all.
    Row { tag: Tag, row: u16 },
    /// A part of a row's body, and with its first part the row.
    Body { tag: Tag, row: u16, body: u64, at: u64, part: u32 },
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) what: What,
}

impl Entry {
    /// Bytes of row and of the part of a body that the data holds for it.
    pub(super) fn lengths(&self) -> (usize, usize) {
        match self.what {
            What::Removed => (0, 0),
            What::Row { row, .. } => (usize::from(row), 0),
            What::Body { row, part, .. } => (usize::from(row), part as usize),
        }
    }

    /// By what entries ascend.
    fn order(&self) -> (Key, u64) {
        match self.what {
            What::Body { at, .. } => (self.key, at),
            What::Removed | What::Row { .. } => (self.key, 0),
        }
    }
}

/// Bytes that two keys begin with in common.
fn shared(a: &Key, b: &Key) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Appends an entry. `before` is the one before it in the table.
pub(super) fn push(table: &mut Vec<u8>, before: Option<&Entry>, entry: &Entry) {
    let common = before.map_or(0, |before| shared(&before.key, &entry.key));
    let kind = match entry.what {
        What::Removed => 0,
        What::Row { .. } => 1,
        What::Body { .. } => 2,
    };
    table.push(kind);
    table.push(u8::try_from(common).unwrap_or_default());
    table.extend(entry.key.iter().skip(common));
    match &entry.what {
        What::Removed => {}
        What::Row { tag, row } => {
            table.extend(tag);
            table.extend(row.to_be_bytes());
        }
        What::Body { tag, row, body, at, part } => {
            table.extend(tag);
            table.extend(row.to_be_bytes());
            table.extend(body.to_be_bytes());
            table.extend(at.to_be_bytes());
            table.extend(part.to_be_bytes());
        }
    }
}

/// Why a table cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BadTable;

/// A table that is read from its beginning to its end.
#[derive(Debug)]
pub(super) struct Entries {
    bytes: Vec<u8>,
    at: usize,
    last: Option<Entry>,
}

impl Entries {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0, last: None }
    }

    /// The next entry, `None` at the end. What is not written as [`push`] writes it, or does not ascend, is refused.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, BadTable> {
        if self.at == self.bytes.len() {
            return Ok(None);
        }
        let [kind, common] = self.take()?;
        let mut key = self.last.map_or([0; KEY_LEN], |last| last.key);
        let common = usize::from(common);
        let rest = key.get_mut(common..).ok_or(BadTable)?;
        let length = rest.len();
        rest.copy_from_slice(self.bytes.get(self.at..self.at + length).ok_or(BadTable)?);
        self.at += length;
        let what = match kind {
            0 => What::Removed,
            1 => What::Row { tag: self.take()?, row: u16::from_be_bytes(self.take()?) },
            2 => What::Body {
                tag: self.take()?,
                row: u16::from_be_bytes(self.take()?),
                body: u64::from_be_bytes(self.take()?),
                at: u64::from_be_bytes(self.take()?),
                part: u32::from_be_bytes(self.take()?),
            },
            _ => return Err(BadTable),
        };
        let entry = Entry { key, what };
        if common != self.last.as_ref().map_or(0, |last| shared(&last.key, &key)) {
            return Err(BadTable);
        }
        // Only parts of one body share a key, and they are distinct by where they begin.
        let both = |last: &Entry| matches!((last.what, what), (What::Body { .. }, What::Body { .. }));
        if self.last.is_some_and(|last| last.order() >= entry.order() || (last.key == key && !both(&last))) {
            return Err(BadTable);
        }
        self.last = Some(entry);
        Ok(Some(entry))
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], BadTable> {
        let bytes = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk::<N>()).ok_or(BadTable)?;
        self.at += N;
        Ok(*bytes)
    }
}
