//! A save on its way in: small ones whole, large ones streamed. Nothing is stored unless the body arrived whole.

use std::io::{Cursor, Read};

use axum::{
    extract::Request,
    http::{HeaderMap, StatusCode, header},
};
use oubliette_store::{PutOptions, SaveInfo, Saves, Vault, VaultError};

use super::{YourSide, conditions::Wanted};
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
    let yours = YourSide::of(request.headers(), &options);
    let length = options.expected_len;
    let upload = Upload { user, game, slot, wanted, options, yours };
    let stored = match length {
        Some(length) if length > limit => return Err(Problem::too_large("a save", limit)),
        Some(length) if length <= SMALL => {
            let bytes = body::collect(request, SMALL as usize, app.config.idle_timeout).await?;
            app.run(move |vault| put(vault, &upload, &mut Cursor::new(bytes.as_slice()))).await?
        }
        _ => stream(app, upload, request).await?,
    };
    stored.map_err(|conflict| Problem::version_conflict(conflict.current.as_deref(), Some(conflict.yours)))
}

/// A save that is to be stored, but for its bytes.
struct Upload {
    user: String,
    game: String,
    slot: String,
    wanted: Wanted,
    options: PutOptions,
    yours: YourSide,
}

/// Another version stands.
struct Conflict {
    current: Option<Box<SaveInfo>>,
    yours: YourSide,
}

impl Upload {
    /// Adds the sender's side to a conflict.
    fn judged<T>(
        &self,
        saves: &Saves,
        outcome: Result<T, VaultError>,
    ) -> Result<Result<T, Conflict>, VaultError> {
        match outcome {
            Err(VaultError::VersionConflict { current }) => {
                let yours = self.yours.clone().with_base(&self.wanted, saves, &self.game, &self.slot);
                Ok(Err(Conflict { current, yours }))
            }
            outcome => outcome.map(Ok),
        }
    }
}

fn put(
    vault: &Vault,
    upload: &Upload,
    content: &mut dyn Read,
) -> Result<Result<SaveInfo, Conflict>, VaultError> {
    let Upload { user, game, slot, wanted, options, .. } = upload;
    let saves = vault.subject(user)?.saves();
    let stored = wanted.clone().condition(&saves, game, slot).and_then(|condition| {
        saves.put(game, slot, &PutOptions { condition: Some(condition), ..options.clone() }, content)
    });
    upload.judged(&saves, stored)
}

async fn stream(app: &App, upload: Upload, request: Request) -> Result<Result<SaveInfo, Conflict>, Problem> {
    let _permit = app.uploads.try_acquire().map_err(|_| Problem::overloaded())?;
    // Asked before the body is touched: a client that sent `Expect: 100-continue` then never sends it in vain.
    let (upload, foreseen) = app
        .run(move |vault| {
            let saves = vault.subject(&upload.user)?.saves();
            let foreseen =
                upload.judged(&saves, upload.wanted.foresee(&saves, &upload.game, &upload.slot))?;
            Ok((upload, foreseen))
        })
        .await?;
    if let Err(conflict) = foreseen {
        return Ok(Err(conflict));
    }
    let idle = app.config.idle_timeout;
    let (pump, mut reader) = body::stream(request.into_body(), app.config.max_save, idle);
    let stored = app.run_now(move |vault| put(vault, &upload, &mut reader));
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
