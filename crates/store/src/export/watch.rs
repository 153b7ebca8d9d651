//! What an export stands on while it is written: whoever is in it must still be there, and so must the value that is being read.

use std::sync::{Arc, Mutex};

use oubliette_crypto::Path;
use oubliette_keyring::{OperationGuard, Subject as Keys};

use crate::VaultError;
use crate::locks::lock;
use crate::person::Person;

/// Tells whether an export is to end, because the person, a peer whose words are being written, or the value being read is forgotten. A cheap
/// clone; may be asked from any thread.
#[derive(Clone)]
pub struct ExportWatch(Arc<Mutex<Watched>>);

struct Watched {
    person: Keys,
    /// Whose words are on their way beside the person's own.
    peer: Option<Keys>,
    /// The leaf under whose lease is being read.
    reading: Option<Path>,
}

impl ExportWatch {
    pub(super) fn over(person: &Person) -> Self {
        Self(Arc::new(Mutex::new(Watched { person: person.keys.clone(), peer: None, reading: None })))
    }

    /// True once what is being written is being forgotten: the export ends with an error, and whoever still waits to hand its bytes on lets go of them.
    pub fn cancelled(&self) -> bool {
        let watched = lock(&self.0);
        let gone = |keys: &Keys| keys.check().is_err();
        gone(&watched.person)
            || watched.peer.as_ref().is_some_and(gone)
            || watched.reading.as_ref().is_some_and(|leaf| !matches!(watched.person.is_cut(leaf), Ok(false)))
    }

    /// Operations of all whose words are on their way. Whoever of them is being erased is waited for until these are dropped, and is not let in again.
    pub(super) fn enter(&self) -> Result<Vec<OperationGuard>, VaultError> {
        let watched = lock(&self.0);
        let mut guards = vec![watched.person.enter()?];
        if let Some(peer) = &watched.peer {
            guards.push(peer.enter().map_err(|_| VaultError::Forgotten)?);
        }
        Ok(guards)
    }

    pub(super) fn with_peer(&self, peer: Option<Keys>) {
        lock(&self.0).peer = peer;
    }

    pub(super) fn reading(&self, leaf: Option<Path>) {
        lock(&self.0).reading = leaf;
    }
}

/// Not who.
impl std::fmt::Debug for ExportWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ExportWatch(..)")
    }
}
