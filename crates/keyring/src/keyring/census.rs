//! Everybody, for whoever looks for one of them by a name that leads nowhere else.

use oubliette_crypto::{PageBody, PageKind, PageRef, Pseudonym};

use super::Keyring;
use crate::core::Core;
use crate::error::KeyringError;
use crate::person::State;
use crate::tree::{Entry, Walker, walk};
use crate::user::UserId;

/// A deletion in the middle of a walk makes pages dead that the walk still wants.
const TRIES: u32 = 20;

impl Keyring {
    /// Shows everybody who is in the vault, the blocked included, in no order. Reads the whole tree and a page for each: some seconds for a hundred
    /// thousand. People who come or go meanwhile may be shown or not; whoever's page is lost is not.
    pub fn each_person(&self, visit: &mut dyn FnMut(Pseudonym, &UserId)) -> Result<(), KeyringError> {
        for part in 0..16 {
            for tries in 1.. {
                self.core.healthy()?;
                let root = self.core.root();
                let Some(child) = root.node.children.0.get(part).and_then(Option::as_ref) else { break };
                let mut census = Census { core: &self.core, found: Vec::new(), lost: 0 };
                walk(child, &mut census)?;
                let changed = self.core.root().pointer.generation != root.pointer.generation;
                if census.lost > 0 && changed && tries < TRIES {
                    continue;
                }
                if census.lost > 0 {
                    tracing::warn!(pages = census.lost, "damaged pages hide people; run fsck");
                }
                census.found.iter().for_each(|(pseudonym, user)| visit(*pseudonym, user));
                break;
            }
        }
        Ok(())
    }
}

struct Census<'a> {
    core: &'a Core,
    found: Vec<(Pseudonym, UserId)>,
    lost: u64,
}

impl Walker for Census<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.core.pages.read_stored(kind, page)
    }
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        let Entry::Person { state, .. } = entry else { return Ok(()) };
        let pages = &self.core.pages;
        match State::read_identity(&mut |kind, page| pages.read_stored(kind, page), &state) {
            Ok(identity) => self.found.push((identity.pseudonym, identity.user)),
            Err(KeyringError::Corrupt { role }) => self.lost(role),
            Err(error) => return Err(error),
        }
        Ok(())
    }
    fn lost(&mut self, _role: &'static str) {
        self.lost += 1;
    }
}
