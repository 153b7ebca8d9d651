//! Records: a folder for each purpose, by number. Also those that are not used at present: whose consent does not stand, or which no setting names
//! any more. They are stored, so they are the person's to have.

use std::collections::HashSet;

use oubliette_crypto::Class;
use serde::Serialize;

use super::archive::Archive;
use super::content::{stream, time};
use crate::person::Person;
use crate::records::Facts;
use crate::rows::{Place, Run};
use crate::{Subject, VaultError};

#[derive(Serialize)]
struct Purpose<'a> {
    purpose: &'a str,
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

pub(super) fn write(subject: &Subject, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    let person = &subject.person;
    for (number, (name, entry)) in (1..).zip(person.all_named(Class::Records)?) {
        let folder = format!("records/{number:05}");
        let records = write_purpose(person, entry.compartment, &folder, archive)?;
        archive.json(format!("{folder}/purpose.json"), &Purpose { purpose: name.part(0), records })?;
    }
    Ok(())
}

fn write_purpose(
    person: &Person,
    compartment: u32,
    folder: &str,
    archive: &mut Archive<'_>,
) -> Result<Vec<Record>, VaultError> {
    let run = Run::items(Class::Records, compartment);
    let (mut records, mut seen, mut upto) = (Vec::new(), HashSet::new(), u64::MAX);
    // Newest first: of two values of one id, which a crash leaves, the newer counts.
    while upto > 0 {
        let Some((place, row)) = person.rows(run, 1..=upto, 1, true)?.pop() else { break };
        upto = place.seq.saturating_sub(1);
        let (created, size, facts) = match described(person, place, &row) {
            Err(VaultError::Forgotten) => continue,
            described => described?,
        };
        if !seen.insert(facts.id.clone()) {
            continue;
        }
        let file = format!("{folder}/{}", place.seq);
        if stream(archive, &file, size, &mut |at| person.piece(place, &row, at))? {
            let (id, content_type) = (facts.id, facts.content_type);
            records.push(Record { id, version: place.seq, file, size, created: time(created), content_type });
        }
    }
    Ok(records)
}

fn described(person: &Person, place: Place, row: &[u8]) -> Result<(u64, u64, Facts), VaultError> {
    let opened = person.open(place, row)?;
    Ok((opened.created, opened.content_len, opened.facts_as()?))
}
