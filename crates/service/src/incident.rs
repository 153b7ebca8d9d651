//! The incident report: whose data a token or a time span could have touched, and whose it did touch, from the audit log. It is made
//! from the log's files alone, so also where the vault cannot be opened; only the names of the living need the vault ([`resolve`]).

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use oubliette_store::{
    ActorKind, AuditEntry, AuditFilter, AuditKind, AuditOutcome, AuditRecord, Pseudonym, Vault, VaultError,
    read_audit,
};
use serde::{Deserialize, Serialize};

use crate::{
    times,
    tokens::{Scope, TokenInfo},
};

/// What is asked: a token, a time span, or both. Times in microseconds since 1970.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Question {
    /// The token's name.
    pub token: Option<String>,
    /// Not before.
    pub from: Option<u64>,
    /// Before.
    pub to: Option<u64>,
}

/// The answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Incident {
    /// The token that was asked about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The span that was asked about, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The end of that span.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Everybody who acted in the span.
    pub actors: Vec<Actor>,
    /// What the tokens' scopes let them do; to everybody in the vault, touched or not.
    pub could_touch: Reach,
    /// How many different people were touched.
    pub people_touched: usize,
    /// Who was acted on, by whom and how often. `allowed` is what counts: what was refused touched nothing.
    pub touched: Vec<Touch>,
    /// Why the answer may lack something.
    pub warnings: Vec<String>,
}

/// Somebody who acted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Actor {
    /// `token`, `operator`, `nobody`.
    pub kind: String,
    /// The token's name.
    pub name: String,
    /// Tells tokens of one name apart.
    pub id: String,
    /// Every scope that the token had.
    pub scopes: Vec<String>,
    /// First record in the span, RFC 3339.
    pub first: Option<String>,
    /// Last record in the span.
    pub last: Option<String>,
    /// Operations, the refused included.
    pub operations: u64,
}

/// What scopes reach.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Reach {
    /// All scopes of those who acted.
    pub scopes: Vec<String>,
    /// Content that could be read.
    pub read: Vec<String>,
    /// Content that could be changed or forgotten.
    pub write: Vec<String>,
    /// People who are in the vault now, each of whom could be reached; not known from the files alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
}

/// One person, one actor, one operation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Touch {
    /// The person's name in the log; `none` where nobody of the vault was meant.
    pub subject: String,
    /// The user id, where the person still lives and it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `subject`, or `other`: the peer of a conversation, the owner of a followed save.
    pub role: String,
    /// `token`, `operator`, `nobody`.
    pub actor: String,
    /// The token's name.
    pub token: String,
    /// Tells tokens of one name apart.
    pub token_id: String,
    /// Method and route template, or the command.
    pub operation: String,
    /// The scope that it needs.
    pub scope: String,
    /// How often it was carried out.
    pub allowed: u64,
    /// How often it was refused.
    pub refused: u64,
    /// How often it failed: it may have been carried out.
    pub failed: u64,
    /// First time, RFC 3339.
    pub first: String,
    /// Last time.
    pub last: String,
}

/// One person in one role, one actor, one operation.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    person: Option<Pseudonym>,
    other: bool,
    actor: ActorKey,
    operation: String,
    scope: String,
}

type ActorKey = (ActorKind, String, [u8; 4]);

struct Counts {
    allowed: u64,
    refused: u64,
    failed: u64,
    first: u64,
    last: u64,
}

impl Counts {
    fn add(&mut self, record: &AuditRecord) {
        let count = u64::from(record.entry.count);
        match AuditOutcome::of(record.entry.status) {
            AuditOutcome::Allowed => self.allowed += count,
            AuditOutcome::Refused => self.refused += count,
            AuditOutcome::Failed => self.failed += count,
        }
        (self.first, self.last) = (self.first.min(record.time), self.last.max(record.time));
    }
    fn none() -> Self {
        Self { allowed: 0, refused: 0, failed: 0, first: u64::MAX, last: 0 }
    }
}

/// Makes the report from the log in `ledger`, the folder of the log. `tokens` are those that there are now: one that was never used has its
/// scopes from there.
///
/// # Errors
/// [`VaultError::NotFound`] if neither log nor vault know the token; those of reading.
pub fn report(ledger: &Path, tokens: &[TokenInfo], question: &Question) -> Result<Incident, VaultError> {
    let filter = AuditFilter {
        from: question.from,
        to: question.to,
        actor: question.token.clone(),
        ..AuditFilter::default()
    };
    let mut touched: BTreeMap<Key, Counts> = BTreeMap::new();
    let mut actors: BTreeMap<ActorKey, (u64, Counts)> = BTreeMap::new();
    let mut warnings = Vec::new();
    // What the token was given when it was made, whether it was used or not.
    let mut given = None;
    read_audit(ledger, &filter, &mut |record| {
        let entry = &record.entry;
        match entry.kind {
            AuditKind::Done => {}
            // The record of its outcome follows, unless the machine stopped in between.
            AuditKind::Attempt | AuditKind::Closed => return,
            AuditKind::Opened => {
                warnings.extend(gap(&record));
                return;
            }
        }
        let mut actor = (entry.actor, entry.actor_name.clone(), entry.actor_id);
        if entry.actor == ActorKind::Operator {
            // The token that they made or took back did not act.
            if question.token.is_some() {
                if entry.status < 400 {
                    *given.get_or_insert(0) |= entry.granted;
                }
                return;
            }
            actor = (ActorKind::Operator, String::new(), [0; 4]);
        }
        let (granted, counts) = actors.entry(actor.clone()).or_insert((0, Counts::none()));
        if entry.actor == ActorKind::Token {
            *granted |= entry.granted;
        }
        counts.add(&record);
        for (person, other) in people(entry) {
            let (operation, scope) = (entry.operation.clone(), entry.scope.clone());
            let key = Key { person, other, actor: actor.clone(), operation, scope };
            touched.entry(key).or_insert_with(Counts::none).add(&record);
        }
    })?;
    let verified = oubliette_store::verify_audit(ledger, None)?;
    warnings.extend(verified.faults.into_iter().chain(verified.notes));
    let mut granted = actors.values().fold(0, |mask, (granted, _)| mask | granted);
    if let Some(name) = &question.token {
        granted |= given.unwrap_or(0);
        match tokens.iter().find(|token| token.name == *name) {
            Some(token) => granted |= Scope::mask(&token.scopes),
            None if actors.is_empty() && given.is_none() => {
                return Err(VaultError::NotFound { what: "token of this name, nor a record of one" });
            }
            None => {}
        }
    }
    let who: BTreeSet<Pseudonym> = touched
        .iter()
        .filter(|(_, counts)| counts.allowed + counts.failed > 0)
        .filter_map(|(key, _)| key.person)
        .collect();
    Ok(Incident {
        token: question.token.clone(),
        from: question.from.map(times::text),
        to: question.to.map(times::text),
        actors: actors.into_iter().map(|(key, (granted, counts))| actor(key, granted, &counts)).collect(),
        could_touch: reach(granted),
        people_touched: who.len(),
        touched: touched.into_iter().map(|(key, counts)| touch(key, &counts)).collect(),
        warnings,
    })
}

/// Adds the user ids of those who still live, and how many there are. Whoever is gone keeps no name.
///
/// # Errors
/// Those of the key plane.
pub fn resolve(vault: &Vault, incident: &mut Incident) -> Result<(), VaultError> {
    let parse = |text: &str| {
        let bytes = data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Pseudonym(bytes.try_into().ok()?))
    };
    let wanted = incident.touched.iter().filter_map(|touch| parse(&touch.subject)).collect();
    let found = vault.audit().resolve(&wanted)?;
    for touch in &mut incident.touched {
        touch.user = parse(&touch.subject).and_then(|who| found.get(&who).cloned());
    }
    incident.could_touch.people = Some(vault.status()?.subjects);
    Ok(())
}

impl Incident {
    /// One line for each of [`Incident::touched`], after a line of names (RFC 4180).
    pub fn csv(&self) -> String {
        let names =
            "subject,user,role,actor,token,token_id,operation,scope,allowed,refused,failed,first,last";
        let mut csv = format!("{names}\r\n");
        for touch in &self.touched {
            let counts = [touch.allowed, touch.refused, touch.failed].map(|count| count.to_string());
            let texts = [
                touch.subject.as_str(),
                touch.user.as_deref().unwrap_or_default(),
                &touch.role,
                &touch.actor,
                &touch.token,
                &touch.token_id,
                &touch.operation,
                &touch.scope,
            ];
            let fields = texts.into_iter().chain(counts.iter().map(String::as_str));
            let fields: Vec<String> = fields.chain([touch.first.as_str(), &touch.last]).map(quoted).collect();
            csv.push_str(&fields.join(","));
            csv.push_str("\r\n");
        }
        csv
    }
}

/// A field in quotes where it needs them. What a spreadsheet would take for a formula gets an apostrophe: user ids and token names are not ours.
fn quoted(field: &str) -> String {
    let formula = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let field = if formula { format!("'{field}") } else { field.to_owned() };
    if field.contains(['"', ',', '\r', '\n']) { format!("\"{}\"", field.replace('"', "\"\"")) } else { field }
}

/// Whom a record tells of.
fn people(entry: &AuditEntry) -> Vec<(Option<Pseudonym>, bool)> {
    let other = entry.other.map(|other| (Some(other), true));
    [(entry.subject, false)].into_iter().chain(other).collect()
}

fn gap(record: &AuditRecord) -> Option<String> {
    let when = times::text(record.time);
    match record.entry.note.as_str() {
        "not closed" => Some(format!(
            "before {when} the vault was not closed: of what was under way then, changes may have been made without a record; no answer left"
        )),
        "damaged" => Some(format!("at {when} the log was found damaged")),
        _ => None,
    }
}

fn kind(actor: ActorKind) -> &'static str {
    match actor {
        ActorKind::Nobody => "nobody",
        ActorKind::Token => "token",
        ActorKind::Operator => "operator",
        ActorKind::Vault => "vault",
    }
}

fn token_id((actor, _, id): &ActorKey) -> String {
    if *actor == ActorKind::Token { data_encoding::HEXLOWER.encode(id) } else { String::new() }
}

fn actor(key: ActorKey, granted: u64, counts: &Counts) -> Actor {
    Actor {
        kind: kind(key.0).to_owned(),
        id: token_id(&key),
        name: key.1,
        scopes: names(Scope::of_mask(granted)),
        first: Some(times::text(counts.first)),
        last: Some(times::text(counts.last)),
        operations: counts.allowed + counts.refused + counts.failed,
    }
}

fn touch(key: Key, counts: &Counts) -> Touch {
    Touch {
        subject: key.person.map_or_else(|| "none".to_owned(), |who| who.to_string()),
        user: None,
        role: if key.other { "other" } else { "subject" }.to_owned(),
        actor: kind(key.actor.0).to_owned(),
        token_id: token_id(&key.actor),
        token: key.actor.1,
        operation: key.operation,
        scope: key.scope,
        allowed: counts.allowed,
        refused: counts.refused,
        failed: counts.failed,
        first: times::text(counts.first),
        last: times::text(counts.last),
    }
}

fn names(scopes: Vec<Scope>) -> Vec<String> {
    scopes.into_iter().map(|scope| scope.as_str().to_owned()).collect()
}

fn reach(granted: u64) -> Reach {
    let scopes = Scope::of_mask(granted);
    let of = |verbs: &[&str]| {
        let classes = scopes.iter().filter_map(|scope| scope.as_str().split_once(':'));
        let found: BTreeSet<&str> =
            classes.filter(|(_, verb)| verbs.contains(verb)).map(|(class, _)| class).collect();
        found.into_iter().map(str::to_owned).collect()
    };
    Reach {
        read: of(&["read", "use", "release"]),
        write: of(&["write", "request", "override"]),
        scopes: names(scopes),
        people: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_fields_are_quoted_and_no_formulas() {
        assert_eq!(quoted("plain"), "plain");
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=HYPERLINK(1,2)"), "\"'=HYPERLINK(1,2)\"");
        assert_eq!(quoted("-1"), "'-1");
    }

    #[test]
    fn scopes_are_what_they_reach() {
        let reach =
            reach(Scope::mask(&[Scope::SavesRead, Scope::ChatWrite, Scope::CredentialsUse, Scope::Ops]));
        assert_eq!(reach.read, ["credentials", "saves"]);
        assert_eq!(reach.write, ["chat"]);
        assert_eq!(reach.scopes.len(), 4);
    }
}
