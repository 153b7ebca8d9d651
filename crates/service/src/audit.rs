//! What is written into the vault's audit log about a request: a layer around all routes, so that no handler can be forgotten.
//!
//! [`enter`] is called once a token is known: it keeps room for the record, so that what cannot be recorded is not done. [`record`] is called when the
//! answer stands and before its first byte leaves. In between, [`Facts`] travel with the request; a handler may add to them.
//! Refusals to people without a token are counted, and a few of them recorded, so that a flood cannot fill the disk.

use std::{
    borrow::Cow,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    extract::{RawPathParams, Request},
    http::{Method, StatusCode},
};
use oubliette_store::{ActorKind, AuditAttempt, AuditEntry, AuditKind, AuditOutcome, Vault, VaultError};

use crate::{
    access::Route,
    finish::RequestId,
    idempotency,
    operator::Failure,
    problem::Problem,
    state::App,
    times,
    tokens::{Grant, Scope},
};

/// Names in paths that are people acted on, and those of a second person.
const SUBJECTS: [&str; 2] = ["user", "follower"];
const OTHERS: [&str; 2] = ["peer", "owner"];

/// What is known of a request for its record. An extension of every request; cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Facts(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    attempt: Option<AuditAttempt>,
    operation: Option<(Method, &'static str)>,
    scope: Option<Scope>,
    grant: Option<Grant>,
    subject: Option<String>,
    other: Option<String>,
    note: Cow<'static, str>,
}

impl Facts {
    /// Adds a few words of a program's own, such as a purpose. Never a name or anything that a person wrote.
    pub(crate) fn note(&self, note: impl Into<Cow<'static, str>>) {
        self.known().note = note.into();
    }

    /// The person that the path names, if the route takes an `Idempotency-Key`.
    pub(crate) fn keyed_subject(&self) -> Option<String> {
        let known = self.known();
        let (method, path) = known.operation.as_ref()?;
        known.subject.clone().filter(|_| idempotency::taken_by(method, path))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps room for the record of a request whose token is known, and notes what is asked.
pub(crate) async fn enter(
    app: &App,
    request: Request,
    route: &Route,
    scope: Scope,
    grant: Grant,
) -> Result<Request, Problem> {
    let attempt = app.vault.audit().begin().map_err(|error| {
        app.look_at(&error);
        match error {
            VaultError::AuditFailed { .. } => Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "audit_unavailable",
                "The audit log cannot be written",
                "nothing was done, since it could not be recorded; send it again when the service is back",
            ),
            error => Problem::from(error),
        }
    })?;
    let (mut parts, body) = request.into_parts();
    let names = <RawPathParams as axum::extract::FromRequestParts<()>>::from_request_parts(&mut parts, &());
    let (mut subject, mut other) = (None, None);
    // A path that is no UTF-8 names nobody.
    if let Ok(names) = names.await {
        for (name, value) in &names {
            if SUBJECTS.contains(&name) {
                subject = Some(value.to_owned());
            } else if OTHERS.contains(&name) {
                other = Some(value.to_owned());
            }
        }
    }
    if let Some(facts) = parts.extensions.get::<Facts>() {
        let mut known = facts.known();
        let operation = Some((parts.method.clone(), route.path));
        *known = Known {
            attempt: Some(attempt),
            operation,
            scope: Some(scope),
            grant: Some(grant),
            subject,
            other,
            note: Cow::Borrowed(""),
        };
    }
    Ok(Request::from_parts(parts, body))
}

/// Writes the record of a request whose answer stands. On an error that answer must not leave.
pub(crate) async fn record(
    app: &App,
    facts: Facts,
    id: &RequestId,
    method: &Method,
    status: StatusCode,
    code: &str,
) -> Result<(), Problem> {
    let known = mem::take(&mut *facts.known());
    let mut entry = AuditEntry::new(AuditKind::Done, ActorKind::Nobody, "");
    (entry.status, entry.request) = (status.as_u16(), id.0);
    code.clone_into(&mut entry.code);
    let (Some(attempt), Some(grant)) = (known.attempt, known.grant) else {
        if AuditOutcome::of(entry.status) == AuditOutcome::Refused {
            entry.operation = method_name(method).to_owned();
            stranger(app, entry).await;
        }
        return Ok(());
    };
    entry.actor = ActorKind::Token;
    (entry.granted, entry.actor_id, entry.actor_name) = (grant.mask(), grant.id, grant.name);
    entry.operation =
        known.operation.map_or(String::new(), |(method, path)| format!("{} {path}", method_name(&method)));
    entry.scope = known.scope.map_or(String::new(), |scope| scope.as_str().to_owned());
    entry.note = known.note.into_owned();
    let (subject, other) = (known.subject, known.other);
    app.run_now(move |vault| {
        let find = |user: Option<String>| user.and_then(|user| who(vault, &user));
        (entry.subject, entry.other) = (find(subject), find(other));
        attempt.record(&entry)
    })
    .await
    .map(|_| ())
}

/// A person's name in the log. Damage in the key plane is no reason to lose a record.
fn who(vault: &Vault, user: &str) -> Option<oubliette_store::Pseudonym> {
    vault.audit().pseudonym(user).unwrap_or_default()
}

/// Only what the service knows: a client could write a person's name here.
fn method_name(method: &Method) -> &str {
    let known = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS];
    if known.contains(method) { method.as_str() } else { "other" }
}

/// Counts refusals of requests without a usable token.
#[derive(Default)]
pub(crate) struct Strangers(Mutex<Minute>);

#[derive(Default)]
struct Minute {
    began: u64,
    recorded: u32,
    counted: u32,
}

/// So many in a minute are recorded one by one.
const RECORDED: u32 = 10;
const MINUTE: u64 = 60_000_000;

impl Strangers {
    /// Whether to record this one, and how many of an earlier minute were only counted.
    fn meet(&self, now: u64) -> (bool, u32) {
        let mut minute = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut earlier = 0;
        // A clock that was set back begins a new minute, too.
        if !(minute.began..minute.began.saturating_add(MINUTE)).contains(&now) {
            earlier = minute.counted;
            *minute = Minute { began: now, recorded: 0, counted: 0 };
        }
        let record = minute.recorded < RECORDED;
        let number = if record { &mut minute.recorded } else { &mut minute.counted };
        *number = number.saturating_add(1);
        (record, earlier)
    }

    fn take(&self) -> u32 {
        mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).counted)
    }
}

/// A refusal needs no record to be one: if none can be written, the request is refused all the same.
async fn stranger(app: &App, entry: AuditEntry) {
    let (record, earlier) = app.strangers.meet(times::now());
    write_counted(app, earlier).await;
    if record {
        let written = app.run_now(move |vault| vault.audit().begin()?.record(&entry)).await;
        if let Err(problem) = written {
            tracing::warn!(code = problem.code, "a refusal was not recorded");
        }
    }
}

/// Writes how many strangers were only counted so far; before the service stops.
pub(crate) async fn flush_strangers(app: &App) {
    let counted = app.strangers.take();
    write_counted(app, counted).await;
}

async fn write_counted(app: &App, count: u32) {
    if count == 0 {
        return;
    }
    let code = "unauthorized".to_owned();
    let entry = AuditEntry {
        status: 401,
        code,
        count,
        ..AuditEntry::new(AuditKind::Done, ActorKind::Nobody, "refusals without a token, counted")
    };
    if let Err(problem) = app.run_now(move |vault| vault.audit().begin()?.record(&entry)).await {
        tracing::warn!(code = problem.code, count, "refusals were not recorded");
    }
}

/// Carries an operator's command out between two records: one that it is about to begin, if it changes anything, and one of its outcome.
pub(crate) fn command<T>(
    vault: &Vault,
    name: &str,
    changes: bool,
    user: Option<&str>,
    run: impl FnOnce() -> Result<T, (StatusCode, Failure)>,
) -> Result<T, Failure> {
    let mut entry = AuditEntry::new(AuditKind::Attempt, ActorKind::Operator, name);
    entry.subject = user.and_then(|user| who(vault, user));
    let audit = vault.audit();
    between(&|| audit.begin(), entry, changes, run)
}

/// The same for any log that `begin` keeps room in.
pub(crate) fn between<T>(
    begin: &dyn Fn() -> Result<AuditAttempt, VaultError>,
    mut entry: AuditEntry,
    changes: bool,
    run: impl FnOnce() -> Result<T, (StatusCode, Failure)>,
) -> Result<T, Failure> {
    if changes {
        begin()?.record(&entry)?;
    }
    let attempt = begin()?;
    let done = run();
    entry.kind = AuditKind::Done;
    entry.status = StatusCode::OK.as_u16();
    if let Err((status, failure)) = &done {
        (entry.status, entry.code) = (status.as_u16(), failure.code.clone());
    }
    attempt.record(&entry)?;
    done.map_err(|(_, failure)| failure)
}

#[cfg(test)]
mod tests {
    use super::{MINUTE, RECORDED, Strangers};

    #[test]
    fn a_flood_is_counted_and_ten_a_minute_are_recorded() {
        let strangers = Strangers::default();
        let mut recorded = 0;
        for n in 0..1000 {
            let (record, earlier) = strangers.meet(MINUTE + n);
            recorded += u32::from(record);
            assert_eq!(earlier, 0);
        }
        assert_eq!(recorded, RECORDED);
        assert_eq!(strangers.meet(2 * MINUTE), (true, 1000 - RECORDED));
        assert_eq!(strangers.meet(2 * MINUTE + 1), (true, 0));
        assert_eq!(strangers.take(), 0);
        // The clock was set back.
        assert_eq!(strangers.meet(5), (true, 0));
    }
}
