//! What can go wrong in a command, and the exit code it ends with.

use std::path::{Path, PathBuf};

use crate::import::ImportError;
use oubliette_client::ClientError;
use oubliette_engine::EngineError;
use oubliette_service::{ServeError, admin::AdminError, operator::Failure, tokens::TokenError};
use oubliette_store::VaultError;

/// Why a command ended without having done its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A mistake in arguments or settings.
    #[error("{0}")]
    Usage(String),
    /// The operator said no.
    #[error("not confirmed; nothing was changed")]
    NotConfirmed,
    /// A file operation failed.
    #[error("{op} failed on {}: {source}", path.display())]
    Io { op: &'static str, path: PathBuf, source: std::io::Error },
    /// The service could not be asked, or refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// An operator command failed.
    #[error(transparent)]
    Operator(#[from] Failure),
    /// The service that holds the folder could not be asked.
    #[error(transparent)]
    Admin(AdminError),
    /// Files of other programs could not be read as credentials.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// Of several accounts some were refused, each of which was told.
    #[error("{refused} of {all} accounts were not imported")]
    PartlyImported { refused: usize, all: usize, exit_code: u8 },
    /// Tokens.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// Serving ended.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// `fsck` found faults, which are printed already.
    #[error(
        "{0} faults found; restore what is damaged from a backup (`fsck --repair` mends the key plane alone)"
    )]
    Faults(usize),
    /// An export came whole, and is not what its manifest says.
    #[error(transparent)]
    Export(#[from] oubliette_store::BadExport),
    /// `log verify` found faults, which are printed already.
    #[error("{0} faults found in the logs; docs/audit.md says what to do")]
    Log(usize),
    /// `backup verify` found faults, which are printed already.
    #[error("{0} faults found in the backups; docs/backup.md says what to do")]
    BadBackups(usize),
    /// A receipt, a checkpoint or a proof does not hold; what is false is printed already.
    #[error("{0}")]
    Untrue(String),
    /// `doctor` found what is bad, and said so already.
    #[error("{0} of it is bad; docs/doctor.md says what each finding means")]
    Unsound(usize),
    /// `fsck` could not open the vault, or not read it to its end.
    #[error(transparent)]
    Unusable(Failure),
    /// Old copies could not be read, or the vault's own secrets not be had.
    #[error(transparent)]
    Prove(#[from] oubliette_closure::ProveError),
    /// `prove` reached something that is gone, and said so already.
    #[error(
        "{0} values that are gone open all the same; destroy the files that are named, then run it again"
    )]
    Reached(u64),
    /// `prove` could not open all that is alive, and said so already.
    #[error("the control failed: {0}. What stayed closed proves nothing then")]
    NothingProved(String),
    /// The child that looks at the row engine found it damaged.
    #[error("{0}")]
    Engine(EngineError),
    /// The tour ended early.
    #[error(transparent)]
    Tour(#[from] crate::tour::TourError),
    /// A drill found a claim that does not hold.
    #[error(transparent)]
    Drill(#[from] crate::drill::DrillError),
    /// A measurement could not be made.
    #[error(transparent)]
    Bench(#[from] crate::bench::BenchError),
    /// Measured, and short of the goals.
    #[error(
        "{0} figures miss their goal on this machine in this run; noise shows in the range of the rounds"
    )]
    Missed(usize),
    /// The process could not be hardened.
    #[error("the process could not be hardened ({0}); Linux 3.17 or newer with seccomp is needed")]
    Harden(String),
    /// Keys would not stay in memory.
    #[error(
        "this machine has swap, and keys could be written to it: {0}. Raise the limit (LimitMEMLOCK=infinity in a systemd unit, `ulimit -l`), switch swap off, or, where swap is encrypted under a key that is lost at power off, say --allow-swappable-keys"
    )]
    SwappableKeys(String),
}

impl CliError {
    /// Attaches what was being done, and where, to a system error.
    pub(crate) fn io(op: &'static str, path: impl AsRef<Path>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.as_ref().to_owned();
        move |source| Self::Io { op, path, source }
    }

    /// The code the process ends with.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotConfirmed => 4,
            Self::Client(error) => of_code(error.code().unwrap_or_default()),
            // A full disk, where no person's quota is in play.
            Self::Operator(failure) if failure.code == "quota_exceeded" => 1,
            Self::Operator(failure) | Self::Admin(AdminError::Failed(failure)) => of_code(&failure.code),
            Self::Token(TokenError::Invalid(_)) => 2,
            Self::Serve(ServeError::PlaintextBeyondLoopback(_)) => 2,
            Self::PartlyImported { exit_code, .. } => *exit_code,
            Self::Reached(_) => 5,
            Self::Faults(_)
            | Self::Untrue(_)
            | Self::Export(_)
            | Self::Log(_)
            | Self::BadBackups(_)
            | Self::Unusable(_)
            | Self::Engine(_) => 5,
            Self::Io { .. }
            | Self::Import(_)
            | Self::Prove(_)
            | Self::NothingProved(_)
            | Self::Admin(_)
            | Self::Token(_)
            | Self::Serve(_)
            | Self::Harden(_)
            | Self::SwappableKeys(_)
            | Self::Tour(_)
            | Self::Drill(_)
            | Self::Bench(_)
            | Self::Unsound(_)
            | Self::Missed(_) => 1,
        }
    }
}

impl From<VaultError> for CliError {
    fn from(error: VaultError) -> Self {
        Self::Operator(error.into())
    }
}

impl From<AdminError> for CliError {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Failed(failure) => Self::Operator(failure),
            error => Self::Admin(error),
        }
    }
}

/// The exit code for a problem document's code.
fn of_code(code: &str) -> u8 {
    match code {
        "subject_unknown" | "subject_erased" | "not_found" | "peer_unknown" | "peer_gone" | "forgotten"
        | "http_404" => 3,
        "unauthorized"
        | "forbidden"
        | "subject_blocked"
        | "consent_required"
        | "guardian_consent_required"
        | "region_mismatch"
        | "held"
        | "old_cell_waits"
        | "deletion_due"
        | "approval_mismatch"
        | "second_person_required"
        | "version_conflict"
        | "precondition_required"
        | "blocked_by_recipient"
        | "replayed"
        | "not_author"
        | "too_large"
        | "quota_exceeded"
        | "backup_running"
        | "name_taken" => 4,
        "corrupt" | "log_conflict" | "log_refused" => 5,
        "invalid" => 2,
        _ => 1,
    }
}
