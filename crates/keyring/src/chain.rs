//! Lists longer than a page: a chain of pages, each with the key of the next. A list is always rewritten as a whole, so that
//! what was taken out of it dies with the next root.

use oubliette_crypto::{PageId, PageKind, PageRef};
use zeroize::Zeroizing;

use crate::codec::{BodyWriter, Reader};
use crate::error::{KeyringError, malformed};
use crate::pages::{Open, Pages, Staged};

const HEAD: usize = PageRef::LEN + 2;
/// Bytes of the list in one page.
const PART: usize = oubliette_crypto::PAGE_BODY - HEAD;
/// Longest list: far above what any queue or block list reaches, and a bound for what damage could make us read.
const LONGEST: usize = 64 << 20;

/// Writes `bytes` as a chain; `None` if there are none.
pub(crate) fn write_chain(
    pages: &Pages,
    staged: &mut Staged,
    bytes: &[u8],
) -> Result<Option<PageRef>, KeyringError> {
    if bytes.len() > LONGEST {
        return Err(KeyringError::TooLarge { what: "a list", got: bytes.len(), allowed: LONGEST });
    }
    let mut next = None;
    for part in bytes.chunks(PART).rev() {
        let length = u16::try_from(part.len()).unwrap_or(u16::MAX).to_be_bytes();
        let mut page = BodyWriter::new();
        page.page_ref(next.as_ref())
            .and_then(|page| page.put(&length)?.put(part))
            .map_err(malformed("chain"))?;
        next = Some(staged.write(&pages.vault, PageKind::Chain, page.finish())?);
    }
    Ok(next)
}

/// The bytes of a chain and the pages it stands in.
pub(crate) fn read_chain(
    open: &mut Open<'_>,
    head: Option<&PageRef>,
    expected: usize,
) -> Result<(Zeroizing<Vec<u8>>, Vec<PageId>), KeyringError> {
    if expected > LONGEST || (expected == 0) != head.is_none() {
        return Err(KeyringError::Corrupt { role: "chain" });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected));
    let mut ids = Vec::new();
    let mut next = head.map(PageRef::duplicate).transpose()?;
    while let Some(page) = next {
        let body = open(PageKind::Chain, &page)?;
        let mut fields = Reader::new(body.expose());
        let (follows, part) = fields
            .page_ref()
            .and_then(|follows| {
                let length = fields.u16()?;
                Ok((follows, fields.take(length.into())?))
            })
            .map_err(malformed("chain"))?;
        ids.push(page.id);
        if part.is_empty() || bytes.len() + part.len() > expected {
            return Err(KeyringError::Corrupt { role: "chain" });
        }
        bytes.extend_from_slice(part);
        next = follows;
    }
    if bytes.len() == expected { Ok((bytes, ids)) } else { Err(KeyringError::Corrupt { role: "chain" }) }
}
