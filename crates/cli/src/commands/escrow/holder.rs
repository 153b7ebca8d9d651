//! `oubliette escrow holder`: a holder's own side, which needs no vault.

use std::path::PathBuf;

use clap::Subcommand;
use oubliette_store::escrow::{EscrowBlob, holder};
use oubliette_store::{Clock, SystemClock, VaultError};
use serde_json::json;

use super::write_new;
use crate::{
    error::CliError,
    output::{Output, stdout},
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make keys for windows, and print the card to hand over
    Keygen {
        /// The folder of the holder's keys: on a disk of their own, in no backup
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The holder's name
        #[arg(long, value_name = "NAME")]
        holder: String,
        /// The first window to make a key for
        #[arg(long, value_name = "N")]
        window: u32,
        /// For how many windows
        #[arg(long, value_name = "N", default_value_t = 4)]
        windows: u32,
        /// Write the card here
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Open this holder's share of a sealed root, for whoever brings the vault back
    Open {
        /// The folder of the holder's keys
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The sealed root, a file of the escrow
        #[arg(long, value_name = "FILE")]
        root: PathBuf,
        /// Write the share here; whoever has enough of them has the vault
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Destroy the key of a window that is over, and print the signed statement
    Destroy {
        /// The folder of the holder's keys
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The window
        #[arg(long, value_name = "N")]
        window: u32,
        /// Write the statement here
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

pub(super) fn run(command: Command, output: &Output) -> Result<(), CliError> {
    match command {
        Command::Keygen { dir, holder: name, window, windows, out } => {
            let card = holder::keygen(&dir, &name, window, windows)?;
            hand_over(&card.to_json(), out)
        }
        Command::Open { dir, root, out } => {
            let bytes = std::fs::read(&root).map_err(CliError::io("reading", &root))?;
            let blob = EscrowBlob::decode(&bytes).ok_or_else(|| VaultError::Invalid {
                field: "root",
                reason: format!("{} is no sealed root, or is damaged", root.display()),
            })?;
            let share = holder::open(&dir, &blob)?;
            write_new(&out, &share.to_json())?;
            let value = json!({
                "vault": share.vault, "generation": share.generation, "window": share.window, "number": share.number, "out": out,
            });
            output.result(&value, || {
                vec![
                    format!("share {} of the root of generation {} is in {}", share.number, share.generation, out.display()),
                    format!("{} such shares open the vault: hand it over by a safe way, and destroy it afterwards", blob.head.threshold),
                ]
            });
            Ok(())
        }
        Command::Destroy { dir, window, out, yes } => {
            output.confirm(yes, &format!("The key of window {window} in {} is destroyed.", dir.display()))?;
            let now = SystemClock.now_micros() / 1_000_000;
            let statement = holder::destroy(&dir, window, i64::try_from(now).unwrap_or(i64::MAX))?;
            hand_over(&statement.to_json(), out)
        }
    }
}

/// JSON either way: it is a file to hand over.
fn hand_over(json: &str, out: Option<PathBuf>) -> Result<(), CliError> {
    match out {
        Some(path) => write_new(&path, json),
        None => {
            stdout(json.trim_end());
            Ok(())
        }
    }
}
