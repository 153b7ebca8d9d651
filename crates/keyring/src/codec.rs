//! Reading and filling fixed layouts without an index that could panic. Whatever is wrong is one error, [`Malformed`]; the
//! caller names the record.

use oubliette_crypto::{PageBody, PageRef};

/// Stored bytes do not follow their layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Takes fields off the front of a record.
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }
    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (field, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(field)
    }
    /// A field without secrets: the array is a copy that nobody wipes.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*field)
    }
    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }
    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }
    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }
    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }
    pub(crate) fn i64(&mut self) -> Result<i64, Malformed> {
        Ok(i64::from_be_bytes(self.array()?))
    }
    /// A page reference, or `None` where all 44 bytes are zero.
    pub(crate) fn page_ref(&mut self) -> Result<Option<PageRef>, Malformed> {
        let bytes = self.take(PageRef::LEN)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        PageRef::decode(bytes).map(Some).map_err(|_| Malformed)
    }
    /// The next `length` bytes must be zero.
    pub(crate) fn zeros(&mut self, length: usize) -> Result<(), Malformed> {
        if self.take(length)?.iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Malformed) }
    }
    /// Everything left must be zero.
    pub(crate) fn rest_is_zero(mut self) -> Result<(), Malformed> {
        self.zeros(self.0.len())
    }
    /// Nothing may be left.
    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

/// Puts fields into a zeroed page body, one after the other.
pub(crate) struct BodyWriter {
    body: PageBody,
    at: usize,
}

impl BodyWriter {
    pub(crate) fn new() -> Self {
        Self { body: PageBody::zeroed(), at: 0 }
    }
    pub(crate) fn put(&mut self, field: &[u8]) -> Result<&mut Self, Malformed> {
        self.slot(field.len())?.copy_from_slice(field);
        Ok(self)
    }
    pub(crate) fn page_ref(&mut self, page: Option<&PageRef>) -> Result<&mut Self, Malformed> {
        let slot = self.slot(PageRef::LEN)?;
        if let Some(page) = page {
            page.encode_into(slot.first_chunk_mut().ok_or(Malformed)?);
        }
        Ok(self)
    }
    pub(crate) fn skip(&mut self, length: usize) -> Result<&mut Self, Malformed> {
        self.slot(length)?;
        Ok(self)
    }
    pub(crate) fn finish(self) -> PageBody {
        self.body
    }

    fn slot(&mut self, length: usize) -> Result<&mut [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed)?;
        let slot = self.body.expose_mut().get_mut(self.at..end).ok_or(Malformed)?;
        self.at = end;
        Ok(slot)
    }
}
