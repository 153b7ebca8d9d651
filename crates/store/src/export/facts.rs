//! Who the person is to the vault: facts, consents, restrictions, accounts without their secrets.

use serde::Serialize;

use super::archive::Archive;
use super::content::time;
use crate::{Quotas, RequestKind, RequestOutcome, Subject, Use, VaultError};

#[derive(Serialize)]
struct Person {
    user: String,
    created: String,
    region: Option<String>,
    birth_year: Option<u16>,
    follow_play: bool,
    consents_withdrawn: Vec<String>,
    blocked: Vec<String>,
    stored: Vec<Stored>,
    /// What they may store; null where nothing is said.
    quotas: Quotas,
}

#[derive(Serialize)]
struct Stored {
    class: &'static str,
    items: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Consent {
    purpose: String,
    state: &'static str,
    time: String,
    policy_version: Option<String>,
    evidence: Option<String>,
}

#[derive(Serialize)]
struct Account {
    account: String,
    /// Names; what stands in them is not exported.
    fields: Vec<String>,
    updated: String,
    last_used: Option<String>,
    /// Of each kind of use, and of each purpose and recipient of a release, the last.
    uses: Vec<Used>,
}

#[derive(Serialize)]
struct Used {
    kind: &'static str,
    time: String,
    purpose: Option<String>,
    recipient: Option<String>,
    fields: Vec<String>,
}

/// What the person asked for under their rights.
#[derive(Serialize)]
struct Request {
    id: u64,
    kind: RequestKind,
    received: String,
    due: String,
    detail: Option<String>,
    answer: Option<Answer>,
}

#[derive(Serialize)]
struct Answer {
    time: String,
    outcome: RequestOutcome,
    detail: Option<String>,
}

pub(super) fn write(subject: &Subject, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    let info = subject.info()?;
    let restrictions = subject.person.keys.restrictions();
    let stored = info.usage.into_iter();
    let person = Person {
        user: info.user,
        created: time(info.created),
        region: info.region,
        birth_year: info.birth_year,
        follow_play: !restrictions.follow_play_off,
        consents_withdrawn: restrictions.withdrawn.iter().cloned().collect(),
        blocked: subject.chats().blocked()?,
        quotas: subject.quotas()?,
        stored: stored.map(|of| Stored { class: of.class, items: of.items, bytes: of.bytes }).collect(),
    };
    archive.json("person.json".to_owned(), &person)?;
    let events = subject.consents().history()?.into_iter().map(|event| Consent {
        purpose: event.purpose,
        state: event.state,
        time: time(event.time),
        policy_version: event.policy_version,
        evidence: event.evidence,
    });
    archive.json("consents.json".to_owned(), &events.collect::<Vec<_>>())?;
    let accounts = subject.credentials().list_steam()?.into_iter().map(|account| Account {
        account: account.account,
        fields: account.fields,
        updated: time(account.updated),
        last_used: account.last_used.map(time),
        uses: account.uses.into_iter().map(Used::from).collect(),
    });
    let requests = subject.requests().list()?.into_iter().map(|request| Request {
        id: request.id,
        kind: request.kind,
        received: time(request.received),
        due: time(request.due),
        detail: request.detail,
        answer: request.answer.map(|answer| Answer {
            time: time(answer.time),
            outcome: answer.outcome,
            detail: answer.detail,
        }),
    });
    archive.json("requests.json".to_owned(), &requests.collect::<Vec<_>>())?;
    archive.json("credentials/steam.json".to_owned(), &accounts.collect::<Vec<_>>())
}

impl From<Use> for Used {
    fn from(used: Use) -> Self {
        let Use { kind, time: at, purpose, recipient, fields } = used;
        Self { kind: kind.as_str(), time: time(at), purpose, recipient, fields }
    }
}
