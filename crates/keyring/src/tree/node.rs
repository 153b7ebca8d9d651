//! Inner pages and the root page.

use oubliette_crypto::{CryptoError, PageBody, PageKind, PageRef, Tag};

use super::LEAF_ENTRIES;
use crate::codec::{BodyWriter, Malformed, Reader};

/// A subtree as its parent names it. The population says what kind of page it is.
pub(crate) struct Child {
    pub(crate) page: PageRef,
    pub(crate) population: u32,
}

impl Child {
    pub(crate) fn kind(&self) -> PageKind {
        if self.population <= LEAF_ENTRIES { PageKind::Leaf } else { PageKind::Inner }
    }
    pub(crate) fn duplicate(&self) -> Result<Self, CryptoError> {
        Ok(Self { page: self.page.duplicate()?, population: self.population })
    }
}

/// The sixteen children of an inner page or of the root, by the next four bits of the tag.
#[derive(Default)]
pub(crate) struct Children(pub(crate) [Option<Child>; 16]);

impl Children {
    pub(crate) fn of(&self, tag: &Tag, depth: usize) -> Option<&Child> {
        self.0.get(nibble(tag, depth)).and_then(Option::as_ref)
    }
    pub(crate) fn population(&self) -> u64 {
        self.0.iter().flatten().map(|child| u64::from(child.population)).sum()
    }

    fn encode(&self, page: &mut BodyWriter) -> Result<(), Malformed> {
        for child in &self.0 {
            let population = child.as_ref().map_or(0, |child| child.population);
            page.page_ref(child.as_ref().map(|child| &child.page))?.put(&population.to_be_bytes())?;
        }
        Ok(())
    }
    fn decode(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut children = Self::default();
        for slot in &mut children.0 {
            *slot = match (fields.page_ref()?, fields.u32()?) {
                (None, 0) => None,
                (Some(page), population @ 1..) => Some(Child { page, population }),
                _ => return Err(Malformed),
            };
        }
        Ok(children)
    }
}

/// What the root page says.
pub(crate) struct RootNode {
    /// People in the vault, the blocked included, the fences not.
    pub(crate) persons: u64,
    pub(crate) vault_page: PageRef,
    pub(crate) children: Children,
}

impl RootNode {
    pub(crate) fn encode(&self) -> Result<PageBody, Malformed> {
        let mut page = BodyWriter::new();
        page.put(&self.persons.to_be_bytes())?.page_ref(Some(&self.vault_page))?;
        self.children.encode(&mut page)?;
        Ok(page.finish())
    }
    pub(crate) fn decode(page: &PageBody) -> Result<Self, Malformed> {
        let mut fields = Reader::new(page.expose());
        let persons = fields.u64()?;
        let vault_page = fields.page_ref()?.ok_or(Malformed)?;
        let children = Children::decode(&mut fields)?;
        fields.rest_is_zero()?;
        Ok(Self { persons, vault_page, children })
    }
}

pub(super) fn encode_inner(children: &Children) -> Result<PageBody, Malformed> {
    let mut page = BodyWriter::new();
    children.encode(&mut page)?;
    Ok(page.finish())
}

/// The children of an inner page that must hold `population` entries.
pub(super) fn decode_inner(page: &PageBody, population: u32) -> Result<Children, Malformed> {
    let mut fields = Reader::new(page.expose());
    let children = Children::decode(&mut fields)?;
    fields.rest_is_zero()?;
    if children.population() == u64::from(population) { Ok(children) } else { Err(Malformed) }
}

/// One child of an inner page; the other keys are not touched.
pub(super) fn child_of(page: &PageBody, tag: &Tag, depth: usize) -> Result<Option<Child>, Malformed> {
    const CHILD: usize = PageRef::LEN + 4;
    let mut fields = Reader::new(page.expose());
    fields.take(nibble(tag, depth) * CHILD)?;
    match (fields.page_ref()?, fields.u32()?) {
        (None, 0) => Ok(None),
        (Some(page), population @ 1..) => Ok(Some(Child { page, population })),
        _ => Err(Malformed),
    }
}

/// Four bits of a tag, the most significant first.
pub(crate) fn nibble(tag: &Tag, depth: usize) -> usize {
    let byte = tag.as_bytes().get(depth / 2).copied().unwrap_or(0);
    usize::from(if depth.is_multiple_of(2) { byte >> 4 } else { byte & 15 })
}
