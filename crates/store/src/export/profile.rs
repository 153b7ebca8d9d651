//! Who the person is to the vault: facts, restrictions, consents, requests; and of their platform accounts all but the secrets.

use oubliette_crypto::Class;
use oubliette_keyring::Restrictions;
use serde::Serialize;

use super::archive::Archive;
use super::{Export, times};
use crate::times::micros;
use crate::{AccountInfo, Quotas, RequestKind, RequestOutcome, Use, VaultError};

#[derive(Serialize)]
struct Facts {
    user: String,
    created: String,
    region: Option<String>,
    /// Where the vault is that this comes from.
    vault_region: Option<String>,
    /// Where it is taken to, if that was said.
    taken_to: Option<String>,
    birth_year: Option<u16>,
    follow_play: bool,
    /// Kept in a region that is not the person's own.
    other_region: bool,
    consents_withdrawn: Vec<String>,
    /// User ids; who has left is omitted.
    blocked: Vec<String>,
    stored: Vec<Stored>,
    /// What they may store; null where nothing is said.
    quotas: Quotas,
    #[serde(skip_serializing_if = "Option::is_none")]
    deletion: Option<Leaving>,
}

#[derive(Serialize)]
struct Stored {
    class: &'static str,
    items: u64,
    bytes: u64,
}

/// A deletion that was asked for and can still be taken back.
#[derive(Serialize)]
struct Leaving {
    job: String,
    requested: String,
    due: String,
    reason: String,
}

#[derive(Serialize)]
struct Account {
    account: String,
    /// Names; what stands in them is not exported.
    fields: Vec<String>,
    updated: String,
    last_used: Option<String>,
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

#[derive(Serialize)]
struct Consent {
    purpose: String,
    state: &'static str,
    time: String,
    policy_version: Option<String>,
    evidence: Option<String>,
}

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

pub(super) fn credentials(export: &Export, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    export.person().every_named(Class::Credentials)?;
    let accounts = export.subject.credentials().list_steam()?.into_iter().map(Account::from);
    archive.json("credentials/steam.json", &accounts.collect::<Vec<_>>())
}

/// Shares and what is kept of a slot stand with the slot; answers that are kept for a day to be repeated are copies of what was told before.
pub(super) fn write(export: &Export, archive: &mut Archive<'_>) -> Result<(), VaultError> {
    let subject = &export.subject;
    archive.json("person.json", &facts(export)?)?;
    let consents = subject.consents().history()?.into_iter().map(|event| Consent {
        purpose: event.purpose,
        state: event.state,
        time: times::text(event.time),
        policy_version: event.policy_version,
        evidence: event.evidence,
    });
    archive.json("consents.json", &consents.collect::<Vec<_>>())?;
    let requests = subject.requests().list()?.into_iter().map(|request| Request {
        id: request.id,
        kind: request.kind,
        received: times::text(request.received),
        due: times::text(request.due),
        detail: request.detail,
        answer: request.answer.map(|answer| Answer {
            time: times::text(answer.time),
            outcome: answer.outcome,
            detail: answer.detail,
        }),
    });
    archive.json("requests.json", &requests.collect::<Vec<_>>())
}

fn facts(export: &Export) -> Result<Facts, VaultError> {
    let (subject, person) = (&export.subject, export.person());
    let info = subject.info()?;
    let restrictions = person.keys.restrictions();
    // One that is new is told, or it is said here why not: of legal holds the law may forbid to tell, and what waits behind one is deleted.
    let Restrictions {
        follow_play_off,
        foreign,
        birth_year,
        withdrawn,
        blocked_peers: _,
        holds: _,
        waiting: _,
        deletion,
    } = &*restrictions;
    let stored = info.usage.into_iter();
    Ok(Facts {
        user: info.user,
        created: times::text(info.created),
        region: info.region,
        vault_region: person.vault.settings.region.clone(),
        taken_to: export.options.region.clone(),
        birth_year: *birth_year,
        follow_play: !follow_play_off,
        other_region: *foreign,
        consents_withdrawn: withdrawn.iter().cloned().collect(),
        blocked: subject.chats().blocked()?,
        stored: stored.map(|of| Stored { class: of.class, items: of.items, bytes: of.bytes }).collect(),
        quotas: info.quotas,
        deletion: deletion.as_ref().map(|deletion| Leaving {
            job: deletion.job.to_string(),
            requested: seconds_text(deletion.requested),
            due: seconds_text(deletion.due),
            reason: deletion.reason.as_str().to_owned(),
        }),
    })
}

fn seconds_text(seconds: i64) -> String {
    times::text(micros(seconds))
}

impl From<AccountInfo> for Account {
    fn from(info: AccountInfo) -> Self {
        Self {
            account: info.account,
            fields: info.fields,
            updated: times::text(info.updated),
            last_used: info.last_used.map(times::text),
            uses: info.uses.into_iter().map(Used::from).collect(),
        }
    }
}

impl From<Use> for Used {
    fn from(used: Use) -> Self {
        Self {
            kind: used.kind.as_str(),
            time: times::text(used.time),
            purpose: used.purpose,
            recipient: used.recipient,
            fields: used.fields,
        }
    }
}
