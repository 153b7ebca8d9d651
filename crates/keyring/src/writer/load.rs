//! Many people in one commit (docs/keyring.md, "A bulk load").
//!
//! The tree that comes out is the one that any other way of creating them would have made. What differs is how: the people are
//! sorted once, every page above them is written once, and pages go to the store as they are made, a part at a time. Until the
//! root names them they are orphans, as the pages of any commit.

use std::sync::Arc;

use oubliette_crypto::{CryptoError, Handle, Tag};

use crate::core::{Core, Found, Root};
use crate::error::KeyringError;
use crate::pages::Staged;
use crate::person::State;
use crate::tree::{self, Change, Children, Entry, nibble};
use crate::user::UserId;

/// People who are to be created.
pub(super) struct Load {
    users: Arc<Vec<UserId>>,
    /// In an order that says nothing about anybody: their state pages are written in it, and who sees that must not learn the
    /// order of their tags or names from it.
    people: Vec<Newcomer>,
}

struct Newcomer {
    tag: Tag,
    handle: Handle,
    handle_tag: Tag,
    /// Place in `users`.
    user: usize,
    /// Place in the order of writing.
    lot: u64,
}

/// Pages written at a time (8 MiB).
const PART: usize = 8192;

impl Load {
    /// Those of `users` who are new, each once.
    pub(super) fn judge(core: &Core, root: &Root, users: Arc<Vec<UserId>>) -> Result<Self, KeyringError> {
        let mut tags: Vec<(Tag, usize)> =
            users.iter().enumerate().map(|(n, user)| (core.person_tag(user), n)).collect();
        // In this order every page of the tree is asked for once.
        tags.sort_unstable();
        tags.dedup_by_key(|(tag, _)| *tag);
        let mut people = Vec::with_capacity(tags.len());
        for (tag, user) in tags {
            if matches!(core.find(root, tag)?, Found::Nobody) {
                let handle = Handle::random()?;
                people.push(Newcomer {
                    tag,
                    handle,
                    handle_tag: core.handle_tag(&handle),
                    user,
                    lot: lot()?,
                });
            }
        }
        people.sort_unstable_by_key(|newcomer| newcomer.lot);
        Ok(Self { users, people })
    }

    pub(super) fn people(&self) -> u64 {
        self.people.len() as u64
    }

    /// Pages to hold before they go out.
    pub(super) fn pages_at_a_time(&self) -> usize {
        PART.min(self.people.len())
    }

    /// Writes states and tree, a sixteenth at a time, so that few keys are held; answers the root's children. `now` is in seconds
    /// since the Unix epoch.
    pub(super) fn write(
        &self,
        core: &Core,
        now: i64,
        staged: &mut Staged,
        root: &Children,
    ) -> Result<Children, KeyringError> {
        tree::update_in_parts(&core.pages, staged, root, &mut |staged, part| {
            self.write_states(core, now, staged, part)
        })
    }

    /// Writes the states of those whose entry comes below one of the root's children; answers all entries that do.
    fn write_states(
        &self,
        core: &Core,
        now: i64,
        staged: &mut Staged,
        part: usize,
    ) -> Result<Vec<Change>, KeyringError> {
        let mut changes = Vec::new();
        for Newcomer { tag, handle, handle_tag, user, .. } in &self.people {
            if nibble(tag, 0) == part {
                #[expect(clippy::indexing_slicing, reason = "the place was taken from the list itself")]
                let user = self.users[*user].clone();
                let state = State::fresh(user, *handle, now)?.write(&core.pages, staged)?;
                staged.let_out(core.pages.store.as_ref())?;
                changes.push(Change::set(Entry::Person { tag: *tag, state, blocked: false, waits: false }));
            }
            if nibble(handle_tag, 0) == part {
                changes.push(Change::set(Entry::Handle { tag: *handle_tag, person: *tag }));
            }
        }
        Ok(changes)
    }
}

fn lot() -> Result<u64, KeyringError> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).map_err(CryptoError::Random)?;
    Ok(u64::from_ne_bytes(bytes))
}
