//! One commit as a record of the redo area (docs/formats.md, section 7).
//!
//! A record stands there twice, each copy in blocks of its own and both in one write. A write cut short leaves a whole copy or none,
//! and nobody was told of a commit whose write was cut short; one damaged block of a commit that was acknowledged leaves the other
//! copy. So the end of the log needs no other mark.

use oubliette_crypto::AnchorKey;
use oubliette_crypto::kdf::{AnchorForm, open_anchor, seal_anchor};

use super::crypto_failed;
use super::digest::{Digest, PREFIXES};
use super::record::{AnchorState, Chain, Reader};
use crate::contract::MAX_KEY;
use crate::{EngineError, MAX_BATCH_OPS, MAX_ROW};

/// Records begin at multiples of this, so that no write touches the block of an earlier record.
pub(super) const BLOCK: usize = 4096;
const MAGIC: &[u8; 8] = b"OUBREDO1";
const HEADER: usize = 40;
const SALT: usize = 32;
const TAG: usize = 16;
/// What a body has beside its rows, at most.
const FRAME: usize = 1 + PREFIXES * 33 + 16 + 2;
/// What a row has beside its key and value, at most.
const ROW_FRAME: usize = 4;
const LARGEST: usize = HEADER + SALT + TAG + FRAME + MAX_BATCH_OPS * (ROW_FRAME + MAX_KEY + MAX_ROW);
/// Blocks of a half of the redo area: room for both copies of the largest record, and some.
pub(super) const HALF_BLOCKS: usize = 576;
const _: () = assert!(blocks(LARGEST) <= HALF_BLOCKS);

/// A change of one row: `None` deletes.
pub(crate) type Change = (Vec<u8>, Option<Vec<u8>>);

/// A record that authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Redo {
    pub(crate) commit: u64,
    /// The record of the commit before.
    pub(super) follows: Chain,
    /// Its own.
    chain: Chain,
    changed: Vec<(u8, Digest)>,
    rows: u64,
    bytes: u64,
    pub(crate) changes: Vec<Change>,
}

/// A record ready to be written.
pub(crate) struct Sealed {
    /// Both copies.
    pub(super) bytes: Vec<u8>,
    pub(crate) chain: Chain,
}

/// Blocks that both copies of a record of this length take.
const fn blocks(length: usize) -> usize {
    2 * length.div_ceil(BLOCK)
}

/// At most so many blocks does a record of so many rows take, whose keys and values have so many bytes together.
pub(crate) fn blocks_for(rows: usize, bytes: usize) -> usize {
    blocks(HEADER + SALT + TAG + FRAME + rows * ROW_FRAME + bytes)
}

impl Sealed {
    /// Seals the commit that leads from the state with the chain `follows` to `state` (whose own chain is not looked at).
    pub(crate) fn new<'a>(
        key: &AnchorKey,
        state: &AnchorState,
        changed: &[u8],
        changes: impl ExactSizeIterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        follows: Chain,
    ) -> Result<Self, EngineError> {
        let mut body = vec![changed.len() as u8];
        for prefix in changed {
            body.push(*prefix);
            body.extend_from_slice(&state.digest(*prefix).0);
        }
        body.extend_from_slice(&state.rows.to_be_bytes());
        body.extend_from_slice(&state.bytes.to_be_bytes());
        body.extend_from_slice(&(changes.len() as u16).to_be_bytes());
        for (row_key, value) in changes {
            body.push(row_key.len() as u8);
            body.extend_from_slice(row_key);
            body.push(u8::from(value.is_some()));
            if let Some(value) = value {
                body.extend_from_slice(&(value.len() as u16).to_be_bytes());
                body.extend_from_slice(value);
            }
        }
        let mut bytes = Vec::with_capacity(blocks(HEADER + SALT + TAG + body.len()) * BLOCK);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&state.commit.to_be_bytes());
        bytes.extend_from_slice(&((SALT + body.len() + TAG) as u32).to_be_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&follows);
        let sealed = seal_anchor(key, AnchorForm::Redo, &bytes, &body).map_err(crypto_failed)?;
        let chain = sealed.last_chunk::<TAG>().copied().unwrap_or_default();
        bytes.extend_from_slice(&sealed);
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        bytes.extend_from_within(..);
        Ok(Self { bytes, chain })
    }
}

impl Redo {
    /// The record that begins here; `None` for anything that does not authenticate, and for commits up to `known`, which are
    /// not even looked at.
    pub(super) fn decode(key: &AnchorKey, bytes: &[u8], known: u64) -> Option<Self> {
        let (header, rest) = bytes.split_at_checked(HEADER)?;
        let mut fields = Reader(header);
        let magic = fields.take::<8>()?;
        let commit = u64::from_be_bytes(fields.take()?);
        let length = u32::from_be_bytes(fields.take()?) as usize;
        let zero = fields.take::<4>()?;
        let follows = fields.take()?;
        if magic != *MAGIC || commit <= known || zero != [0; 4] || length > LARGEST {
            return None;
        }
        let sealed = rest.get(..length)?;
        let chain = *sealed.last_chunk::<TAG>()?;
        let body = open_anchor(key, AnchorForm::Redo, header, sealed).ok()?;
        let mut body = Reader(&body);
        let [count] = body.take()?;
        let mut changed = Vec::new();
        for _ in 0..count {
            let [prefix] = body.take()?;
            changed.push((prefix, Digest(body.take()?)));
        }
        let rows = u64::from_be_bytes(body.take()?);
        let total = u64::from_be_bytes(body.take()?);
        let mut changes = Vec::new();
        for _ in 0..u16::from_be_bytes(body.take()?) {
            changes.push(change(&mut body)?);
        }
        let whole = body.0.is_empty();
        whole.then_some(Self { commit, follows, chain, changed, rows, bytes: total, changes })
    }

    /// The prefixes whose digests it changed.
    pub(super) fn prefixes(&self) -> Vec<u8> {
        self.changed.iter().map(|(prefix, _)| *prefix).collect()
    }

    /// What `before` became by this commit.
    pub(super) fn apply(&self, mut before: AnchorState) -> AnchorState {
        before.commit = self.commit;
        before.chain = self.chain;
        before.rows = self.rows;
        before.bytes = self.bytes;
        for (prefix, digest) in &self.changed {
            if let Some(slot) = before.digest_mut(*prefix) {
                *slot = *digest;
            }
        }
        before
    }
}

fn change(body: &mut Reader<'_>) -> Option<Change> {
    let [length] = body.take()?;
    let key = body.bytes(usize::from(length))?.to_vec();
    let value = match body.take()? {
        [0] => None,
        [1] => {
            let length = u16::from_be_bytes(body.take()?);
            Some(body.bytes(usize::from(length))?.to_vec())
        }
        _ => return None,
    };
    Some((key, value))
}
