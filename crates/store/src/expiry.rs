//! The longest that something is kept: once a day everything is looked at by its age, a bounded part at each sweep. Age is judged by
//! the time that no jump of the clock hurries; and what is too old is cut as by a request, so that a legal hold or minimum delays it.

use std::sync::Mutex;

use oubliette_crypto::{Branch, Class, Handle, items_through};

use crate::locks::lock;
use crate::person::Person;
use crate::policy::Retention;
use crate::rows::{Bounds, Place, Run};
use crate::times::seconds;
use crate::vault::Inner;
use crate::{Vault, VaultError};

/// In microseconds.
const DAY: u64 = 24 * 3600 * 1_000_000;

/// How far the pass of the day has come.
#[derive(Default)]
pub(crate) struct Expiry(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    /// When the last pass began, in microseconds since 1970.
    began: Option<u64>,
    /// Where it goes on; `None`: it is through.
    from: Option<Vec<u8>>,
}

impl Vault {
    /// Looks at so many runs of rows for what is too old.
    pub(crate) fn expire(&self, budget: usize) -> Result<(), VaultError> {
        let inner = &*self.inner;
        if !inner.settings.policy.anything_expires() {
            return Ok(());
        }
        let mut progress = lock(&inner.expiry.0);
        let now = inner.due_time();
        if progress.from.is_none() && progress.began.is_none_or(|began| now >= began + DAY) {
            *progress = Progress { began: Some(now), from: Some([[0; 15].as_slice(), &[1]].concat()) };
        }
        let mut person: Option<(Person, Vec<(u32, Retention)>)> = None;
        for _ in 0..budget {
            let Some(from) = progress.from.take() else { return Ok(()) };
            let rows = inner.engine.range(&from, &[u8::MAX; 64], 1, false)?;
            let Some((key, _)) = rows.into_iter().next() else { return Ok(()) };
            // On an error the next pass begins anew where this one was.
            progress.from = Some(from);
            let next = self.expire_at(&key, &mut person)?;
            progress.from = Some(next);
        }
        Ok(())
    }

    /// Looks at the run of this row; answers the key from which to go on.
    fn expire_at(
        &self,
        key: &[u8],
        person: &mut Option<(Person, Vec<(u32, Retention)>)>,
    ) -> Result<Vec<u8>, VaultError> {
        let Some((handle, place)) = Place::parse(key) else { return Ok([key, &[0]].concat()) };
        let whole = Bounds::person(&handle).to;
        if person.as_ref().is_none_or(|(person, _)| person.handle() != handle) {
            let found = match self.by_handle(handle) {
                // One lost page of the key plane must not end the work for everybody.
                Err(VaultError::SubjectBlocked | VaultError::Corrupt { .. }) => None,
                other => other?,
            };
            let Some(found) = found else { return Ok(whole) };
            let rules = match found.record_rules() {
                Err(VaultError::Corrupt { .. } | VaultError::SubjectErased { .. }) => return Ok(whole),
                rules => rules?,
            };
            *person = Some((found, rules));
        }
        let Some((person, rules)) = person else { return Ok(whole) };
        let retention = self.inner.longest(place, rules);
        if place.branch != Branch::Items || retention.maximum_days.is_none() {
            return Ok(skip(&handle, place));
        }
        match person.expire_run(place.run(), retention) {
            // What is forgotten meanwhile, or damaged, is not in the way of the rest.
            Err(VaultError::Forgotten | VaultError::SubjectErased { .. } | VaultError::SubjectBlocked) => {}
            Err(VaultError::Corrupt { what }) => {
                tracing::warn!(
                    what,
                    "a damaged row keeps others from being forgotten by their age; run fsck"
                );
            }
            done => done?,
        }
        Ok(Bounds::run(&handle, place.run()).to)
    }
}

impl Inner {
    fn longest(&self, place: Place, rules: &[(u32, Retention)]) -> Retention {
        match place.class {
            Class::Records => {
                let rule = rules.iter().find(|(compartment, _)| *compartment == place.compartment);
                rule.map(|(_, retention)| *retention).unwrap_or_default()
            }
            class => self.settings.policy.retention(class),
        }
    }
}

/// Past what has no longest time: the branch, or, among records, the purpose.
fn skip(handle: &Handle, place: Place) -> Vec<u8> {
    match (place.class, place.branch) {
        (Class::Records, Branch::Items) => Bounds::run(handle, place.run()).to,
        (class, branch) => Bounds::branch(handle, class, branch).to,
    }
}

impl Person {
    /// Cuts the items of a run from its beginning to the last one that is too old. Their times ascend with their numbers.
    fn expire_run(&self, run: Run, retention: Retention) -> Result<(), VaultError> {
        let now = seconds(self.vault.due_time());
        let mut last = None;
        self.each_row(Bounds::run(&self.handle(), run), &mut |place, row| {
            if self.is_cut(place)? {
                return Ok(true);
            }
            let over = retention.is_over(self.open(place, &row)?.created, now);
            if over {
                last = Some(place.seq);
            }
            Ok(over)
        })?;
        let Some(last) = last else { return Ok(()) };
        self.cut(items_through(run.class, run.compartment, last)?)?;
        let bounds = Bounds::seqs(&self.handle(), run, 0..=last);
        self.vault.leave_to_sweeper(self.remove_rows(&bounds));
        Ok(())
    }
}
