//! `oubliette drill`

use oubliette_store::VaultOptions;
use serde_json::json;

use crate::{
    config::Settings,
    drill::{Drill, Stage},
    error::CliError,
    folder,
    output::Output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Which one
    #[arg(value_enum, default_value_t = Drill::All)]
    drill: Drill,
}

pub(crate) fn run(arguments: &Arguments, settings: &Settings, output: &Output) -> Result<(), CliError> {
    // On vaults of its own: none of the real one's cells, and whatever the place.
    let options = VaultOptions { cells: Vec::new(), region: None, ..folder::options(settings)? };
    let mut passed = Vec::new();
    for drill in arguments.drill.each() {
        let scratch = tempfile::Builder::new().prefix("oubliette-drill-").tempdir();
        let scratch = scratch.map_err(CliError::io("making a folder for the drill", std::env::temp_dir()))?;
        output.line(&format!("Drill `{}`", drill.name()));
        let mut say = |line: &str| output.line(line);
        let mut stage = Stage { dir: scratch.path(), options: &options, say: &mut say };
        drill.run(&mut stage)?;
        output.line("passed");
        passed.push(drill.name());
    }
    output.result(&json!({ "passed": passed }), || {
        vec![format!("{} passed: {}", passed.len(), passed.join(", "))]
    });
    Ok(())
}
