//! `vault.json`: which vault a folder holds. Public; the root cell must name the same vault.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use oubliette_crypto::VaultId;
use serde::{Deserialize, Serialize};

use crate::VaultError;

/// The file's name.
pub(super) const NAME: &str = "vault.json";
/// Version of the folder's layout.
const FORMAT: u32 = 1;
const ENGINE: &str = "sled";

#[derive(Serialize, Deserialize)]
struct Marker {
    vault: String,
    format: u32,
    engine: String,
}

/// Writes the marker, durably and whole or not at all. The last step of making a vault.
pub(super) fn write(dir: &Path, vault: VaultId) -> Result<(), VaultError> {
    let marker = Marker { vault: vault.to_string(), format: FORMAT, engine: ENGINE.to_owned() };
    let json = serde_json::to_string_pretty(&marker)
        .map_err(|error| VaultError::Other { detail: error.to_string() })?;
    let (path, new) = (dir.join(NAME), dir.join("vault.json.new"));
    let written = (|| {
        let mut file = File::create(&new)?;
        file.write_all(format!("{json}\n").as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&new, &path)?;
        File::open(dir)?.sync_all()
    })();
    written.map_err(VaultError::io("writing the vault's marker", &path))
}

/// The vault that a marker names.
pub(super) fn read(file: &mut File, path: &Path) -> Result<VaultId, VaultError> {
    let mut json = String::new();
    file.read_to_string(&mut json).map_err(VaultError::io("reading the vault's marker", path))?;
    let refused = |detail: String| VaultError::Format { detail: format!("{}: {detail}", path.display()) };
    let marker: Marker = serde_json::from_str(&json)
        .map_err(|error| refused(format!("is damaged ({error}); restore it from a backup of the folder")))?;
    if marker.format != FORMAT {
        return Err(refused(format!(
            "is of format {}, this version reads {FORMAT}; use the version that wrote it",
            marker.format
        )));
    }
    if marker.engine != ENGINE {
        return Err(refused(format!("names the engine `{}`, this version has `{ENGINE}`", marker.engine)));
    }
    let id = data_encoding::HEXLOWER.decode(marker.vault.as_bytes()).ok().and_then(|id| id.try_into().ok());
    id.map(VaultId).ok_or_else(|| refused("names no vault id; restore it from a backup of the folder".into()))
}
