//! Requests that are sent twice and take effect once: a caller's key, and the answer, for a day or two.
//!
//! Everything lies under the person's tree, in a compartment of the profile for each day (docs/formats.md, section 8), which is cut whole when its time is
//! over. A key has a number that only the tree can tell: rows say nothing of it, and it needs no index. Two values hang on it: the *mark* is
//! written in the same batch as the first thing that the request changes, so it takes effect together with its mark or not at all; the *answer* follows.
//! What is found later: nothing (the request took no effect, unless all it did was to forget), the mark alone (it took effect, and a crash came
//! before the answer), or the answer.
//!
//! What is kept may name what is forgotten in the meantime, and other people. So it is sealed once more, under a key that takes the caller's key as well,
//! which is kept nowhere: without it nobody reads an answer, whatever else they seize.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use oubliette_crypto::kdf::{answer_key, keyed_number};
use oubliette_crypto::{
    Branch, Class, Kind, ObjectKey, Path, Policy, compartments_through, open_small, seal_small,
};
use oubliette_engine::Batch;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::locks::lock;
use crate::objects::Draft;
use crate::person::Person;
use crate::rows::{Bounds, Place, Run};
use crate::{Subject, Vault, VaultError};

/// In microseconds.
const DAY: u64 = 24 * 3600 * 1_000_000;
/// The compartment of a day is this and the days since 1970: far above all others, and the days gone by are cut as few subtrees.
pub(crate) const FIRST: u32 = 1 << 31;
/// Bits of a path that begins such a compartment's number: class, 31 zeros, a one.
const BLOCK: usize = 8 + 32;
/// No day has a higher number; that is in the year 2149.
const LAST: u32 = (1 << 16) - 1;
/// Most bytes of a caller's key.
pub const MAX_ONCE_KEY: usize = 255;

thread_local! {
    /// The request that this thread is carrying out, if it is to take effect once.
    static CURRENT: RefCell<Option<Once>> = const { RefCell::new(None) };
}

/// One request by one person's caller. A cheap clone.
#[derive(Clone)]
pub struct Once(Arc<Request>);

struct Request {
    user: String,
    key: String,
    fingerprint: [u8; 32],
    marked: AtomicBool,
}

/// What became of an earlier request with the same key.
pub enum Earlier {
    /// It was another request.
    Other,
    /// It took effect, and its answer was lost.
    Interrupted,
    /// Its answer.
    Answered(KeptAnswer),
}

/// An answer, as the caller put it in.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The digest of the request's body, if it was read.
    pub body_digest: Option<[u8; 32]>,
    /// The status.
    pub status: u16,
    /// Headers worth repeating.
    pub headers: Vec<(String, String)>,
    /// The answer's body.
    pub body: Vec<u8>,
}

/// How a mark or an answer is stored, before the answer's body.
#[derive(Serialize, Deserialize)]
struct Stored {
    /// What the request was, apart from its body.
    request: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default)]
    status: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    headers: Vec<(String, String)>,
}

impl Once {
    /// A request about this person, by its key and a digest of what it asks for.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a key that is empty or longer than 255 bytes.
    pub fn new(user: &str, key: &str, fingerprint: [u8; 32]) -> Result<Self, VaultError> {
        crate::check::length("Idempotency-Key", key, 1, MAX_ONCE_KEY)?;
        let (user, key) = (user.to_owned(), key.to_owned());
        Ok(Self(Arc::new(Request { user, key, fingerprint, marked: AtomicBool::new(false) })))
    }

    /// Does `work` on this thread so that the first rows it writes for the person carry the mark.
    pub fn carry_out<T>(&self, work: impl FnOnce() -> T) -> T {
        let _restored = Restore(CURRENT.with(|current| current.replace(Some(self.clone()))));
        work()
    }

    fn stored(&self) -> Stored {
        Stored { request: HEXLOWER.encode(&self.0.fingerprint), body: None, status: 0, headers: Vec::new() }
    }
}

struct Restore(Option<Once>);

impl Drop for Restore {
    fn drop(&mut self) {
        CURRENT.with(|current| current.replace(self.0.take()));
    }
}

impl Subject {
    /// What is known of an earlier request with this key, today's or yesterday's.
    ///
    /// # Errors
    /// [`VaultError::Corrupt`] and those of the stores.
    pub fn earlier(&self, once: &Once) -> Result<Option<Earlier>, VaultError> {
        let today = day(self.person.vault.now());
        for compartment in [today, today - 1] {
            let Some((number, key)) = self.person.answer_keys(compartment, once)? else { continue };
            let run = |branch| Run { class: Class::Profile, branch, compartment };
            let answer = self.person.kept(run(Branch::Items).at(number), &key, once)?;
            let found = match answer {
                Some(found) => Some(found),
                None => self.person.kept(run(Branch::Meta).at(number), &key, once)?,
            };
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Keeps the answer of a request that was carried out.
    ///
    /// # Errors
    /// Those of the stores. The request has taken effect all the same.
    pub fn keep_answer(&self, once: &Once, answer: &KeptAnswer) -> Result<(), VaultError> {
        let compartment = day(self.person.vault.now());
        let Some((number, key)) = self.person.answer_keys(compartment, once)? else { return Ok(()) };
        let stored = Stored {
            body: answer.body_digest.map(|digest| HEXLOWER.encode(&digest)),
            status: answer.status,
            headers: answer.headers.clone(),
            ..once.stored()
        };
        let place = Run::items(Class::Profile, compartment).at(number);
        let draft = self.person.seal_answer(place, &key, &stored, &answer.body)?;
        self.person.commit(draft, Batch::new())
    }
}

impl Person {
    /// The mark of the request that this thread carries out, once, as part of the batch. The caller tells when the batch is committed.
    pub(crate) fn mark(&self, batch: &mut Batch) -> Result<Option<Marked>, VaultError> {
        let once = CURRENT.with(|current| current.borrow().clone());
        let Some(once) = once.filter(|once| once.0.user == self.keys.user_id().as_str()) else {
            return Ok(None);
        };
        if once.0.marked.load(Ordering::Acquire) {
            return Ok(None);
        }
        let today = day(self.vault.now());
        let Some((number, key)) = self.answer_keys(today, &once)? else { return Ok(None) };
        let draft =
            self.seal_answer(Run::meta(Class::Profile, today).at(number), &key, &once.stored(), &[])?;
        draft.add_to(batch)?;
        Ok(Some(Marked { draft, once }))
    }

    /// The number of a caller's key on a day, and the key of what is kept under it; `None` if that day was forgotten, which only a clock that was
    /// set back can ask for.
    fn answer_keys(&self, compartment: u32, once: &Once) -> Result<Option<(u64, ObjectKey)>, VaultError> {
        let caller = once.0.key.as_bytes();
        // This leaf seals nothing: it is the key of the numbers and keys.
        match self.key(Run::meta(Class::Profile, compartment).at(1)) {
            Ok(lease) => Ok(Some((keyed_number(lease.key(), caller), answer_key(lease.key(), caller)))),
            Err(VaultError::Forgotten) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn seal_answer(
        &self,
        place: Place,
        key: &ObjectKey,
        stored: &Stored,
        body: &[u8],
    ) -> Result<Draft, VaultError> {
        let facts = serde_json::to_vec(stored);
        let facts = facts.map_err(|_| VaultError::invalid("Idempotency-Key", "cannot be stored"))?;
        let length = u32::try_from(facts.len()).unwrap_or(u32::MAX);
        let plain = Zeroizing::new([&length.to_be_bytes(), facts.as_slice(), body].concat());
        let sealed = seal_small(key, &self.context(place, Policy::None, Kind::Small), &plain)?;
        self.seal(place, self.vault.now(), &[], &sealed)
    }

    fn kept(&self, place: Place, key: &ObjectKey, once: &Once) -> Result<Option<Earlier>, VaultError> {
        let Some(row) = self.row(place)? else { return Ok(None) };
        let damaged = || VaultError::Corrupt { what: place.describe(&self.handle()) };
        let sealed = self.open(place, &row)?.content()?;
        // Of another caller's key with the same number of 48 bits, if of any.
        let Ok(plain) = open_small(key, &self.context(place, Policy::None, Kind::Small), &sealed) else {
            return Ok(Some(Earlier::Other));
        };
        let (length, rest) = plain.split_first_chunk::<4>().ok_or_else(damaged)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| damaged())?;
        let (facts, body) = rest.split_at_checked(length).ok_or_else(damaged)?;
        let stored: Stored = serde_json::from_slice(facts).map_err(|_| damaged())?;
        if stored.request != once.stored().request {
            return Ok(Some(Earlier::Other));
        }
        if place.branch == Branch::Meta {
            return Ok(Some(Earlier::Interrupted));
        }
        let body_digest = match stored.body {
            Some(text) => Some(unhex(&text).ok_or_else(damaged)?),
            None => None,
        };
        let (status, headers) = (stored.status, stored.headers);
        Ok(Some(Earlier::Answered(KeptAnswer { body_digest, status, headers, body: body.to_vec() })))
    }
}

/// A mark that goes with a batch.
pub(crate) struct Marked {
    draft: Draft,
    once: Once,
}

impl Marked {
    /// The batch was committed.
    pub(crate) fn committed(self) {
        self.draft.committed();
        self.once.0.marked.store(true, Ordering::Release);
    }
}

/// How far the search for answers whose time is over has come.
#[derive(Default)]
pub(crate) struct Pass(Mutex<Progress>);

#[derive(Default)]
struct Progress {
    began: Option<u64>,
    /// Where it goes on; `None`: it is through.
    from: Option<Vec<u8>>,
}

impl Vault {
    /// Looks at so many people for answers whose time is over; everybody's a few times a day.
    pub(crate) fn forget_old_answers(&self, people: usize) -> Result<(), VaultError> {
        let inner = &*self.inner;
        let mut progress = lock(&inner.tidied.answers.0);
        let now = inner.due_time();
        if progress.from.is_none() && progress.began.is_none_or(|began| now >= began + DAY / 4) {
            *progress = Progress { began: Some(now), from: Some([[0; 15].as_slice(), &[1]].concat()) };
        }
        for _ in 0..people {
            let Some(from) = &progress.from else { return Ok(()) };
            let found = inner.engine.range(from, &[u8::MAX; 64], 1, false)?.pop();
            let Some((key, _)) = found else {
                progress.from = None;
                return Ok(());
            };
            // On an error the next call begins again where this one was.
            progress.from = Some(match Place::parse(&key) {
                Some((handle, _)) => {
                    match self.by_handle(handle) {
                        Ok(Some(person)) => self.forget_answers_of(&person)?,
                        // One lost page of the key plane must not end the work for everybody.
                        Ok(None) | Err(VaultError::SubjectBlocked | VaultError::Corrupt { .. }) => {}
                        Err(error) => return Err(error),
                    }
                    Bounds::person(&handle).to
                }
                None => [key.as_slice(), &[0]].concat(),
            });
        }
        Ok(())
    }

    /// Cuts a person's answers of the days that are over, if there are any. The time is the one that no jump of the clock hurries.
    fn forget_answers_of(&self, person: &Person) -> Result<(), VaultError> {
        match self.cut_days(person) {
            Err(VaultError::Forgotten | VaultError::SubjectErased { .. } | VaultError::SubjectBlocked) => {
                Ok(())
            }
            done => done,
        }
    }

    fn cut_days(&self, person: &Person) -> Result<(), VaultError> {
        let over = day(self.inner.due_time()).saturating_sub(2);
        for branch in [Branch::Meta, Branch::Items] {
            let run = |compartment| Run { class: Class::Profile, branch, compartment };
            let handle = person.handle();
            let bounds = Bounds {
                from: run(FIRST).at(1).key(&handle),
                to: run(over.saturating_add(1)).at(1).key(&handle),
            };
            if over < FIRST || person.rows_in(&bounds, 1, false)?.is_empty() {
                continue;
            }
            person.supersede(days_through(over)?)?;
            self.inner.leave_to_sweeper(person.remove_rows(&bounds));
        }
        Ok(())
    }
}

/// Every day's compartment up to this one.
fn days_through(compartment: u32) -> Result<Vec<Path>, VaultError> {
    let mut paths = compartments_through(Class::Profile, compartment)?;
    paths.retain(|path| path.len() >= BLOCK);
    Ok(paths)
}

/// The compartment of the day of this time.
fn day(micros: u64) -> u32 {
    let day = u32::try_from(micros / DAY).unwrap_or(u32::MAX);
    FIRST + day.clamp(2, LAST)
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_cut_and_what_else_stands_in_the_profile_is_not() {
        let paths = days_through(day(1_800_000_000_000_000)).unwrap();
        assert!(paths.len() <= 17, "{}", paths.len());
        let covers = |compartment: u32| {
            let path = Path::compartment(Class::Profile, compartment).unwrap();
            paths.iter().any(|base| base.is_prefix_of(&path))
        };
        let today = day(1_800_000_000_000_000);
        assert!(covers(FIRST) && covers(FIRST + 1) && covers(today - 1) && covers(today));
        assert!(!covers(today + 1) && !covers(FIRST + LAST) && !covers(u32::MAX));
        assert!((1..300).chain([FIRST - 1]).all(|compartment| !covers(compartment)));
    }
}
