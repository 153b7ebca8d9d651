//! Operator commands: what a person with the vault folder in hand may do, in this process or through `admin.sock`.

use std::path::PathBuf;

use oubliette_store::{ErasureOutcome, Vault, VaultError};
use serde::{Deserialize, Serialize};

mod answers;
mod backups;
mod deletion;
mod tokens;

pub use answers::{Answer, Cell, Erasure, FsckSummary, LogReport, StatusReport, SubjectReport};
pub use backups::{BackupsListed, BackupsPruned, BackupsVerified, TOTAL};
pub use deletion::{Leaving, Run, Step, Store};
pub use tokens::{TokenCommand, change_tokens};

pub use crate::escrow::{EscrowCommand, EscrowReport, WindowReport};
use crate::{
    audit,
    incident::{self, Question},
    problem::Problem,
    tokens::Tokens,
};

/// A command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", deny_unknown_fields)]
pub enum Command {
    /// Erases a person at once.
    #[serde(rename = "subject erase")]
    SubjectErase {
        /// The user id.
        user: String,
    },
    /// Every deletion that is not carried out yet.
    #[serde(rename = "deletion list")]
    DeletionList,
    /// Carries out whatever deletion is due, rows and blobs included.
    #[serde(rename = "deletion run")]
    DeletionRun,
    /// Shows a person, without content.
    #[serde(rename = "subject show")]
    SubjectShow {
        /// The user id.
        user: String,
    },
    /// Reads and authenticates everything.
    #[serde(rename = "fsck")]
    Fsck {
        /// Also mends the key plane from its mirror.
        repair: bool,
        /// Also takes out what is lost in every copy.
        #[serde(default)]
        give_up_lost: bool,
    },
    /// Counts and sizes.
    #[serde(rename = "status")]
    Status,
    /// Takes a checkpoint of the log of deletions that a witness signed.
    #[serde(rename = "log cosigned")]
    LogCosigned {
        /// The signed note.
        note: String,
    },
    /// The machine's clock is right, however far it is ahead or behind: what is deleted by time goes by it.
    #[serde(rename = "trust clock")]
    TrustClock,
    /// Makes a backup.
    #[serde(rename = "backup create")]
    BackupCreate {
        /// The place; that of the settings, if none.
        to: Option<String>,
        /// Build on no earlier backup.
        full: bool,
        /// Where the place stands.
        region: Option<String>,
    },
    /// Lists backups, and who can be read from them.
    #[serde(rename = "backup list")]
    BackupList {
        /// The place; that of the settings, if none.
        from: Option<String>,
    },
    /// Reads backups and compares them with what they should be.
    #[serde(rename = "backup verify")]
    BackupVerify {
        /// The place; that of the settings, if none.
        from: Option<String>,
        /// One of them; all, if none.
        id: Option<String>,
    },
    /// Removes backups that no rule wants kept.
    #[serde(rename = "backup prune")]
    BackupPrune {
        /// The place; that of the settings, if none.
        from: Option<String>,
        /// The last so many stay.
        last: Option<u32>,
        /// Those of the last so many days stay.
        days: Option<u32>,
    },
    /// About the escrow.
    #[serde(rename = "escrow")]
    Escrow {
        /// What is asked.
        escrow: EscrowCommand,
    },
    /// Makes a token, or takes one back.
    #[serde(rename = "token")]
    Token {
        /// Which.
        token: TokenCommand,
    },
    /// The incident report with the user ids of those who still live.
    #[serde(rename = "incident report")]
    IncidentReport {
        /// What is asked.
        question: Question,
    },
}

/// Why a command failed.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// As in problem documents.
    pub code: String,
    /// What failed and what to do.
    pub detail: String,
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let detail = error.to_string();
        Self { code: Problem::from(error).code.to_owned(), detail }
    }
}

/// Carries a command out and records it in the audit log. `progress` is told what is being done and how far it came.
pub fn run(vault: &Vault, command: &Command, progress: &mut dyn FnMut(&str, u64)) -> Result<Answer, Failure> {
    // As it stands in the audit log, whether it changes anything, and whom it concerns.
    let (name, changes, user) = match command {
        Command::SubjectErase { user } => ("subject erase", true, Some(user.as_str())),
        Command::DeletionList => ("deletion list", false, None),
        Command::DeletionRun => ("deletion run", true, None),
        Command::SubjectShow { user } => ("subject show", false, Some(user.as_str())),
        Command::Fsck { give_up_lost: true, .. } => ("fsck --give-up-lost", true, None),
        Command::Fsck { repair: true, .. } => ("fsck --repair", true, None),
        Command::Fsck { .. } => ("fsck", false, None),
        Command::TrustClock => ("doctor --trust-clock", true, None),
        Command::LogCosigned { .. } => ("log cosigned", true, None),
        Command::Escrow { escrow } => (escrow.name().0, escrow.name().1, None),
        Command::IncidentReport { .. } => ("incident report --resolve", false, None),
        Command::BackupCreate { .. } => ("backup create", true, None),
        Command::BackupList { .. } => ("backup list", false, None),
        Command::BackupVerify { .. } => ("backup verify", false, None),
        Command::BackupPrune { .. } => ("backup prune", true, None),
        // Tells nothing of anybody, and is asked for often.
        Command::Status => return Ok(carry_out(vault, command, progress)?),
        // Its records name the token.
        Command::Token { token } => return change_token(vault, token),
    };
    audit::command(vault, name, changes, user, || {
        carry_out(vault, command, progress).map_err(|error| {
            let detail = match (&error, command) {
                (VaultError::SubjectUnknown, Command::SubjectErase { .. }) => {
                    "this person is not in the vault; nothing was erased, check the spelling".to_owned()
                }
                (error, _) => error.to_string(),
            };
            let problem = Problem::from(error);
            (problem.status, Failure { code: problem.code.to_owned(), detail })
        })
    })
}

fn carry_out(
    vault: &Vault,
    command: &Command,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Answer, VaultError> {
    match command {
        Command::BackupCreate { .. }
        | Command::BackupList { .. }
        | Command::BackupVerify { .. }
        | Command::BackupPrune { .. } => backups::carry_out(vault, command, progress),
        Command::SubjectErase { user } => {
            let outcomes = vault.erase(&[user])?;
            match outcomes.into_iter().next() {
                Some(ErasureOutcome::Erased(record) | ErasureOutcome::AlreadyErased(record)) => {
                    Ok(Answer::Erased(record.into()))
                }
                Some(ErasureOutcome::Held) => Err(VaultError::Held),
                Some(ErasureOutcome::Unknown) | None => Err(VaultError::SubjectUnknown),
            }
        }
        Command::DeletionList => Ok(Answer::Deletions(deletion::list(vault)?)),
        Command::DeletionRun => Ok(Answer::DeletionRun(deletion::run(vault, progress)?)),
        Command::SubjectShow { user } => Ok(Answer::Subject(vault.subject(user)?.info()?.into())),
        Command::Fsck { repair, give_up_lost } => {
            let report =
                if *give_up_lost { vault.give_up_lost(progress)? } else { vault.fsck(*repair, progress)? };
            Ok(Answer::Fsck(report.into()))
        }
        Command::Escrow { escrow } => Ok(Answer::Escrow(Box::new(crate::escrow::carry_out(vault, escrow)?))),
        Command::IncidentReport { question } => {
            let folder = audit_folder(vault)?;
            let tokens = tokens_of(vault)?.list().unwrap_or_default();
            let mut incident = incident::report(&folder, &tokens, question)?;
            incident::resolve(vault, &mut incident)?;
            Ok(Answer::Incident(Box::new(incident)))
        }
        // A token was changed before.
        Command::Status | Command::Token { .. } | Command::TrustClock | Command::LogCosigned { .. } => {
            match command {
                Command::TrustClock => vault.trust_clock()?,
                Command::LogCosigned { note } => vault.take_cosigned(note)?,
                _ => {}
            }
            Ok(Answer::Status(vault.status()?.into()))
        }
    }
}

fn change_token(vault: &Vault, command: &TokenCommand) -> Result<Answer, Failure> {
    let audit = vault.audit();
    let changed = tokens::carry_out(&|| audit.begin(), &tokens_of(vault)?, command)?;
    Ok(Answer::Token(Box::new(changed)))
}

fn audit_folder(vault: &Vault) -> Result<PathBuf, VaultError> {
    vault.audit().folder().ok_or(VaultError::NotFound { what: "folder of the audit log" })
}

/// The tokens stand beside the audit log's folder.
fn tokens_of(vault: &Vault) -> Result<Tokens, VaultError> {
    let folder = audit_folder(vault)?;
    let data = folder.parent().ok_or(VaultError::NotFound { what: "folder of the tokens" })?;
    Ok(Tokens::open(data))
}
