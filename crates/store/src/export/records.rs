//! Records: a folder for each purpose, by number. Also those that are not used at present: whose consent does not stand, or which no setting names
//! any more. They are stored, so they are the person's to have.

use oubliette_crypto::{Class, Path};
use serde::Serialize;

use super::archive::Archive;
use super::{Export, times};
use crate::VaultError;
use crate::person::leaf;
use crate::rows::Run;

#[derive(Serialize)]
struct Purpose<'a> {
    purpose: &'a str,
    /// Newest first.
    records: Vec<Record>,
}

#[derive(Serialize)]
struct Record {
    id: String,
    version: u64,
    file: String,
    size: u64,
    created: String,
    content_type: Option<String>,
}

/// In the order in which the purposes came to be.
pub(super) fn write(export: &Export, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    let person = export.person();
    let mut purposes = person.every_named(Class::Records)?;
    purposes.sort_by_key(|(_, entry)| entry.compartment);
    for (number, (name, entry)) in (1..).zip(purposes) {
        let purpose = name.part(0);
        let folder = format!("records/{number:05}");
        let run = Run::items(Class::Records, entry.compartment);
        let mut records = Vec::new();
        let mut told = vec![Path::compartment(Class::Records, entry.compartment)?];
        export.subject.records().each_stored(run, purpose, &mut |mut reader| {
            export.may_go_on()?;
            let info = reader.info().clone();
            let file = format!("{folder}/{}", info.version);
            let place = Path::leaf(&leaf(run.at(info.version)))?;
            told.push(place);
            archive.stored(&file, (info.size, info.created), place, &mut || reader.next_chunk())?;
            records.push(Record {
                id: info.id,
                version: info.version,
                file,
                size: info.size,
                created: times::text(info.created),
                content_type: info.content_type,
            });
            Ok(())
        })?;
        // What is told of them is told only if it still may be.
        match person.all_stand(&told) {
            Err(VaultError::Forgotten) if records.is_empty() => continue,
            stand => stand?,
        }
        archive.json(&format!("{folder}/purpose.json"), &Purpose { purpose, records })?;
    }
    Ok(())
}
