//! `oubliette verify-engine`: run by this program as a child before the row engine is opened, since sled panics on some
//! damage.

use std::path::PathBuf;

use crate::error::CliError;

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// sled's data folder
    folder: PathBuf,
}

pub(crate) fn run(arguments: Arguments) -> Result<(), CliError> {
    if !arguments.folder.is_dir() {
        // sled would make a new one.
        return Err(CliError::Usage(format!("there is no folder {}", arguments.folder.display())));
    }
    oubliette_engine::check_sled_data(&arguments.folder).map(drop).map_err(CliError::Engine)
}
