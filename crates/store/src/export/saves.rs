//! Saves: a folder for each slot, by number, since a name may be anything; what is what stands in `slot.json`.

use oubliette_crypto::{Class, Path};
use serde::Serialize;

use super::archive::Archive;
use super::{Export, times};
use crate::names::{Entry, Name};
use crate::person::leaf;
use crate::rows::Run;
use crate::{Audience, Page, SaveInfo, Saves, ShareInfo, VaultError};

const PAGE: usize = 64;

#[derive(Serialize)]
struct Slot<'a> {
    game: &'a str,
    slot: &'a str,
    /// Who may follow; null if nobody.
    share: Option<Shared>,
    keep_last: Option<u32>,
    keep_days: Option<u32>,
    /// Newest first.
    versions: Vec<Version>,
}

#[derive(Serialize)]
struct Shared {
    /// Null: everybody.
    users: Option<Vec<String>>,
    created: String,
    expires: Option<String>,
}

#[derive(Serialize)]
struct Version {
    version: u64,
    etag: String,
    file: String,
    size: u64,
    created: String,
    content_type: Option<String>,
    /// As it was given.
    meta: Option<String>,
}

/// In the order in which the slots came to be. By their names, since a slot whose versions are all forgotten has still one.
pub(super) fn write(export: &Export, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    let saves = export.subject.saves();
    let mut slots = export.person().every_named(Class::Saves)?;
    slots.sort_by_key(|(_, entry)| entry.compartment);
    for (number, (name, entry)) in (1..).zip(slots) {
        slot(export, archive, &saves, &format!("saves/{number:05}"), &name, entry)?;
    }
    Ok(())
}

fn slot(
    export: &Export,
    archive: &mut Archive<'_>,
    saves: &Saves,
    folder: &str,
    name: &Name,
    entry: Entry,
) -> Result<(), VaultError> {
    let (game, slot) = (name.part(0), name.part(1));
    let versions = versions(export, archive, saves, folder, name, entry)?;
    // What is told of them below is told only if it still may be.
    let mut told = vec![Path::compartment(Class::Saves, entry.compartment)?];
    for version in &versions {
        told.push(version_leaf(entry, version.version)?);
    }
    let share = match saves.shared(game, slot) {
        Err(VaultError::NotFound { .. }) => None,
        share => Some(Shared::from(share?)),
    };
    let keep = match saves.keep(game, slot) {
        // The slot was forgotten before anything of it was written.
        Err(VaultError::NotFound { .. }) if versions.is_empty() => return Ok(()),
        Err(VaultError::NotFound { .. }) => return Err(VaultError::Forgotten),
        keep => keep?.own,
    };
    export.person().all_stand(&told)?;
    let (keep_last, keep_days) = (keep.last, keep.days);
    archive.json(&format!("{folder}/slot.json"), &Slot { game, slot, share, keep_last, keep_days, versions })
}

fn versions(
    export: &Export,
    archive: &mut Archive<'_>,
    saves: &Saves,
    folder: &str,
    name: &Name,
    entry: Entry,
) -> Result<Vec<Version>, VaultError> {
    let (game, slot) = (name.part(0), name.part(1));
    let mut versions = Vec::new();
    let mut page = Page { limit: Some(PAGE), cursor: None };
    loop {
        let listed = match saves.versions(game, slot, &page) {
            // None is left, or the slot was forgotten since it was listed.
            Err(VaultError::NotFound { .. }) => return Ok(versions),
            listed => listed?,
        };
        for info in listed.items {
            export.may_go_on()?;
            let mut reader = match saves.get(game, slot, Some(info.version)) {
                Err(VaultError::NotFound { .. }) => continue,
                reader => reader?,
            };
            let info = reader.info().clone();
            let file = format!("{folder}/{}", info.version);
            let leaf = version_leaf(entry, info.version)?;
            archive.stored(&file, (info.size, info.created), leaf, &mut || reader.next_chunk())?;
            versions.push(Version::of(info, file));
        }
        page.cursor = listed.next_cursor;
        if page.cursor.is_none() {
            return Ok(versions);
        }
    }
}

fn version_leaf(slot: Entry, version: u64) -> Result<Path, VaultError> {
    Ok(Path::leaf(&leaf(Run::items(Class::Saves, slot.compartment).at(version)))?)
}

impl Version {
    fn of(info: SaveInfo, file: String) -> Self {
        Self {
            version: info.version,
            etag: info.etag(),
            file,
            size: info.size,
            created: times::text(info.created),
            content_type: info.content_type,
            meta: info.meta,
        }
    }
}

impl From<ShareInfo> for Shared {
    fn from(info: ShareInfo) -> Self {
        let users = match info.share.audience {
            Audience::Everyone => None,
            Audience::Users(users) => Some(users),
        };
        Self { users, created: times::text(info.created), expires: info.share.expires.map(times::text) }
    }
}
