//! Entries of the key tree and the leaf page that holds them.

use oubliette_crypto::{Handle, PageBody, PageRef, Tag};

use super::LEAF_ENTRIES;
use crate::codec::{BodyWriter, Malformed, Reader};
use crate::records::{Fence, PlacedFence};

const BLOCKED: u8 = 1;
const WAITS: u8 = 2;
const ENTRY: usize = 64;

/// What an entry says about its tag. The order is that of the stored kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum EntryKind {
    Person = 1,
    Handle = 2,
    Fence = 3,
}

/// Position of an entry. Tags are MACs, so equal tags of different kinds happen only for a person and their own fence.
pub(crate) type EntryKey = (Tag, EntryKind);

/// One entry of the key tree.
pub(crate) enum Entry {
    /// Leads to a person's state. `waits`: it holds something that time will change, or a legal hold.
    Person { tag: Tag, state: PageRef, blocked: bool, waits: bool },
    /// Leads from a handle to a person.
    Handle { tag: Tag, person: Tag },
    /// Stands where an erased person stood.
    Fence(PlacedFence),
}

impl Entry {
    pub(crate) fn key(&self) -> EntryKey {
        match self {
            Self::Person { tag, .. } => (*tag, EntryKind::Person),
            Self::Handle { tag, .. } => (*tag, EntryKind::Handle),
            Self::Fence(fence) => (fence.tag, EntryKind::Fence),
        }
    }

    fn encode(&self, page: &mut BodyWriter) -> Result<(), Malformed> {
        let (tag, kind) = self.key();
        let flags = match self {
            Self::Person { blocked, waits, .. } => {
                (u8::from(*blocked) * BLOCKED) | (u8::from(*waits) * WAITS)
            }
            Self::Handle { .. } | Self::Fence(_) => 0,
        };
        page.put(tag.as_bytes())?.put(&[kind as u8, flags, 0, 0])?;
        match self {
            Self::Person { state, .. } => page.page_ref(Some(state))?,
            Self::Handle { person, .. } => page.put(person.as_bytes())?.skip(28)?,
            Self::Fence(PlacedFence { fence, .. }) => page
                .put(fence.handle.as_bytes())?
                .put(&fence.erased_at.to_be_bytes())?
                .put(&fence.expires.to_be_bytes())?
                .put(&fence.generation_after.to_be_bytes())?
                .put(&fence.leases_drained.to_be_bytes())?,
        };
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Reader::new(bytes);
        let tag = Tag(fields.array()?);
        let (kind, flags) = (fields.u8()?, fields.u8()?);
        fields.zeros(2)?;
        let entry = match (kind, flags) {
            (1, 0..=3) => Self::Person {
                tag,
                state: fields.page_ref()?.ok_or(Malformed)?,
                blocked: flags & BLOCKED != 0,
                waits: flags & WAITS != 0,
            },
            (2, 0) => Self::Handle { tag, person: Tag(fields.array()?) },
            (3, 0) => Self::Fence(PlacedFence {
                tag,
                fence: Fence {
                    handle: Handle(fields.array()?),
                    erased_at: fields.i64()?,
                    expires: fields.i64()?,
                    generation_after: fields.u64()?,
                    leases_drained: fields.u32()?,
                },
            }),
            _ => return Err(Malformed),
        };
        fields.rest_is_zero()?;
        Ok(entry)
    }
}

/// A leaf page; entries must be sorted and at most 14.
pub(super) fn encode_leaf(entries: &[Entry]) -> Result<PageBody, Malformed> {
    let count = u16::try_from(entries.len()).map_err(|_| Malformed)?;
    let mut page = BodyWriter::new();
    page.put(&count.to_be_bytes())?;
    entries.iter().try_for_each(|entry| entry.encode(&mut page))?;
    Ok(page.finish())
}

/// All entries of a leaf that must hold `population`.
pub(super) fn decode_leaf(page: &PageBody, population: u32) -> Result<Vec<Entry>, Malformed> {
    let entries = slices(page, population)?.map(Entry::decode).collect::<Result<Vec<_>, _>>()?;
    if entries.is_sorted_by(|a, b| a.key() < b.key()) { Ok(entries) } else { Err(Malformed) }
}

/// One entry of a leaf; the others' keys are not touched.
pub(super) fn find_in_leaf(
    page: &PageBody,
    population: u32,
    (tag, kind): EntryKey,
) -> Result<Option<Entry>, Malformed> {
    let wanted = |entry: &&[u8]| entry.starts_with(tag.as_bytes()) && entry.get(16) == Some(&(kind as u8));
    slices(page, population)?.find(wanted).map(Entry::decode).transpose()
}

fn slices(page: &PageBody, population: u32) -> Result<impl Iterator<Item = &[u8]>, Malformed> {
    let mut fields = Reader::new(page.expose());
    let count = u32::from(fields.u16()?);
    if count != population || count > LEAF_ENTRIES {
        return Err(Malformed);
    }
    let entries = fields.take(count as usize * ENTRY)?;
    fields.rest_is_zero()?;
    Ok(entries.chunks_exact(ENTRY))
}
