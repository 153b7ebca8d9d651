//! The vault's folder: opened here, or reached through the service that holds it.

use std::{
    path::Path,
    process::{Command as Process, Stdio},
    sync::Arc,
};

use oubliette_engine::EngineError;
use oubliette_service::{
    admin,
    operator::{self, Answer, Command},
};
use oubliette_store::{
    ActorKind, AuditEntry, AuditKind, DeletionOptions, Keep, KeepRules, Quotas, RemakeCopies, Vault,
    VaultError, VaultOptions,
};

use crate::{
    config::{Quota, Saves, Settings},
    error::CliError,
    harden,
    output::Progress,
    promises,
};

/// What the vault is opened with: the settings, and a child process that looks at the row engine first.
/// Refused where the system may write keys to disk.
pub(crate) fn options(settings: &Settings) -> Result<VaultOptions, CliError> {
    let mut options = VaultOptions {
        compress: settings.saves.compress,
        max_save: settings.saves.max_size,
        keep: keep_rules(&settings.saves)?,
        quotas: quotas(&settings.quota),
        chat: settings.chat.options()?,
        deletion: deletion(settings),
        backup: settings.backup.settings(),
        cells: settings.cells.clone(),
        witnesses: settings.log.witnesses.clone(),
        key_cache: Some(harden::key_cache(&settings.memory)?),
        ..VaultOptions::default()
    };
    options.engine.sled.verifier = Some(Arc::new(verify_in_child));
    promises::enter(settings, &mut options);
    Ok(options)
}

/// Records a command that this process carries out with the folder in hand and no service could: a move, a restore. `status` is one of HTTP, 0 for an
/// attempt.
pub(crate) fn record(vault: &Vault, operation: &str, kind: AuditKind, status: u16) -> Result<(), VaultError> {
    let entry = AuditEntry { status, ..AuditEntry::new(kind, ActorKind::Operator, operation) };
    vault.audit().begin()?.record(&entry).map(drop)
}

/// What is kept of saves; a number that is none is named.
fn keep_rules(saves: &Saves) -> Result<KeepRules, CliError> {
    let keep = |last, days, of: &str| {
        let keep = Keep { last, days };
        keep.check().map_err(|error| CliError::Usage(format!("the settings of {of}: {error}")))?;
        Ok::<_, CliError>(keep)
    };
    let games = saves.games.iter().map(|(name, game)| {
        Ok((name.clone(), keep(game.keep_last, game.keep_days, &format!("saves.games.{name}"))?))
    });
    Ok(KeepRules {
        all: keep(saves.keep_last, saves.keep_days, "saves")?,
        games: games.collect::<Result<_, CliError>>()?,
    })
}

fn deletion(settings: &Settings) -> DeletionOptions {
    let usual = DeletionOptions::default().cooling_off_days;
    DeletionOptions { cooling_off_days: settings.deletion.cooling_off_days.unwrap_or(usual) }
}

fn quotas(quota: &Quota) -> Quotas {
    let of = |bytes, items| oubliette_store::Quota { bytes, items };
    Quotas {
        total: of(quota.total_bytes, quota.total_items),
        saves: of(quota.saves_bytes, quota.saves_items),
        chat: of(quota.chat_bytes, quota.chat_items),
        credentials: of(quota.credentials_bytes, quota.credentials_items),
        records: of(quota.records_bytes, quota.records_items),
    }
}

/// Carries an operator command out: on the folder itself, or through `admin.sock` if a service holds it.
pub(crate) fn operate(settings: &Settings, command: &Command) -> Result<Answer, CliError> {
    let mut bar = Progress::steps();
    operate_with(settings, command, &mut |what, done| bar.at(what, done))
}

/// The same with a progress of one's own.
pub(crate) fn operate_with(
    settings: &Settings,
    command: &Command,
    mut progress: &mut dyn FnMut(&str, u64),
) -> Result<Answer, CliError> {
    let mut options = options(settings)?;
    options.remake_key_copies = match command {
        Command::Fsck { give_up_lost: true, .. } => RemakeCopies::Nothing,
        Command::Fsck { repair: true, .. } => RemakeCopies::Broken,
        _ => RemakeCopies::Missing,
    };
    match Vault::open(&settings.data, options) {
        Err(VaultError::InUse { .. }) => Ok(admin::call(&settings.data, command, &mut progress)?),
        Err(error) => Err(error.into()),
        Ok(vault) => {
            let done = operator::run(&vault, command, &mut progress);
            if done.is_ok() && matches!(command, Command::SubjectErase { .. }) {
                sweep(&vault);
            }
            let closed = vault.close();
            let answer = done?;
            closed?;
            Ok(answer)
        }
    }
}

/// Removes what the erasure left; what cannot be removed now is by the next service.
fn sweep(vault: &Vault) {
    while matches!(vault.sweep(512), Ok(report) if report.left > 0 && report.rows + report.blobs > 0) {}
}

/// Runs `oubliette verify-engine` on sled's folder: a panic of sled there is an error here.
fn verify_in_child(data: &Path) -> Result<(), EngineError> {
    let executable = std::env::current_exe()
        .map_err(EngineError::io("finding this program to check the row engine in a child process", data))?;
    let output = Process::new(executable)
        .arg("verify-engine")
        .arg(data)
        .stdin(Stdio::null())
        .output()
        .map_err(EngineError::io("starting the check of the row engine in a child process", data))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
    Err(EngineError::Corrupt {
        what: "the row engine",
        path: data.to_owned(),
        detail: format!(
            "the check in a child process ended with {}: {}",
            output.status,
            last.chars().take(300).collect::<String>()
        ),
    })
}
