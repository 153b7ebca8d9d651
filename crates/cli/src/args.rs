//! Arguments that every command takes.

use std::path::PathBuf;

use clap::{Args, Parser};

use crate::commands::Command;

/// An encrypted vault for saves, chats and credentials that can truly forget.
///
/// Every setting can also stand in OUBLIETTE_* variables (OUBLIETTE_DATA, OUBLIETTE_LISTEN, ...) and in oubliette.toml;
/// flags win over variables, variables over the file.
#[derive(Debug, Parser)]
#[command(name = "oubliette", version, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Default, Args)]
pub(crate) struct Common {
    /// The vault's folder [default: ./oubliette-data]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// The configuration file [default: ./oubliette.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Where the service answers [default: http://127.0.0.1:7411]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The file that holds the token [default: dev.token in the vault's folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// A further file for a share of the root secret, beside the one in the vault's folder; again for each further one. When a
    /// vault is made: where to make it. Later: where it is now
    #[arg(long = "cell", global = true, value_name = "FILE")]
    pub(crate) cells: Vec<PathBuf>,
    /// Open the vault also where the system may write keys to swap
    #[arg(long, global = true)]
    pub(crate) allow_swappable_keys: bool,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}
