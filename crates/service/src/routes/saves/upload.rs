//! A save on its way in: small ones whole, large ones streamed. Nothing is stored unless the body arrived whole.

use std::{io::Cursor, time::Duration};

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use oubliette_store::{PutOptions, SaveInfo, VaultError};

use super::conditions::Wanted;
use crate::{body, problem::Problem, state::App};

/// Up to here a declared body is received before the vault is called, so that a slow client holds no thread.
const SMALL: u64 = 256 << 10;

/// Stores the request's body as a new version.
pub(super) async fn store(
    app: &App,
    user: String,
    game: String,
    slot: String,
    request: Request,
) -> Result<SaveInfo, Problem> {
    let wanted = Wanted::of(request.headers())?;
    if app.config.require_precondition && wanted == Wanted::Nothing {
        return Err(Problem::new(
            StatusCode::PRECONDITION_REQUIRED,
            "precondition_required",
            "A precondition is required",
            "send `If-None-Match: *` for a new slot, or the ETag of the version to replace in If-Match",
        ));
    }
    let options = PutOptions {
        condition: None,
        content_type: text(request.headers(), header::CONTENT_TYPE.as_str())?,
        meta: text(request.headers(), "x-save-meta")?,
        expected_len: body::content_length(&request),
    };
    let limit = app.config.max_save;
    match options.expected_len {
        Some(length) if length > limit => Err(Problem::too_large("a save", limit)),
        Some(length) if length <= SMALL => {
            let bytes = body::collect(request, SMALL as usize, app.config.idle_timeout).await?;
            app.run(move |vault| {
                let saves = vault.subject(&user)?.saves();
                let condition = Some(wanted.condition(&saves, &game, &slot)?);
                saves.put(
                    &game,
                    &slot,
                    &PutOptions { condition, ..options },
                    &mut Cursor::new(bytes.as_slice()),
                )
            })
            .await
        }
        _ => stream(app, user, game, slot, wanted, options, request, app.config.idle_timeout).await,
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of one request, passed on once")]
async fn stream(
    app: &App,
    user: String,
    game: String,
    slot: String,
    wanted: Wanted,
    options: PutOptions,
    request: Request,
    idle: Duration,
) -> Result<SaveInfo, Problem> {
    let _permit = app.uploads.try_acquire().map_err(|_| Problem::overloaded())?;
    // Asked before the body is touched: a client that sent `Expect: 100-continue` then never sends it in vain.
    let (who, what, asked) = (user.clone(), (game.clone(), slot.clone()), wanted.clone());
    app.with_subject(who, move |subject| asked.foresee(&subject.saves(), &what.0, &what.1)).await?;
    let (pump, mut reader) = body::stream(request.into_body(), app.config.max_save, idle);
    let stored = app.run_now(move |vault| {
        let saves = vault.subject(&user)?.saves();
        let condition = Some(wanted.condition(&saves, &game, &slot)?);
        let stored = saves.put(&game, &slot, &PutOptions { condition, ..options }, &mut reader)?;
        Ok::<_, VaultError>(stored)
    });
    // If this future is dropped (the client went away), so is the pump, and the reader ends in an error.
    let (pumped, stored) = tokio::join!(pump.run(), stored);
    match (pumped, stored) {
        // The cause lies with the client; the vault only saw a body cut off.
        (Err(problem), Err(_)) => Err(problem),
        (_, stored) => stored,
    }
}

/// A header as text; raw UTF-8 is taken, as browsers and curl send it.
fn text(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(name) else { return Ok(None) };
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Ok(Some(text.to_owned())),
        Err(_) => Err(Problem::invalid(name, "the header is not UTF-8")),
    }
}
