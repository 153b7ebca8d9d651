//! What time brings: cuts that waited, holds that end, and the time by which that is judged.

use std::sync::PoisonError;

use oubliette_crypto::{PageBody, PageKind, PageRef, Tag};

use super::{Keyring, count};
use crate::core::Core;
use crate::error::KeyringError;
use crate::tree::{Entry, Walker};
use crate::writer::Op;

/// People in one commit.
const PART: usize = 256;

impl Keyring {
    /// The time by which things are forgotten, in seconds since the Unix epoch. The wall clock, unless it runs away from a counter that
    /// nobody sets: then it goes on as that one counts (docs/keyring.md, "Time").
    pub fn due_time(&self) -> i64 {
        self.core.due_time()
    }

    /// How far the wall clock is ahead of [`Keyring::due_time`] (negative: behind), in seconds.
    pub fn clock_is_ahead(&self) -> i64 {
        self.core.options.clock.now_unix().saturating_sub(self.due_time())
    }

    /// No time is told before this one, in seconds since the Unix epoch: an hour old at most, while [`Keyring::note_time`] is called.
    pub fn least_time(&self) -> i64 {
        self.core.mark().time
    }

    /// Makes the time durable, about once an hour however often it is called.
    pub fn note_time(&self) -> Result<(), KeyringError> {
        if self.core.mark().next(self.core.options.clock.as_ref()) == self.core.root().vault.mark {
            return Ok(());
        }
        self.call(Op::Mark).map(drop)
    }

    /// An operator says that the wall clock is right.
    pub fn trust_clock(&self) -> Result<(), KeyringError> {
        self.call(Op::TrustClock).map(drop)
    }

    /// Makes the cuts whose moment has come, and takes away holds that are over; answers how many people changed. Walks the whole tree, unless nobody has
    /// waited for anything since the last time.
    pub fn ripen(&self) -> Result<u64, KeyringError> {
        let before = self.core.anybody_waits.lock().unwrap_or_else(PoisonError::into_inner).replace(false);
        // Said before the walk: who begins to wait during it says so again.
        if before == Some(false) {
            return Ok(0);
        }
        let ripened = self.ripen_all();
        // Where not everybody was seen, everybody is looked at again.
        if ripened.is_err() {
            self.core.note_waiting();
        }
        ripened
    }

    fn ripen_all(&self) -> Result<u64, KeyringError> {
        let mut tags = Vec::new();
        self.core.walk_in_parts(&mut Waiting { core: &self.core, tags: &mut tags })?;
        if !tags.is_empty() {
            self.core.note_waiting();
        }
        let mut changed = 0;
        for part in tags.chunks(PART) {
            changed += match self.call(Op::Ripen { tags: part.to_vec() }) {
                Ok(reply) => count(&reply),
                // One damaged state must not hold up the others.
                Err(KeyringError::Corrupt { .. }) => self.ripen_one_by_one(part)?,
                Err(error) => return Err(error),
            };
        }
        Ok(changed)
    }

    fn ripen_one_by_one(&self, tags: &[Tag]) -> Result<u64, KeyringError> {
        let mut changed = 0;
        for tag in tags {
            match self.call(Op::Ripen { tags: vec![*tag] }) {
                Ok(reply) => changed += count(&reply),
                Err(KeyringError::Corrupt { role }) => {
                    tracing::warn!(role, "a deletion waits for a damaged page; run fsck");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(changed)
    }
}

/// Collects the people whose state holds what time will change.
struct Waiting<'a> {
    core: &'a Core,
    tags: &'a mut Vec<Tag>,
}

impl Walker for Waiting<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.core.pages.read_stored(kind, page)
    }
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        if let Entry::Person { tag, waits: true, blocked: false, .. } = entry {
            self.tags.push(tag);
        }
        Ok(())
    }
    fn lost(&mut self, role: &'static str) {
        self.core.note_waiting();
        tracing::warn!(role, "a damaged page hides deletions that wait; run fsck");
    }
}
