//! The secrets that stand in memory, for the tape adversary: at the seizure they get all of them. Walks the structures that the
//! keyring works with, so that whatever a cache keeps too long is seen.

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
    /// Shows every secret that the keyring holds: the vault's keys, the keys in its root page, cached pages, and the covers of all
    /// people in memory. For the tape adversary; nothing else has a use for it.
    ///
    /// Left out: the writer's own copy of the root secret, which stands in the cell as well, and leases, which belong to whoever holds
    /// them.
    pub fn secrets_in_memory(&self, visit: &mut dyn FnMut(MemorySecret<'_>)) {
        let core = &self.core;
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
}
