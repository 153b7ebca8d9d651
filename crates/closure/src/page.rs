//! Pages of the key plane (docs/formats.md, section 4): which they are, and what an open one gives away.

use oubliette_crypto::{PageHeader, PageKey, PageKind, VaultId, open_page};

use crate::fields::Fields;
use crate::fragment::Fragment;
use crate::path::Bits;
use crate::{Key, PageRef};

const PAGE: usize = 1024;

/// What a fence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fence {
    /// Whose it is; zero if that was lost.
    pub handle: [u8; 16],
    /// Seconds since 1970.
    pub erased_at: i64,
    /// First root generation that does not open the person.
    pub generation: u64,
}

/// A page as it was found.
pub struct Sealed<'e> {
    header: PageHeader,
    raw: &'e [u8; PAGE],
}

/// What a page's plaintext leads to.
#[derive(Default)]
pub struct Found {
    /// Pages of any kind but covers whose place is known.
    pub pages: Vec<PageRef>,
    /// Cover pages, with the place in the tree of the fragment in them.
    pub covers: Vec<(Bits, PageRef)>,
    /// Seeds, by place in their person's tree.
    pub seeds: Vec<(Bits, Key)>,
    /// Seeds of a cover page whose place nobody told.
    pub lost_seeds: Vec<Key>,
    /// `K_tag`.
    pub tag_key: Option<Key>,
    /// `K_anchor`.
    pub anchor_key: Option<Key>,
    /// The person of a state page.
    pub handle: Option<[u8; 16]>,
    /// Fences of people who were erased.
    pub fences: Vec<Fence>,
}

impl<'e> Sealed<'e> {
    /// `None` if these bytes are no page.
    pub fn read(raw: &'e [u8]) -> Option<Self> {
        let raw: &[u8; PAGE] = raw.try_into().ok()?;
        let mut fields = Fields(raw);
        if fields.take(3)? != b"OP\x01" {
            return None;
        }
        let kind = kind(fields.u8()?)?;
        Some(Self { header: PageHeader { kind, id: fields.array()?, vault: VaultId(fields.array()?) }, raw })
    }

    /// Its name.
    pub fn id(&self) -> [u8; 12] {
        self.header.id
    }

    /// What it is.
    pub fn kind(&self) -> PageKind {
        self.header.kind
    }

    /// Whose it is.
    pub fn vault(&self) -> [u8; 16] {
        self.header.vault.0
    }

    /// Its plaintext, if this is its key.
    pub fn open(&self, key: &Key) -> Option<Vec<u8>> {
        let key = PageKey::from_slice(key).ok()?;
        open_page(&key, &self.header, self.raw).ok().map(|body| body.expose().to_vec())
    }
}

fn kind(byte: u8) -> Option<PageKind> {
    Some(match byte {
        1 => PageKind::Root,
        2 => PageKind::Inner,
        3 => PageKind::Leaf,
        4 => PageKind::Vault,
        5 => PageKind::State,
        6 => PageKind::Cover,
        7 => PageKind::Chain,
        _ => return None,
    })
}

/// Reads a plaintext. `place`: of a cover page's fragment, if a state or another cover page told it.
pub fn read(kind: PageKind, body: &[u8], place: Option<&Bits>) -> Found {
    let mut found = Found::default();
    let mut fields = Fields(body);
    let _what_is_read_counts = match kind {
        PageKind::Root => root(&mut fields, &mut found),
        PageKind::Inner => children(&mut fields, &mut found),
        PageKind::Leaf => leaf(&mut fields, &mut found),
        PageKind::Vault => vault(&mut fields, &mut found),
        PageKind::State => state(&mut fields, &mut found),
        PageKind::Chain => page_ref(&mut fields, &mut found),
        PageKind::Cover => {
            let fragment = Fragment::read(body, place.cloned().unwrap_or_default());
            found.take(fragment, place.is_some());
            Some(())
        }
    };
    found
}

impl Found {
    fn take(&mut self, fragment: Fragment, placed: bool) {
        if placed {
            self.seeds.extend(fragment.seeds);
            self.covers.extend(fragment.pages);
        } else {
            self.lost_seeds.extend(fragment.seeds.into_iter().map(|(_, seed)| seed));
            self.pages.extend(fragment.pages.into_iter().map(|(_, page)| page));
        }
    }
}

fn root(fields: &mut Fields<'_>, found: &mut Found) -> Option<()> {
    fields.u64()?;
    page_ref(fields, found)?;
    children(fields, found)
}

fn children(fields: &mut Fields<'_>, found: &mut Found) -> Option<()> {
    for _ in 0..16 {
        page_ref(fields, found)?;
        fields.u32()?;
    }
    Some(())
}

fn leaf(fields: &mut Fields<'_>, found: &mut Found) -> Option<()> {
    for _ in 0..fields.u16()? {
        let mut entry = Fields(fields.take(64)?);
        entry.take(16)?;
        let kind = entry.u8()?;
        entry.take(3)?;
        match kind {
            1 => page_ref(&mut entry, found)?,
            3 => {
                let (handle, erased_at) = (entry.array()?, i64::from_be_bytes(entry.array()?));
                entry.take(8)?;
                found.fences.push(Fence { handle, erased_at, generation: entry.u64()? });
            }
            _ => {}
        }
    }
    Some(())
}

fn vault(fields: &mut Fields<'_>, found: &mut Found) -> Option<()> {
    found.tag_key = Some(fields.array()?);
    found.anchor_key = Some(fields.array()?);
    fields.take(8)?;
    for _queue in ["sweep", "intents"] {
        page_ref(fields, found)?;
        fields.u32()?;
    }
    Some(())
}

fn state(fields: &mut Fields<'_>, found: &mut Found) -> Option<()> {
    fields.u8()?;
    found.handle = Some(fields.array()?);
    fields.take(16 + 8 + 2 + 256)?;
    page_ref(fields, found)?;
    fields.u32()?;
    let form = fields.u8()?;
    let length = fields.u16()?.into();
    let cover = fields.take(length)?;
    if form == 0 {
        found.take(Fragment::read(cover, Bits::new()), true);
    } else {
        let mut cover = Fields(cover);
        found.covers.push((Bits::new(), (cover.array()?, cover.array()?)));
    }
    Some(())
}

fn page_ref(fields: &mut Fields<'_>, found: &mut Found) -> Option<()> {
    let page: PageRef = (fields.array()?, fields.array()?);
    if page != ([0; 12], [0; 32]) {
        found.pages.push(page);
    }
    Some(())
}
