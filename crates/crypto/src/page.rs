//! One page of the key plane (docs/formats.md, section 4): 1,024 bytes, sealed once under a fresh key that stands in the
//! parent page. So a page that opens is authentic and current, and without its parent it is noise.

use std::fmt;

use oubliette_locked::Locked;
use zeroize::ZeroizeOnDrop;

use crate::aead::{open_in_place, seal_in_place};
use crate::ids::random_page_id;
use crate::{CryptoError, PageId, PageKey, VaultId};

/// Bytes in a sealed page.
pub const PAGE_SIZE: usize = 1024;
/// Bytes in a page's plaintext.
pub const PAGE_BODY: usize = 976;

const HEADER: usize = 32;
const TAG: usize = 16;
const VERSION: u8 = 1;

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PageKind {
    /// The top of the key tree.
    Root = 1,
    /// An inner page of the key tree.
    Inner = 2,
    /// Entries of the key tree.
    Leaf = 3,
    /// The vault's own keys and queues.
    Vault = 4,
    /// A person's state.
    State = 5,
    /// A fragment of a person's cover.
    Cover = 6,
    /// Part of a list longer than one page.
    Chain = 7,
}

/// Where a page belongs. All of it is authenticated: a page moved to another place does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageHeader {
    /// What the page holds.
    pub kind: PageKind,
    /// Its random name.
    pub id: PageId,
    /// The vault it belongs to.
    pub vault: VaultId,
}

impl PageHeader {
    fn encode(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let fields = [b"OP".as_slice(), &[VERSION, self.kind as u8], &self.id, self.vault.as_bytes()];
        bytes.iter_mut().zip(fields.concat()).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// A page's plaintext, where keys live, wiped on drop. Unused bytes are zero.
pub struct PageBody(Locked<PAGE_BODY>);

impl PageBody {
    /// All zero, to be filled in place.
    pub fn zeroed() -> Self {
        Self(Locked::zeroed())
    }
    /// The plaintext: keys.
    pub fn expose(&self) -> &[u8; PAGE_BODY] {
        self.0.expose()
    }
    /// The plaintext, to be filled in place.
    pub fn expose_mut(&mut self) -> &mut [u8; PAGE_BODY] {
        self.0.expose_mut()
    }
}

// `Locked` wipes what it drops.
impl ZeroizeOnDrop for PageBody {}

impl fmt::Debug for PageBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PageBody(..)")
    }
}

/// A page's name and key, as the parent page holds them.
#[derive(Debug)]
pub struct PageRef {
    /// The page's random name.
    pub id: PageId,
    /// Opens that one writing of the page.
    pub key: PageKey,
}

impl PageRef {
    /// Bytes of the encoded form.
    pub const LEN: usize = 44;

    /// A fresh name and a fresh key, for one write.
    pub fn generate() -> Result<Self, CryptoError> {
        Ok(Self { id: random_page_id()?, key: PageKey::generate()? })
    }
    /// Writes `id ‖ key` into a parent's plaintext, in place.
    pub fn encode_into(&self, out: &mut [u8; Self::LEN]) {
        let (id, key) = out.split_at_mut(12);
        id.copy_from_slice(&self.id);
        key.copy_from_slice(self.key.expose());
    }
    /// Reads `id ‖ key` from a parent's plaintext; exactly 44 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CryptoError> {
        match bytes.split_first_chunk::<12>() {
            Some((id, key)) if bytes.len() == Self::LEN => {
                Ok(Self { id: *id, key: PageKey::from_slice(key)? })
            }
            _ => Err(CryptoError::Length { what: "page reference", got: bytes.len(), expected: Self::LEN }),
        }
    }
    /// The same reference again, for a second parent page of the same commit.
    pub fn duplicate(&self) -> Result<Self, CryptoError> {
        Ok(Self { id: self.id, key: PageKey::from_slice(self.key.expose())? })
    }
}

/// Seals a page under a name and key drawn for this one write.
pub fn seal_fresh_page(
    kind: PageKind,
    vault: &VaultId,
    body: &[u8; PAGE_BODY],
) -> Result<(PageRef, Box<[u8; PAGE_SIZE]>), CryptoError> {
    seal_under(PageRef::generate()?, kind, vault, body)
}

/// As [`seal_fresh_page`], for pages that are to lie together in a store in the order of names: the first two bytes of the name
/// are given, the other ten are random.
pub fn seal_fresh_page_among(
    beginning: [u8; 2],
    kind: PageKind,
    vault: &VaultId,
    body: &[u8; PAGE_BODY],
) -> Result<(PageRef, Box<[u8; PAGE_SIZE]>), CryptoError> {
    let mut page = PageRef::generate()?;
    page.id[..2].copy_from_slice(&beginning);
    seal_under(page, kind, vault, body)
}

fn seal_under(
    page: PageRef,
    kind: PageKind,
    vault: &VaultId,
    body: &[u8; PAGE_BODY],
) -> Result<(PageRef, Box<[u8; PAGE_SIZE]>), CryptoError> {
    let raw = seal_page(&page.key, &PageHeader { kind, id: page.id, vault: *vault }, body)?;
    Ok((page, raw))
}

/// Seals a page. **The nonce is zero: `once` must never have sealed anything else.** Only the root page, whose key is
/// derived, needs this; all others use [`seal_fresh_page`].
pub fn seal_page(
    once: &PageKey,
    header: &PageHeader,
    body: &[u8; PAGE_BODY],
) -> Result<Box<[u8; PAGE_SIZE]>, CryptoError> {
    let mut raw = Box::new([0; PAGE_SIZE]);
    let (head, rest) = raw.split_at_mut(HEADER);
    let (text, tag) = rest.split_at_mut(PAGE_BODY);
    head.copy_from_slice(&header.encode());
    text.copy_from_slice(body);
    tag.copy_from_slice(&seal_in_place(once, head, text)?);
    Ok(raw)
}

/// Opens a page that must stand at `expected`. A wrong key, another header and changed bytes are one error.
pub fn open_page(
    key: &PageKey,
    expected: &PageHeader,
    raw: &[u8; PAGE_SIZE],
) -> Result<PageBody, CryptoError> {
    let (head, rest) = raw.split_at(HEADER);
    let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(CryptoError::Unopenable)?;
    if head != expected.encode() {
        return Err(CryptoError::Unopenable);
    }
    let mut body = PageBody::zeroed();
    body.expose_mut().copy_from_slice(text);
    open_in_place(key, head, body.expose_mut(), tag)?;
    Ok(body)
}

#[cfg(test)]
mod tests;
