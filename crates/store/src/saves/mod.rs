//! Game saves: versions in slots of games.
//!
//! A slot is a compartment, named by its meta; a version is an item, its number the item's seq. What each operation writes, in which order,
//! and what a crash leaves, is told in `docs/store.md`.

mod condition;
mod follow;
mod forget;
mod keep;
mod list;
mod put;
mod read;
mod share;
mod trim;

pub use condition::Condition;
pub use keep::{Keep, KeepRules, SlotKeep};
pub use read::SaveReader;
pub(crate) use share::Stored as StoredShare;
pub use share::{Audience, Share, ShareInfo};
pub(crate) use trim::Trimming;

use oubliette_crypto::Class;
use oubliette_crypto::object::SALT_LEN;
use serde::{Deserialize, Serialize};

use crate::VaultError;
use crate::check;
use crate::names::{Entry, Name};
use crate::objects::Opened;
use crate::person::Person;
use crate::rows::{Place, Run, Value};

const MAX_CONTENT_TYPE: usize = 256;
const MAX_META: usize = 4096;

/// One person's saves.
#[derive(Clone)]
pub struct Saves {
    pub(crate) person: Person,
}

/// How a save is to be stored.
#[derive(Clone, Default)]
pub struct PutOptions {
    /// What must be true of the slot at the moment of the commit.
    pub condition: Option<Condition>,
    /// Kept and given back; at most 256 bytes.
    pub content_type: Option<String>,
    /// JSON text, kept and given back; at most 4 KiB.
    pub meta: Option<String>,
    /// Bytes that will come; another number is a broken upload.
    pub expected_len: Option<u64>,
}

/// Not what the sender says of the content.
impl std::fmt::Debug for PutOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PutOptions")
            .field("condition", &self.condition)
            .field("expected_len", &self.expected_len)
            .finish_non_exhaustive()
    }
}

/// One version of a save.
#[derive(Clone)]
pub struct SaveInfo {
    /// The game.
    pub game: String,
    /// The slot within the game.
    pub slot: String,
    /// Counts from 1 and is never used again in this slot, until the whole slot is forgotten: then it counts from 1 again, and only the ETag tells the two apart.
    pub version: u64,
    /// Four hexadecimal digits that differ where a restored backup repeats a version.
    pub tag: String,
    /// Bytes of content.
    pub size: u64,
    /// When stored, in microseconds since 1970.
    pub created: u64,
    /// As given to `put`.
    pub content_type: Option<String>,
    /// As given to `put`.
    pub meta: Option<String>,
    /// Only in the answer of `put`: the slot held no version before.
    pub new_slot: bool,
}

/// No names, and nothing that the sender said of the content.
impl std::fmt::Debug for SaveInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaveInfo")
            .field("version", &self.version)
            .field("tag", &self.tag)
            .field("size", &self.size)
            .field("created", &self.created)
            .field("new_slot", &self.new_slot)
            .finish_non_exhaustive()
    }
}

impl SaveInfo {
    /// `"<version>-<tag>"`, quotes included.
    pub fn etag(&self) -> String {
        format!("\"{}-{}\"", self.version, self.tag)
    }
}

/// A slot and its newest version.
#[derive(Debug, Clone)]
pub struct SlotInfo {
    /// The newest version.
    pub latest: SaveInfo,
    /// Versions present.
    pub versions: u64,
}

/// The facts of a version (docs/formats.md, section 8).
#[derive(Default, Serialize, Deserialize)]
struct Facts {
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta: Option<String>,
}

fn slot_name(game: &str, slot: &str) -> Result<Name, VaultError> {
    check::name("game", game)?;
    check::name("slot", slot)?;
    Ok(Name::new(&[game, slot]))
}

impl Saves {
    /// The compartment of a slot that exists.
    fn slot(&self, name: &Name) -> Result<Entry, VaultError> {
        self.person.named(Class::Saves, name)?.ok_or(VaultError::NotFound { what: "save slot" })
    }

    /// Opens a version's head.
    fn open(&self, name: &Name, place: Place, row: &[u8]) -> Result<(SaveInfo, Opened), VaultError> {
        let opened = self.person.open(place, row)?;
        let facts: Facts = opened.facts_as()?;
        let info = SaveInfo {
            game: name.part(0).to_owned(),
            slot: name.part(1).to_owned(),
            version: place.seq,
            tag: tag(row),
            size: opened.content_len,
            created: opened.created,
            content_type: facts.content_type,
            meta: facts.meta,
            new_slot: false,
        };
        Ok((info, opened))
    }

    /// The row of the version asked for, or of the newest.
    fn find(&self, name: &Name, version: Option<u64>) -> Result<(Place, Vec<u8>), VaultError> {
        let run = Run::items(Class::Saves, self.slot(name)?.compartment);
        let found = match version {
            None => self.person.newest(run)?,
            Some(version) if version > 0 => {
                self.person.row(run.at(version))?.map(|row| (run.at(version), row))
            }
            Some(_) => None,
        };
        found.ok_or(VaultError::NotFound { what: "save" })
    }
}

/// The first two bytes of the salt in the row: public, fresh for every value ever sealed.
fn tag(row: &[u8]) -> String {
    let salt = Value::parse(row).and_then(|value| value.sealed.first_chunk::<SALT_LEN>());
    salt.map_or_else(String::new, |[a, b, ..]| format!("{a:02x}{b:02x}"))
}

/// What was cut is not there, for those who only look.
fn forgotten_is_absent<T>(result: Result<T, VaultError>) -> Result<T, VaultError> {
    result.map_err(|error| match error {
        VaultError::Forgotten => VaultError::NotFound { what: "save" },
        other => other,
    })
}
