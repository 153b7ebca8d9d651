//! `oubliette tour`.

use crate::{config::Settings, error::CliError, folder, output::Output, tour};

pub(crate) fn run(settings: &Settings, output: &Output) -> Result<(), CliError> {
    let scratch = tempfile::Builder::new().prefix("oubliette-tour-").tempdir();
    let scratch = scratch.map_err(CliError::io("making a folder for the tour", std::env::temp_dir()))?;
    tour::run(scratch.path(), &folder::options(settings)?, &mut |line| output.line(line))?;
    Ok(())
}
