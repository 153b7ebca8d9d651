//! `oubliette tour`.

use oubliette_store::VaultOptions;

use crate::{config::Settings, error::CliError, folder, output::Output, tour};

pub(crate) fn run(settings: &Settings, output: &Output) -> Result<(), CliError> {
    let scratch = tempfile::Builder::new().prefix("oubliette-tour-").tempdir();
    let scratch = scratch.map_err(CliError::io("making a folder for the tour", std::env::temp_dir()))?;
    // Its vault is gone at the end: it gets no cells on the disks of the real one.
    let options = VaultOptions { cells: Vec::new(), ..folder::options(settings)? };
    tour::run(scratch.path(), &options, &mut |line| output.line(line))?;
    Ok(())
}
