//! Whether an export that was received is whole: every file is in the manifest, and is what the manifest says.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::archive::MANIFEST;
use super::{ExportReport, FORMAT};

/// Why an export is not whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadExport {
    /// It does not read as a ZIP: it broke off, or was damaged.
    #[error("the export is not whole: it broke off or was damaged ({0}); ask for it again")]
    Broken(String),
    /// It reads, and is not what its manifest says.
    #[error("the export is not what its manifest says ({0}); ask for it again")]
    Other(String),
}

#[derive(Deserialize)]
struct Manifest {
    format: u32,
    files: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    path: String,
    size: u64,
    sha256: String,
}

/// Reads all of an export and compares it with its manifest.
///
/// # Errors
/// [`BadExport`], naming the file by its number in the ZIP.
pub fn verify_export(file: impl Read + Seek) -> Result<ExportReport, BadExport> {
    let mut zip = ZipArchive::new(file).map_err(broken)?;
    let manifest: Manifest =
        serde_json::from_reader(std::io::BufReader::new(zip.by_name(MANIFEST).map_err(broken)?))
            .map_err(|_| BadExport::Broken("the manifest does not read".to_owned()))?;
    if manifest.format != FORMAT {
        return Err(BadExport::Other(format!("format {}, not {FORMAT}", manifest.format)));
    }
    let mut report = ExportReport {
        files: manifest.files.len() as u64 + 1,
        bytes: manifest.files.iter().map(|entry| entry.size).sum(),
    };
    let mut told: BTreeMap<String, (u64, String)> =
        manifest.files.into_iter().map(|entry| (entry.path, (entry.size, entry.sha256))).collect();
    let mut piece = vec![0; 64 * 1024];
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).map_err(broken)?;
        let name = file.name().map_err(broken)?.into_owned();
        if name == MANIFEST {
            report.bytes += file.size();
            continue;
        }
        let (size, sha256) = told
            .remove(&name)
            .ok_or_else(|| BadExport::Other(format!("file {index} is not in it, or is there twice")))?;
        let (mut digest, mut length) = (Sha256::new(), 0);
        loop {
            let read = file.read(&mut piece).map_err(broken)?;
            if read == 0 {
                break;
            }
            digest.update(piece.get(..read).unwrap_or_default());
            length += read as u64;
        }
        if length != size || HEXLOWER.encode(&digest.finalize()) != sha256 {
            return Err(BadExport::Other(format!("file {index} differs")));
        }
    }
    match told.len() {
        0 => Ok(report),
        missing => Err(BadExport::Other(format!("{missing} files are missing"))),
    }
}

fn broken(error: impl std::fmt::Display) -> BadExport {
    BadExport::Broken(error.to_string())
}
