//! The vault page: the vault's own keys, its queues, and the facts of the last deletion.

use oubliette_crypto::{AnchorKey, PageBody, PageId, PageKind, PageRef, Tag, TagKey};

use crate::chain::{read_chain, write_chain};
use crate::codec::{BodyWriter, Malformed, Reader};
use crate::due::Mark;
use crate::error::{KeyringError, malformed};
use crate::pages::{Open, Pages, Staged};
use crate::sweep_entry::SweepEntry;

/// The decoded vault page.
pub(crate) struct VaultPage {
    pub(crate) keys: VaultKeys,
    /// Seconds since the Unix epoch.
    pub(crate) created: i64,
    pub(crate) queues: Queues,
    pub(crate) last_deletion: LastDeletion,
    /// What the time is counted from by which things are forgotten.
    pub(crate) mark: Mark,
    sweep: Stored,
    intents: Stored,
}

/// Where a queue stands: in the vault page while it is short, else in a chain.
#[derive(Default)]
struct Stored {
    chain: Option<PageRef>,
    /// The chain's pages, which die when the queue changes.
    pages: Vec<PageId>,
}

/// Most entries of a queue in the vault page: a lone deletion then rewrites no page for it.
const SWEEP_INLINE: usize = 4;
const INTENTS_INLINE: usize = 14;
/// Bytes of an entry of the intents: a tag.
const TAG: usize = 16;

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
    /// Erased people whose rows still lie about.
    pub(crate) sweep: Vec<SweepEntry>,
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
    pub(crate) fn fresh(created: i64, mark: Mark) -> Result<Self, KeyringError> {
        Ok(Self {
            keys: VaultKeys { tag: TagKey::generate()?, anchor: AnchorKey::generate()? },
            created,
            queues: Queues::default(),
            last_deletion: LastDeletion::default(),
            mark,
            sweep: Stored::default(),
            intents: Stored::default(),
        })
    }

    pub(crate) fn read(open: &mut Open<'_>, page: &PageRef) -> Result<Self, KeyringError> {
        let body = open(PageKind::Vault, page)?;
        let Decoded { mut vault, sweep, intents } = Self::decode(&body).map_err(malformed("vault"))?;
        vault.queues = Queues {
            sweep: entries(&sweep.read(open, &mut vault.sweep)?).map_err(malformed("vault"))?,
            intents: intents.read(open, &mut vault.intents)?.into_iter().map(Tag).collect(),
        };
        Ok(vault)
    }

    /// The next vault page, written under fresh keys. Chains that did not change keep their pages.
    pub(crate) fn rewrite(
        &self,
        pages: &Pages,
        staged: &mut Staged,
        queues: Queues,
        last_deletion: LastDeletion,
        mark: Mark,
    ) -> Result<(Self, PageRef), KeyringError> {
        let keys = self.keys.duplicate()?;
        let sweep = if queues.sweep == self.queues.sweep {
            self.sweep.duplicate()?
        } else {
            self.sweep.replace(pages, staged, &encoded(&queues.sweep), SWEEP_INLINE)?
        };
        let intents = if queues.intents == self.queues.intents {
            self.intents.duplicate()?
        } else {
            let tags: Vec<_> = queues.intents.iter().map(|tag| tag.0).collect();
            self.intents.replace(pages, staged, &tags, INTENTS_INLINE)?
        };
        let next = Self { keys, created: self.created, queues, last_deletion, mark, sweep, intents };
        let page = staged.write(&pages.vault, PageKind::Vault, next.encode().map_err(malformed("vault"))?)?;
        Ok((next, page))
    }

    /// The heads of the chains.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &PageRef> {
        self.sweep.chain.iter().chain(&self.intents.chain)
    }

    pub(crate) fn encode(&self) -> Result<PageBody, Malformed> {
        let count = |n: usize| u32::try_from(n).map(u32::to_be_bytes).map_err(|_| Malformed);
        let last = &self.last_deletion;
        let mut page = BodyWriter::new();
        page.put(self.keys.tag.expose())?
            .put(self.keys.anchor.expose())?
            .put(&self.created.to_be_bytes())?
            .page_ref(self.sweep.chain.as_ref())?
            .put(&count(self.queues.sweep.len())?)?
            .page_ref(self.intents.chain.as_ref())?
            .put(&count(self.queues.intents.len())?)?
            .put(&last.generation_before.to_be_bytes())?
            .put(&last.generation_after.to_be_bytes())?
            .put(&last.root_before)?
            .put(&last.time.to_be_bytes())?
            .put(&last.removed.to_be_bytes())?;
        put_inline(&mut page, &encoded(&self.queues.sweep), SWEEP_INLINE)?;
        let tags: Vec<_> = self.queues.intents.iter().map(|tag| tag.0).collect();
        put_inline(&mut page, &tags, INTENTS_INLINE)?;
        // A mark is never before the making of the vault, and a counter's worth of seconds lasts 136 years.
        let time = self.mark.time.saturating_sub(self.created);
        page.put(&self.mark.boot.to_be_bytes())?
            .put(&self.mark.steady.to_be_bytes())?
            .put(&u32::try_from(time.max(0)).unwrap_or(u32::MAX).to_be_bytes())?;
        Ok(page.finish())
    }

    /// The page, its queues as far as they stand in it.
    fn decode(body: &PageBody) -> Result<Decoded, Malformed> {
        let mut fields = Reader::new(body.expose());
        let keys = VaultKeys {
            tag: TagKey::from_slice(fields.take(32)?).map_err(|_| Malformed)?,
            anchor: AnchorKey::from_slice(fields.take(32)?).map_err(|_| Malformed)?,
        };
        let created = fields.i64()?;
        let (sweep, erased) = (Stored::headed(fields.page_ref()?), fields.u32()? as usize);
        let (intents, tags) = (Stored::headed(fields.page_ref()?), fields.u32()? as usize);
        let last_deletion = LastDeletion {
            generation_before: fields.u64()?,
            generation_after: fields.u64()?,
            root_before: fields.array()?,
            time: fields.i64()?,
            removed: fields.u32()?,
        };
        let sweep_queue = Queue::decode(&mut fields, erased, SWEEP_INLINE)?;
        if let Queue::Inline(inline) = &sweep_queue {
            entries(inline)?;
        }
        let intent_queue = Queue::decode(&mut fields, tags, INTENTS_INLINE)?;
        let (boot, steady) = (fields.u32()?, fields.u32()?);
        let mark = Mark { boot, steady, time: created.checked_add(fields.u32()?.into()).ok_or(Malformed)? };
        fields.end()?;
        let vault = Self { keys, created, queues: Queues::default(), last_deletion, mark, sweep, intents };
        Ok(Decoded { vault, sweep: sweep_queue, intents: intent_queue })
    }

    /// See [`crate::fuzzing`]: the page written again; `None` if it is no vault page, or one with queues too long to be made up.
    pub(crate) fn written_again(body: &PageBody) -> Option<Result<PageBody, Malformed>> {
        let Decoded { mut vault, sweep, intents } = Self::decode(body).ok()?;
        vault.queues.sweep = entries(&sweep.made_up()?).ok()?;
        vault.queues.intents = intents.made_up()?.into_iter().map(Tag).collect();
        Some(vault.encode())
    }
}

struct Decoded {
    vault: VaultPage,
    sweep: Queue<{ SweepEntry::LEN }>,
    intents: Queue<TAG>,
}

/// A queue as the vault page tells it.
enum Queue<const ENTRY: usize> {
    Inline(Vec<[u8; ENTRY]>),
    /// So many entries in the chain.
    Chained(usize),
}

impl<const ENTRY: usize> Queue<ENTRY> {
    fn decode(fields: &mut Reader<'_>, entries: usize, most: usize) -> Result<Self, Malformed> {
        if entries > most {
            fields.zeros(most * ENTRY)?;
            return Ok(Self::Chained(entries));
        }
        let inline = fields.take(entries * ENTRY)?.as_chunks().0.to_vec();
        fields.zeros((most - entries) * ENTRY)?;
        Ok(Self::Inline(inline))
    }

    /// See [`VaultPage::written_again`].
    fn made_up(self) -> Option<Vec<[u8; ENTRY]>> {
        match self {
            Self::Inline(entries) => Some(entries),
            Self::Chained(entries) => (entries < 1000).then(|| vec![[0; ENTRY]; entries]),
        }
    }

    /// All entries; `stored` learns where they stand. A queue that stands in the page has no chain.
    fn read(self, open: &mut Open<'_>, stored: &mut Stored) -> Result<Vec<[u8; ENTRY]>, KeyringError> {
        match self {
            Self::Inline(_) if stored.chain.is_some() => Err(KeyringError::Corrupt { role: "vault" }),
            Self::Inline(entries) => Ok(entries),
            Self::Chained(entries) => {
                let (bytes, pages) = read_chain(open, stored.chain.as_ref(), entries * ENTRY)?;
                stored.pages = pages;
                Ok(bytes.as_chunks().0.to_vec())
            }
        }
    }
}

impl Stored {
    fn headed(chain: Option<PageRef>) -> Self {
        Self { chain, pages: Vec::new() }
    }

    fn duplicate(&self) -> Result<Self, KeyringError> {
        let chain = self.chain.as_ref().map(PageRef::duplicate).transpose()?;
        Ok(Self { chain, pages: self.pages.clone() })
    }

    /// Where the changed queue stands; a list that is too long for the vault page is written.
    fn replace<const ENTRY: usize>(
        &self,
        pages: &Pages,
        staged: &mut Staged,
        entries: &[[u8; ENTRY]],
        most: usize,
    ) -> Result<Self, KeyringError> {
        staged.dead.extend(&self.pages);
        if entries.len() <= most {
            return Ok(Self::default());
        }
        let before = staged.pages.len();
        let chain = write_chain(pages, staged, entries.as_flattened())?;
        Ok(Self { chain, pages: staged.pages.iter().skip(before).map(|(id, _)| *id).collect() })
    }
}

fn put_inline<const ENTRY: usize>(
    page: &mut BodyWriter,
    entries: &[[u8; ENTRY]],
    most: usize,
) -> Result<(), Malformed> {
    let inline = if entries.len() <= most { entries } else { &[] };
    page.put(inline.as_flattened())?.skip((most - inline.len()) * ENTRY)?;
    Ok(())
}

fn encoded(entries: &[SweepEntry]) -> Vec<[u8; SweepEntry::LEN]> {
    entries.iter().map(SweepEntry::encode).collect()
}

fn entries(stored: &[[u8; SweepEntry::LEN]]) -> Result<Vec<SweepEntry>, Malformed> {
    stored.iter().map(|entry| SweepEntry::decode(entry)).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use oubliette_crypto::{Handle, VaultId};
    use oubliette_engine::MemoryPages;

    use super::*;

    const MARK: Mark = Mark { boot: 3, steady: 4, time: 1_000 };

    fn erased(number: u8) -> Vec<SweepEntry> {
        (0..number).map(|n| SweepEntry::given_up(Handle([n; 16]), 7, 8)).collect()
    }

    /// A page store and what a commit puts into it.
    fn written(vault: &VaultPage, queues: Queues) -> (Pages, VaultPage, PageRef, usize) {
        let pages = Pages::new(VaultId([3; 16]), Arc::new(MemoryPages::new()), 1 << 16);
        let mut staged = Staged::default();
        let (next, page) = vault.rewrite(&pages, &mut staged, queues, LastDeletion::default(), MARK).unwrap();
        let count = staged.pages.len();
        staged.write_out(pages.store.as_ref()).unwrap();
        (pages, next, page, count)
    }

    #[test]
    fn a_short_queue_stands_in_the_page_and_a_long_one_in_a_chain() {
        let fresh = VaultPage::fresh(7, MARK).unwrap();
        for (sweep, intents, expected) in
            [(0, 0, 1), (1, 14, 1), (4, 0, 1), (5, 3, 2), (0, 15, 2), (15, 59, 6)]
        {
            let queues =
                Queues { sweep: erased(sweep), intents: (0..intents).map(|n| Tag([n; 16])).collect() };
            let (pages, next, page, count) = written(&fresh, queues.clone());
            assert_eq!(count, expected, "{sweep} and {intents}");
            let read = VaultPage::read(&mut |kind, page| pages.read_stored(kind, page), &page).unwrap();
            assert_eq!((read.queues, read.created, read.mark), (queues, 7, MARK));
            assert_eq!(read.sweep.pages.len() + read.intents.pages.len(), expected - 1);
            assert_eq!(next.chains().count(), read.sweep.chain.iter().chain(&read.intents.chain).count());
        }
    }

    #[test]
    fn a_queue_that_does_not_change_keeps_its_chain() {
        let queues = Queues { sweep: erased(50), intents: Vec::new() };
        let (pages, vault, _, _) = written(&VaultPage::fresh(7, MARK).unwrap(), queues.clone());
        let mut staged = Staged::default();
        let blocked = Queues { intents: vec![Tag([1; 16])], ..queues };
        vault.rewrite(&pages, &mut staged, blocked, LastDeletion::default(), MARK).unwrap();
        assert_eq!((staged.pages.len(), staged.dead.len()), (1, 0), "the vault page alone");
    }

    #[test]
    fn an_inline_queue_beside_a_chain_or_behind_its_end_is_refused() {
        let mut vault = VaultPage::fresh(7, MARK).unwrap();
        vault.sweep.chain = Some(PageRef::generate().unwrap());
        let body = vault.encode().unwrap();
        let read = VaultPage::read(
            &mut |_, _| {
                let mut copy = PageBody::zeroed();
                copy.expose_mut().copy_from_slice(body.expose());
                Ok(copy)
            },
            &PageRef::generate().unwrap(),
        );
        assert!(matches!(read, Err(KeyringError::Corrupt { role: "vault" })));
        for byte in [228, 228 + 4 * 128, 963] {
            let mut body = VaultPage::fresh(7, MARK).unwrap().encode().unwrap();
            body.expose_mut()[byte] = 1;
            assert!(VaultPage::decode(&body).is_err(), "{byte}");
        }
    }
}
