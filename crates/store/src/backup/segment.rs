//! A segment: rows and bodies of a backup, some MiB at a time (docs/formats.md, section 14).

use data_encoding::HEXLOWER;
use oubliette_crypto::kdf::{BackupForm, backup_mac, verify_backup_mac};
use oubliette_crypto::{BackupKey, VaultId};
use sha2::{Digest, Sha256};

use super::manifest::SegmentRef;
use super::table::{self, Entries, Entry};

const MAGIC: &[u8; 8] = b"OUBBKSEG";
const VERSION: u8 = 1;
/// Bytes before the table.
pub(super) const HEAD: usize = 40;
const MAC: usize = 32;
/// A segment ends once it holds so much.
pub(super) const FULL: usize = 8 << 20;
/// No segment is longer: a full one, a row, and their entries.
pub(super) const LONGEST: u64 = 64 << 20;

/// What the head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) vault: VaultId,
    pub(super) entries: u32,
    pub(super) table: u32,
    pub(super) data: u32,
}

impl Head {
    /// `None` if it is none that this version reads.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.first_chunk::<HEAD>()?;
        let number = |at: usize| {
            let bytes = bytes.get(at..)?.first_chunk::<4>()?;
            Some(u32::from_be_bytes(*bytes))
        };
        let vault = VaultId(*bytes.get(8..)?.first_chunk::<16>()?);
        let head = Self { vault, entries: number(24)?, table: number(28)?, data: number(32)? };
        (head.encode() == *bytes).then_some(head)
    }

    fn encode(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        let fields = [
            MAGIC.as_slice(),
            self.vault.as_bytes(),
            &self.entries.to_be_bytes(),
            &self.table.to_be_bytes(),
            &self.data.to_be_bytes(),
            &[VERSION],
        ];
        bytes.iter_mut().zip(fields.concat()).for_each(|(to, from)| *to = from);
        bytes
    }
}

/// A segment being made.
#[derive(Default)]
pub(super) struct Builder {
    entries: u32,
    last: Option<Entry>,
    table: Vec<u8>,
    data: Vec<u8>,
}

/// A segment that is ready to be written.
pub(super) struct Built {
    pub(super) bytes: Vec<u8>,
    pub(super) named: SegmentRef,
}

impl Builder {
    pub(super) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Room for more, in bytes.
    pub(super) fn room(&self) -> usize {
        FULL.saturating_sub(self.data.len() + self.table.len())
    }

    /// Adds an entry with its row and part of a body. Entries come in ascending order.
    pub(super) fn push(&mut self, entry: &Entry, row: &[u8], part: &[u8]) {
        table::push(&mut self.table, self.last.as_ref(), entry);
        self.last = Some(*entry);
        self.entries += 1;
        self.data.extend_from_slice(row);
        self.data.extend_from_slice(part);
    }

    /// Ends the segment.
    pub(super) fn finish(self, vault: VaultId, key: &BackupKey) -> Built {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let head =
            Head { vault, entries: self.entries, table: length(&self.table), data: length(&self.data) };
        let mut bytes = [head.encode().as_slice(), &self.table, &self.data].concat();
        let mac = backup_mac(key, BackupForm::Segment, &Sha256::digest(&bytes).into());
        bytes.extend_from_slice(&mac);
        let named = SegmentRef {
            name: HEXLOWER.encode(&Sha256::digest(&bytes)),
            bytes: bytes.len() as u64,
            table: head.table,
            digest: HEXLOWER.encode(&Sha256::digest(&self.table)),
        };
        Built { bytes, named }
    }
}

/// A segment that was read whole and is well formed.
#[derive(Debug)]
pub(super) struct Segment {
    bytes: Vec<u8>,
    head: Head,
}

impl Segment {
    /// `None` if it is damaged: its lengths, its table, or a table that does not fit its data.
    pub(super) fn parse(bytes: Vec<u8>) -> Option<Self> {
        let head = Head::parse(&bytes)?;
        let segment = Self { bytes, head };
        let whole = HEAD as u64 + u64::from(head.table) + u64::from(head.data) + MAC as u64;
        if segment.bytes.len() as u64 != whole {
            return None;
        }
        let mut entries = Entries::new(segment.table()?.to_vec());
        let (mut count, mut data) = (0_u32, 0_u64);
        while let Some(entry) = entries.next().ok()? {
            let (row, part) = entry.lengths();
            count = count.checked_add(1)?;
            data += (row + part) as u64;
        }
        (count == head.entries && data == u64::from(head.data)).then_some(segment)
    }

    /// The name under which it must lie.
    pub(super) fn name(&self) -> String {
        HEXLOWER.encode(&Sha256::digest(&self.bytes))
    }

    pub(super) fn vault(&self) -> VaultId {
        self.head.vault
    }

    pub(super) fn table(&self) -> Option<&[u8]> {
        self.bytes.get(HEAD..HEAD + self.head.table as usize)
    }

    /// Whether this vault wrote it.
    pub(super) fn is_ours(&self, key: &BackupKey) -> bool {
        let Some((before, mac)) = self.bytes.split_last_chunk::<MAC>() else { return false };
        verify_backup_mac(key, BackupForm::Segment, &Sha256::digest(before).into(), mac)
    }

    /// How a manifest names it.
    pub(super) fn named(&self) -> Option<SegmentRef> {
        Some(SegmentRef {
            name: self.name(),
            bytes: self.bytes.len() as u64,
            table: self.head.table,
            digest: HEXLOWER.encode(&Sha256::digest(self.table()?)),
        })
    }

    /// Visits every entry with its row and part of a body.
    pub(super) fn each<E>(
        &self,
        mut visit: impl FnMut(Entry, &[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut entries = Entries::new(self.table().unwrap_or_default().to_vec());
        let mut at = HEAD + self.head.table as usize;
        // Read before, when it was parsed.
        while let Ok(Some(entry)) = entries.next() {
            let (row, part) = entry.lengths();
            let bytes = |from: usize, length| self.bytes.get(from..from + length).unwrap_or_default();
            visit(entry, bytes(at, row), bytes(at + row, part))?;
            at += row + part;
        }
        Ok(())
    }
}
