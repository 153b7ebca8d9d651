//! Records page by page.

use std::collections::HashSet;

use oubliette_crypto::Class;

use super::find::info;
use super::{RecordInfo, Records, purpose_name};
use crate::VaultError;
use crate::page::{Listed, Page};
use crate::rows::Run;

impl Records {
    /// The records of a purpose, or of all purposes whose consent stands; those of one purpose newest first.
    ///
    /// # Errors
    /// As [`Records::get`]; [`VaultError::Invalid`] for a cursor that is not ours.
    pub fn list(&self, purpose: Option<&str>, page: &Page) -> Result<Listed<RecordInfo>, VaultError> {
        let limit = page.limit()?;
        let after = page.after::<12>()?.map(place).transpose()?;
        let mut runs = Vec::new();
        for (name, run) in self.purposes(purpose)? {
            if after.is_none_or(|(compartment, _)| run.compartment >= compartment) {
                runs.push((name, run));
            }
        }
        runs.sort_by_key(|(_, run)| run.compartment);
        let mut items: Vec<RecordInfo> = Vec::new();
        let mut last = None;
        let mut more = false;
        for (purpose, run) in runs {
            let upto = match after {
                Some((compartment, seq)) if compartment == run.compartment => seq.saturating_sub(1),
                _ => u64::MAX,
            };
            let mut seen = HashSet::new();
            self.each(run, upto, &mut |place, _, facts, opened| {
                if !seen.insert(facts.id.clone()) {
                    return Ok(true);
                }
                more = items.len() == limit;
                if !more {
                    last = Some((run.compartment, place.seq));
                    items.push(info(&purpose, place, facts, &opened));
                }
                Ok(!more)
            })?;
            if more {
                return Ok(Listed::more(items, last.map(cursor)));
            }
        }
        Ok(Listed::end(items))
    }

    /// Purposes that can be listed, with the place of their records.
    fn purposes(&self, only: Option<&str>) -> Result<Vec<(String, Run)>, VaultError> {
        if let Some(purpose) = only {
            self.require(self.rule(purpose)?)?;
            return Ok(self.run(purpose)?.map(|run| (purpose.to_owned(), run)).into_iter().collect());
        }
        let mut found = Vec::new();
        for (purpose, rule) in &self.person.vault.settings.policy.records {
            let entry = self.person.named(Class::Records, &purpose_name(purpose))?;
            let Some(entry) = entry else { continue };
            match self.require(rule) {
                Err(VaultError::ConsentRequired { .. }) => continue,
                allowed => allowed?,
            }
            found.push((purpose.clone(), Run::items(Class::Records, entry.compartment)));
        }
        Ok(found)
    }
}

fn cursor((compartment, seq): (u32, u64)) -> [u8; 12] {
    let mut cursor = [0; 12];
    let (front, back) = cursor.split_at_mut(4);
    front.copy_from_slice(&compartment.to_be_bytes());
    back.copy_from_slice(&seq.to_be_bytes());
    cursor
}

fn place(cursor: [u8; 12]) -> Result<(u32, u64), VaultError> {
    let foreign = || VaultError::invalid("cursor", "is not one that this list gave out");
    let (compartment, seq) = cursor.split_first_chunk::<4>().ok_or_else(foreign)?;
    let seq = seq.try_into().map_err(|_| foreign())?;
    Ok((u32::from_be_bytes(*compartment), u64::from_be_bytes(seq)))
}
