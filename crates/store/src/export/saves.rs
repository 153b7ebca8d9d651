//! Saves: a folder for each slot, by number, since a name may be anything; what is what stands in `slot.json`.

use oubliette_crypto::Class;
use serde::Serialize;
use zeroize::Zeroizing;

use super::archive::Archive;
use super::content::{stream, time};
use crate::page::{MAX_PAGE, Page};
use crate::saves::{Audience, SaveInfo, Saves};
use crate::{Subject, VaultError};

#[derive(Serialize)]
struct Slot<'a> {
    game: &'a str,
    slot: &'a str,
    /// Who may follow; null if nobody.
    share: Option<Shared>,
    keep_last: Option<u32>,
    keep_days: Option<u32>,
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
    file: String,
    size: u64,
    created: String,
    content_type: Option<String>,
    meta: Option<serde_json::Value>,
}

pub(super) fn write(subject: &Subject, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    let saves = subject.saves();
    // By their names, since a slot whose versions are all forgotten has still one.
    for (number, (name, _)) in (1..).zip(subject.person.all_named(Class::Saves)?) {
        write_slot(&saves, name.part(0), name.part(1), &format!("saves/{number:05}"), archive)?;
    }
    Ok(())
}

fn write_slot(
    saves: &Saves,
    game: &str,
    slot: &str,
    folder: &str,
    archive: &mut Archive<'_>,
) -> Result<(), VaultError> {
    let mut versions = Vec::new();
    let mut page = Page { limit: Some(MAX_PAGE), cursor: None };
    loop {
        let listed = match saves.versions(game, slot, &page) {
            // Forgotten since it was listed.
            Err(VaultError::NotFound { .. }) => break,
            listed => listed?,
        };
        for info in listed.items {
            let file = format!("{folder}/{}", info.version);
            if stream(archive, &file, info.size, &mut |at| piece(saves, &info, at))? {
                versions.push(described(info, file));
            }
        }
        if listed.next_cursor.is_none() {
            break;
        }
        page.cursor = listed.next_cursor;
    }
    let share = absent(saves.shared(game, slot))?.map(|share| Shared {
        users: match share.share.audience {
            Audience::Everyone => None,
            Audience::Users(users) => Some(users),
        },
        created: time(share.created),
        expires: share.share.expires.map(time),
    });
    let keep = absent(saves.keep(game, slot))?.map(|keep| keep.own).unwrap_or_default();
    let (keep_last, keep_days) = (keep.last, keep.days);
    archive.json(format!("{folder}/slot.json"), &Slot { game, slot, share, keep_last, keep_days, versions })
}

/// What is not there, or not any more, is no error.
fn absent<T>(found: Result<T, VaultError>) -> Result<Option<T>, VaultError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(VaultError::NotFound { .. } | VaultError::Forgotten) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The reader, and with it the key, goes before the piece is written anywhere.
fn piece(saves: &Saves, info: &SaveInfo, at: u64) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut reader = saves.get(&info.game, &info.slot, Some(info.version))?;
    if reader.info().tag != info.tag {
        return Err(VaultError::Forgotten);
    }
    if info.size > 0 {
        reader.range(at, info.size)?;
    }
    Ok(Zeroizing::new(reader.next_chunk()?.unwrap_or_default()))
}

fn described(info: SaveInfo, file: String) -> Version {
    // Kept as text; shown as what it says.
    let meta = info.meta.map(|meta| serde_json::from_str(&meta).unwrap_or(serde_json::Value::String(meta)));
    let (version, size, created) = (info.version, info.size, time(info.created));
    Version { version, file, size, created, content_type: info.content_type, meta }
}
