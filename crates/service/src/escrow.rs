//! Operator commands about the escrow (docs/escrow.md).

use std::path::PathBuf;

use oubliette_store::escrow::{EscrowPlan, EscrowStatus, HolderCard, HolderStatement};
use oubliette_store::{Vault, VaultError};
use serde::{Deserialize, Serialize};

use crate::times;

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum EscrowCommand {
    /// Sets it up.
    Init {
        /// Where roots and pages go.
        store: PathBuf,
        /// How many holders are needed.
        threshold: u8,
        /// Days in a window.
        days: u32,
        /// Cards of the holders, as text.
        cards: Vec<String>,
    },
    /// Takes cards and statements, as text.
    Rotate {
        /// Cards with keys for windows to come.
        cards: Vec<String>,
        /// Statements that keys were destroyed.
        statements: Vec<String>,
    },
    /// How it is.
    List,
}

/// How the escrow is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EscrowReport {
    /// Where roots and pages go.
    pub store: PathBuf,
    /// How many holders are needed.
    pub threshold: u8,
    /// Days in a window.
    pub days: u32,
    /// The holders.
    pub holders: Vec<String>,
    /// The window now.
    pub window: u32,
    /// When it ends, RFC 3339.
    pub window_ends: String,
    /// The generation of the newest root in escrow.
    pub sealed_generation: Option<u64>,
    /// When it was sealed, RFC 3339.
    pub sealed_at: Option<String>,
    /// How many generations the vault has gone on since.
    pub behind: u64,
    /// Holders without a key for this window.
    pub no_key: Vec<String>,
    /// Holders without a key for the next window.
    pub no_key_next: Vec<String>,
    /// Windows that sealed something.
    pub windows: Vec<WindowReport>,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// A window that sealed something.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WindowReport {
    /// Its number.
    pub window: u32,
    /// When it ends, RFC 3339.
    pub ends: String,
    /// No root of an earlier generation was sealed in it.
    pub first_generation: u64,
    /// Holders of its keys who have not said that these are destroyed.
    pub not_destroyed: Vec<String>,
    /// Whether enough keys may be left to open what it sealed.
    pub can_open: bool,
}

impl EscrowCommand {
    /// As it stands in the audit log, and whether it changes anything.
    pub(crate) fn name(&self) -> (&'static str, bool) {
        match self {
            Self::Init { .. } => ("escrow init", true),
            Self::Rotate { .. } => ("escrow rotate", true),
            Self::List => ("escrow list", false),
        }
    }
}

pub(crate) fn carry_out(vault: &Vault, command: &EscrowCommand) -> Result<EscrowReport, VaultError> {
    let parse_cards = |cards: &[String]| -> Result<Vec<HolderCard>, VaultError> {
        cards.iter().map(|card| HolderCard::parse(card)).collect()
    };
    let status = match command {
        EscrowCommand::Init { store, threshold, days, cards } => {
            let holders = parse_cards(cards)?;
            let plan = EscrowPlan { store: store.clone(), threshold: *threshold, days: *days, holders };
            vault.escrow().init(plan)?
        }
        EscrowCommand::Rotate { cards, statements } => {
            let cards = parse_cards(cards)?;
            let statements = statements.iter().map(|statement| HolderStatement::parse(statement));
            let statements = statements.collect::<Result<Vec<_>, _>>()?;
            vault.escrow().rotate(&cards, &statements)?
        }
        EscrowCommand::List => vault.escrow().status()?,
    };
    Ok(status.into())
}

impl From<EscrowStatus> for EscrowReport {
    fn from(status: EscrowStatus) -> Self {
        Self {
            store: status.store,
            threshold: status.threshold,
            days: status.days,
            holders: status.holders,
            window: status.window,
            window_ends: date(status.window_ends),
            sealed_generation: status.sealed.map(|(generation, _)| generation),
            sealed_at: status.sealed.map(|(_, at)| date(at)),
            behind: status.behind,
            no_key: status.no_key,
            no_key_next: status.no_key_next,
            windows: status
                .windows
                .into_iter()
                .map(|window| WindowReport {
                    window: window.window,
                    ends: date(window.ends),
                    first_generation: window.first_generation,
                    not_destroyed: window.not_destroyed,
                    can_open: window.can_open,
                })
                .collect(),
            problems: status.problems,
        }
    }
}

/// RFC 3339 of seconds since 1970.
fn date(seconds: i64) -> String {
    times::text(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000))
}
