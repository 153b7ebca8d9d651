//! The secrets that stand in memory, for the tape adversary: at the seizure they get all of them. Walks the structures that the
//! keyring works with, so that whatever a cache keeps too long is seen.

use std::sync::PoisonError;

use oubliette_crypto::{PageBody, PageId};

use super::Keyring;
use crate::core::Root;
use crate::person::{Person, Subject};

/// A secret in memory.
pub enum MemorySecret<'a> {
    /// A key or seed, of whatever use.
    Key(&'a [u8; 32]),
    /// A page's plaintext.
    Page(&'a PageId, &'a PageBody),
}

impl Keyring {
    /// Shows every secret that the keyring holds: the writer's root secret, the vault's keys, the keys in its root page, cached pages,
    /// and of all people in memory their covers and the keys that are lent. For the tape adversary; nothing else has a use for it.
    pub fn secrets_in_memory(&self, visit: &mut dyn FnMut(MemorySecret<'_>)) {
        let core = &self.core;
        if let Some(secret) = self.root_key.upgrade() {
            visit(MemorySecret::Key(secret.lock().unwrap_or_else(PoisonError::into_inner).expose()));
        }
        visit(MemorySecret::Key(core.keys.tag.expose()));
        visit(MemorySecret::Key(core.keys.anchor.expose()));
        root_secrets(&core.root(), visit);
        core.pages.each_cached(&mut |id, body| visit(MemorySecret::Page(id, body)));
        let people: Vec<_> = core.people().all().collect();
        people.iter().for_each(|person| person_secrets(person, visit));
    }
}

impl Subject {
    /// Shows every secret that this person's object holds, also when the keyring no longer knows it. For the tape adversary.
    pub fn secrets_in_memory(&self, visit: &mut dyn FnMut(MemorySecret<'_>)) {
        person_secrets(&self.person, visit);
    }
}

fn root_secrets(root: &Root, visit: &mut dyn FnMut(MemorySecret<'_>)) {
    visit(MemorySecret::Key(root.vault.keys.tag.expose()));
    visit(MemorySecret::Key(root.vault.keys.anchor.expose()));
    let children = root.node.children.0.iter().flatten().map(|child| &child.page);
    for page in children.chain([&root.node.vault_page]).chain(root.vault.chains()) {
        visit(MemorySecret::Key(page.key.expose()));
    }
}

fn person_secrets(person: &Person, visit: &mut dyn FnMut(MemorySecret<'_>)) {
    if let Some(cover) = &person.view().cover {
        cover.secrets_in_memory(&mut |key| visit(MemorySecret::Key(key)));
    }
    person.gate.each_key(&mut |key| visit(MemorySecret::Key(key.expose())));
}
