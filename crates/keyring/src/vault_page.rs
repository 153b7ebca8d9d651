//! The vault page: the vault's own keys, its queues, and the facts of the last deletion.

use oubliette_crypto::{AnchorKey, Handle, PageBody, PageId, PageKind, PageRef, Tag, TagKey};

use crate::chain::{read_chain, write_chain};
use crate::codec::{BodyWriter, Malformed, Reader};
use crate::error::{KeyringError, malformed};
use crate::pages::{Open, Pages, Staged};

/// The decoded vault page.
pub(crate) struct VaultPage {
    pub(crate) keys: VaultKeys,
    /// Seconds since the Unix epoch.
    pub(crate) created: i64,
    pub(crate) queues: Queues,
    pub(crate) last_deletion: LastDeletion,
    /// The chains' pages, which die when the queues are rewritten.
    pub(crate) sweep: Option<PageRef>,
    intents: Option<PageRef>,
    pages: Vec<PageId>,
}

/// Keys that live as long as the vault.
pub(crate) struct VaultKeys {
    pub(crate) tag: TagKey,
    pub(crate) anchor: AnchorKey,
}

impl VaultKeys {
    pub(crate) fn duplicate(&self) -> Result<Self, KeyringError> {
        Ok(Self {
            tag: TagKey::from_slice(self.tag.expose())?,
            anchor: AnchorKey::from_slice(self.anchor.expose())?,
        })
    }
}

/// Work that outlives a crash, and is forgotten when it is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Queues {
    /// Handles of erased people whose rows still lie about.
    pub(crate) sweep: Vec<Handle>,
    /// People who are blocked and wait for their erasure.
    pub(crate) intents: Vec<Tag>,
}

/// The last deletion as far as its own root page can know it: with the root pointer's hash it makes the ledger's record, should
/// a crash have come between the two.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LastDeletion {
    pub(crate) generation_before: u64,
    /// 0: there was none yet.
    pub(crate) generation_after: u64,
    pub(crate) root_before: [u8; 32],
    pub(crate) time: i64,
    pub(crate) removed: u32,
}

impl VaultPage {
    /// The page of a new vault.
    pub(crate) fn fresh(created: i64) -> Result<Self, KeyringError> {
        Ok(Self {
            keys: VaultKeys { tag: TagKey::generate()?, anchor: AnchorKey::generate()? },
            created,
            queues: Queues::default(),
            last_deletion: LastDeletion::default(),
            sweep: None,
            intents: None,
            pages: Vec::new(),
        })
    }

    pub(crate) fn read(open: &mut Open<'_>, page: &PageRef) -> Result<Self, KeyringError> {
        let body = open(PageKind::Vault, page)?;
        let (mut vault, sweep, intents) = Self::decode(&body).map_err(malformed("vault"))?;
        let (handles, mut ids) = read_chain(open, vault.sweep.as_ref(), sweep * 16)?;
        let (tags, more) = read_chain(open, vault.intents.as_ref(), intents * 16)?;
        ids.extend(more);
        vault.queues = Queues {
            sweep: handles.as_chunks().0.iter().map(|id| Handle(*id)).collect(),
            intents: tags.as_chunks().0.iter().map(|tag| Tag(*tag)).collect(),
        };
        vault.pages = ids;
        Ok(vault)
    }

    /// The next vault page, written under fresh keys. Chains that did not change keep their pages.
    pub(crate) fn rewrite(
        &self,
        pages: &Pages,
        staged: &mut Staged,
        queues: Queues,
        last_deletion: LastDeletion,
    ) -> Result<(Self, PageRef), KeyringError> {
        let keys = self.keys.duplicate()?;
        let (sweep, intents, ids) = if queues == self.queues {
            (duplicate(self.sweep.as_ref())?, duplicate(self.intents.as_ref())?, self.pages.clone())
        } else {
            staged.dead.extend(&self.pages);
            let before = staged.pages.len();
            let handles: Vec<u8> = queues.sweep.iter().flat_map(|handle| handle.0).collect();
            let tags: Vec<u8> = queues.intents.iter().flat_map(|tag| tag.0).collect();
            let sweep = write_chain(pages, staged, &handles)?;
            let intents = write_chain(pages, staged, &tags)?;
            (sweep, intents, staged.pages.iter().skip(before).map(|(id, _)| *id).collect())
        };
        let next = Self { keys, created: self.created, queues, last_deletion, sweep, intents, pages: ids };
        let page = staged.write(&pages.vault, PageKind::Vault, next.encode().map_err(malformed("vault"))?)?;
        Ok((next, page))
    }

    /// The heads of the chains.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &PageRef> {
        self.sweep.iter().chain(&self.intents)
    }

    pub(crate) fn encode(&self) -> Result<PageBody, Malformed> {
        let count = |n: usize| u32::try_from(n).map(u32::to_be_bytes).map_err(|_| Malformed);
        let last = &self.last_deletion;
        let mut page = BodyWriter::new();
        page.put(self.keys.tag.expose())?
            .put(self.keys.anchor.expose())?
            .put(&self.created.to_be_bytes())?
            .page_ref(self.sweep.as_ref())?
            .put(&count(self.queues.sweep.len())?)?
            .page_ref(self.intents.as_ref())?
            .put(&count(self.queues.intents.len())?)?
            .put(&last.generation_before.to_be_bytes())?
            .put(&last.generation_after.to_be_bytes())?
            .put(&last.root_before)?
            .put(&last.time.to_be_bytes())?
            .put(&last.removed.to_be_bytes())?;
        Ok(page.finish())
    }

    /// The page without its queues, and how long they are.
    pub(crate) fn decode(body: &PageBody) -> Result<(Self, usize, usize), Malformed> {
        let mut fields = Reader::new(body.expose());
        let keys = VaultKeys {
            tag: TagKey::from_slice(fields.take(32)?).map_err(|_| Malformed)?,
            anchor: AnchorKey::from_slice(fields.take(32)?).map_err(|_| Malformed)?,
        };
        let created = fields.i64()?;
        let (sweep, handles) = (fields.page_ref()?, fields.u32()? as usize);
        let (intents, tags) = (fields.page_ref()?, fields.u32()? as usize);
        let last_deletion = LastDeletion {
            generation_before: fields.u64()?,
            generation_after: fields.u64()?,
            root_before: fields.array()?,
            time: fields.i64()?,
            removed: fields.u32()?,
        };
        fields.rest_is_zero()?;
        let queues = Queues::default();
        Ok((Self { keys, created, queues, last_deletion, sweep, intents, pages: Vec::new() }, handles, tags))
    }
}

fn duplicate(page: Option<&PageRef>) -> Result<Option<PageRef>, KeyringError> {
    Ok(page.map(PageRef::duplicate).transpose()?)
}
