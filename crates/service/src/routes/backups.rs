//! Backups to the place that the settings name. Where that is, a client neither says nor learns.

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::VaultError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    backups::BackupView,
    extract::{Json, Names},
    problem::Problem,
    state::App,
};

/// How to make it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBackupBody {
    /// Build on no earlier backup.
    #[serde(default)]
    full: bool,
}

/// The backups of the place, oldest first, then those that run or failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct BackupList {
    backups: Vec<BackupView>,
    /// Manifests that cannot be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
}

/// Begins a backup. One runs at a time; what was written before and is there already is not written again.
#[utoipa::path(post, path = "/v1/backups", tag = "backups", request_body = NewBackupBody,
    responses((status = 202, description = "begun", body = BackupView)))]
pub(crate) async fn begin(
    State(app): State<App>,
    Json(body): Json<NewBackupBody, 4096>,
) -> Result<(StatusCode, Answer<BackupView>), Problem> {
    let jobs = app.backups.clone();
    let view = app.run(move |vault| jobs.begin(vault, body.full)).await?;
    Ok((StatusCode::ACCEPTED, Answer(view)))
}

/// Every backup, and who can be read from it with today's keys.
#[utoipa::path(get, path = "/v1/backups", tag = "backups", responses((status = 200, body = BackupList)))]
pub(crate) async fn list(State(app): State<App>) -> Result<Answer<BackupList>, Problem> {
    let (backups, unreadable) = all(&app).await?;
    Ok(Answer(BackupList { backups, unreadable }))
}

/// One backup; while it runs, how far it came.
#[utoipa::path(get, path = "/v1/backups/{id}", tag = "backups", responses((status = 200, body = BackupView)))]
pub(crate) async fn get(
    State(app): State<App>,
    Names(id): Names<String>,
) -> Result<Answer<BackupView>, Problem> {
    // One that runs is asked for often, and its place need not be read for it.
    if let Some(job) = app.backups.unfinished().into_iter().find(|job| job.id == id) {
        return Ok(Answer(job));
    }
    let (backups, _) = all(&app).await?;
    let found = backups.into_iter().find(|backup| backup.id == id);
    found.map(Answer).ok_or_else(|| VaultError::NotFound { what: "backup" }.into())
}

async fn all(app: &App) -> Result<(Vec<BackupView>, Vec<String>), Problem> {
    // Before the place is read: what ends meanwhile is then in one of the two.
    let unfinished = app.backups.unfinished();
    let (backups, unreadable) = app
        .run(|vault| {
            let backups = vault.backups();
            // Without a place there are none.
            if backups.settings().to.is_none() {
                return Ok((Vec::new(), Vec::new()));
            }
            backups.list(&*backups.store(None)?)
        })
        .await?;
    let mut views: Vec<BackupView> = backups.into_iter().map(Into::into).collect();
    let running = unfinished.into_iter().filter(|job| views.iter().all(|view| view.id != job.id));
    let running: Vec<_> = running.collect();
    views.extend(running);
    Ok((views, unreadable))
}
