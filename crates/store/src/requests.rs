//! What a person asked for under their rights, and by when it must be answered: 15 days after it was received.
//!
//! A request and its answer are two items of the person's profile, in a history of which nothing is replaced; they go with the person. Who has open
//! ones is found by looking through everybody: a list of them beside the people would say who they are.

use oubliette_crypto::{Class, Handle};
use oubliette_engine::Batch;
use serde::{Deserialize, Serialize};

use crate::person::Person;
use crate::profile::REQUESTS;
use crate::rows::{Bounds, Run};
use crate::{Listed, Page, Subject, Vault, VaultError, check};

const DAY: u64 = 24 * 3600 * 1_000_000;
/// Days until an answer is due.
pub const DAYS_TO_ANSWER: u64 = 15;
const MAX_DETAIL: usize = 4096;
/// People looked at for one page of everybody's requests.
const PEOPLE: usize = 2000;
const NO_REQUEST: VaultError = VaultError::NotFound { what: "request" };

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestKind {
    /// What is stored of them.
    Access,
    /// That something wrong be put right.
    Correction,
    /// That something, or all, be forgotten.
    Deletion,
    /// That something be kept and not used.
    Restriction,
    /// Their data in a form to take elsewhere.
    Portability,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestOutcome {
    /// Done as asked.
    Granted,
    /// Refused, for the reason in the answer.
    Refused,
    /// Taken back by the person.
    Withdrawn,
}

/// A request and, once it is there, its answer.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestInfo {
    /// Its number among the person's own; never used again.
    pub id: u64,
    /// What for.
    pub kind: RequestKind,
    /// When it was received, in microseconds since 1970.
    pub received: u64,
    /// When an answer is due.
    pub due: u64,
    /// In the person's words.
    pub detail: Option<String>,
    /// The answer.
    pub answer: Option<RequestAnswer>,
}

/// An answer.
#[derive(Clone, PartialEq, Eq)]
pub struct RequestAnswer {
    /// When, in microseconds since 1970.
    pub time: u64,
    /// How it ended.
    pub outcome: RequestOutcome,
    /// What was answered.
    pub detail: Option<String>,
}

/// Neither who nor what they wrote.
impl std::fmt::Debug for RequestInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestInfo")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("received", &self.received)
            .field("answered", &self.answer.as_ref().map(|answer| answer.outcome))
            .finish_non_exhaustive()
    }
}

/// Not what was written.
impl std::fmt::Debug for RequestAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RequestAnswer")
            .field("time", &self.time)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}

/// An open request, and whose it is.
#[derive(Debug, Clone)]
pub struct OpenRequest {
    /// The person.
    pub user: UserName,
    /// What they ask for.
    pub request: RequestInfo,
}

/// A user id that is not printed by `Debug`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserName(pub String);

impl std::fmt::Debug for UserName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UserName(..)")
    }
}

/// One person's requests.
#[derive(Clone)]
pub struct Requests {
    person: Person,
}

/// The content of an item (docs/formats.md, section 8).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Stored {
    Received {
        kind: RequestKind,
        time: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    Answered {
        request: u64,
        time: u64,
        outcome: RequestOutcome,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
}

impl Subject {
    /// What the person asked for.
    pub fn requests(&self) -> Requests {
        Requests { person: self.person.clone() }
    }
}

impl Requests {
    /// Notes a request. `received`: in microseconds since 1970, now if not said, never later than now. The detail has at most 4 KiB.
    ///
    /// # Errors
    /// [`VaultError::Invalid`].
    pub fn add(
        &self,
        kind: RequestKind,
        received: Option<u64>,
        detail: Option<String>,
    ) -> Result<RequestInfo, VaultError> {
        check::short("detail", detail.as_deref(), MAX_DETAIL)?;
        let now = self.person.vault.now();
        let received = received.unwrap_or(now);
        if received > now {
            return Err(VaultError::invalid("received", "lies in the future"));
        }
        let _lock = self.lock();
        let id = self.store(&Stored::Received { kind, time: received, detail: detail.clone() })?;
        Ok(RequestInfo::new(id, kind, received, detail))
    }

    /// Notes the answer to a request, which has one.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Invalid`] if it was answered before.
    pub fn answer(
        &self,
        id: u64,
        outcome: RequestOutcome,
        detail: Option<String>,
    ) -> Result<RequestInfo, VaultError> {
        check::short("detail", detail.as_deref(), MAX_DETAIL)?;
        let _lock = self.lock();
        let mut request = self.list()?.into_iter().find(|request| request.id == id).ok_or(NO_REQUEST)?;
        if request.answer.is_some() {
            return Err(VaultError::invalid("id", "this request was answered before"));
        }
        let time = self.person.vault.now();
        self.store(&Stored::Answered { request: id, time, outcome, detail: detail.clone() })?;
        request.answer = Some(RequestAnswer { time, outcome, detail });
        Ok(request)
    }

    /// All requests, newest first.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] and its like.
    pub fn list(&self) -> Result<Vec<RequestInfo>, VaultError> {
        let mut all = self.person.requests()?;
        all.reverse();
        Ok(all)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        self.person.vault.slots.lock((self.person.handle(), run()))
    }

    fn store(&self, stored: &Stored) -> Result<u64, VaultError> {
        let json =
            serde_json::to_vec(stored).map_err(|_| VaultError::invalid("request", "cannot be stored"))?;
        let place = run().at(self.person.next_seq(run())?);
        let draft = self.person.seal(place, self.person.vault.now(), &[], &json)?;
        self.person.commit(draft, Batch::new())?;
        Ok(place.seq)
    }
}

impl Person {
    /// In the order in which they were noted.
    fn requests(&self) -> Result<Vec<RequestInfo>, VaultError> {
        let mut all: Vec<RequestInfo> = Vec::new();
        self.each_row(Bounds::run(&self.handle(), run()), &mut |place, row| {
            if self.is_cut(place)? {
                return Ok(true);
            }
            let opened = self.open(place, &row)?;
            let damaged = opened.corrupt();
            match serde_json::from_slice(&opened.content()?).map_err(|_| damaged)? {
                Stored::Received { kind, time, detail } => {
                    all.push(RequestInfo::new(place.seq, kind, time, detail));
                }
                Stored::Answered { request, time, outcome, detail } => {
                    let answered = all.iter_mut().find(|other| other.id == request);
                    answered.into_iter().for_each(|other| {
                        other.answer = Some(RequestAnswer { time, outcome, detail: detail.clone() });
                    });
                }
            }
            Ok(true)
        })?;
        Ok(all)
    }
}

impl Vault {
    /// Everybody's requests that have no answer, in no order. Each page looks at 2,000 people at most; it may be empty and have a next one.
    /// Whoever is blocked is passed over: they will be gone.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a cursor that is none.
    pub fn open_requests(&self, page: &Page) -> Result<Listed<OpenRequest>, VaultError> {
        let mut from = page.after::<16>()?.unwrap_or_default();
        let mut found = Vec::new();
        for _ in 0..PEOPLE {
            let Some(next) = successor(from) else { return Ok(Listed::end(found)) };
            let rows = self.inner.engine.range(&next, &[0xff; 64], 1, false)?;
            let handle = rows.first().and_then(|(key, _)| key.first_chunk::<16>().copied());
            let Some(handle) = handle else { return Ok(Listed::end(found)) };
            self.add_open(Handle(handle), &mut found)?;
            from = handle;
        }
        Ok(Listed::more(found, Some(from)))
    }

    fn add_open(&self, handle: Handle, found: &mut Vec<OpenRequest>) -> Result<(), VaultError> {
        let bounds = Bounds::run(&handle, run());
        if self.inner.engine.range(&bounds.from, &bounds.to, 1, false)?.is_empty() {
            return Ok(());
        }
        let person = match self.by_handle(handle) {
            Ok(Some(person)) => person,
            Ok(None) | Err(VaultError::SubjectBlocked) => return Ok(()),
            Err(other) => return Err(other),
        };
        let user = person.keys.user_id();
        let requests = match person.requests() {
            Err(VaultError::SubjectBlocked | VaultError::SubjectErased { .. }) => return Ok(()),
            other => other?,
        };
        let user = UserName(user.as_str().to_owned());
        let open = requests.into_iter().filter(|request| request.answer.is_none());
        found.extend(open.map(|request| OpenRequest { user: user.clone(), request }));
        Ok(())
    }
}

impl RequestInfo {
    fn new(id: u64, kind: RequestKind, received: u64, detail: Option<String>) -> Self {
        let due = received.saturating_add(DAYS_TO_ANSWER * DAY);
        Self { id, kind, received, due, detail, answer: None }
    }
}

fn run() -> Run {
    Run::items(Class::Profile, REQUESTS)
}

/// The handle after this one.
fn successor(handle: [u8; 16]) -> Option<[u8; 16]> {
    u128::from_be_bytes(handle).checked_add(1).map(u128::to_be_bytes)
}

/// See [`crate::fuzzing`]. Input: the content of an item.
#[allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]
pub(crate) fn fuzz(json: &[u8]) {
    let Ok(stored) = serde_json::from_slice::<Stored>(json) else { return };
    let written = serde_json::to_vec(&stored).unwrap();
    let again = serde_json::from_slice::<Stored>(&written).unwrap();
    assert_eq!(serde_json::to_vec(&again).unwrap(), written);
}

pub(crate) fn fuzz_seeds() -> Vec<Vec<u8>> {
    [
        r#"{"received":{"kind":"access","time":1700000000000000,"detail":"all of it"}}"#,
        r#"{"answered":{"request":1,"time":18446744073709551615,"outcome":"refused"}}"#,
    ]
    .map(|json| json.as_bytes().to_vec())
    .to_vec()
}
