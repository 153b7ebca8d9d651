//! Settings: flags over `OUBLIETTE_*` variables over `oubliette.toml`. Unknown keys are errors that name the nearest.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::Table;

use crate::{args::Common, error::CliError, promises};

mod keys;
mod sections;
#[cfg(test)]
mod tests;

pub(crate) use keys::Kind;
use keys::{check_kinds, overlay, parse, read};
pub(crate) use sections::{Backup, Chat, Deletion, Limits, Log, Memory, Quota, Saves};

/// What the commands run with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    #[serde(default = "default_data")]
    pub(crate) data: PathBuf,
    /// Further cells, beside `root.cell` in the folder.
    #[serde(default)]
    pub(crate) cells: Vec<PathBuf>,
    #[serde(default = "default_listen")]
    pub(crate) listen: String,
    #[serde(default)]
    pub(crate) insecure_plaintext: bool,
    url: Option<String>,
    token_file: Option<PathBuf>,
    #[serde(default)]
    pub(crate) saves: Saves,
    /// Where the vault stands, as the platform names its regions.
    pub(crate) region: Option<String>,
    #[serde(default)]
    pub(crate) clock: promises::Clock,
    #[serde(default)]
    pub(crate) retention: promises::ByClass,
    #[serde(default)]
    pub(crate) consents: BTreeMap<String, promises::Consent>,
    #[serde(default)]
    pub(crate) records: BTreeMap<String, promises::Records>,
    #[serde(default)]
    pub(crate) quota: Quota,
    #[serde(default)]
    pub(crate) chat: Chat,
    #[serde(default)]
    pub(crate) deletion: Deletion,
    #[serde(default)]
    pub(crate) backup: Backup,
    #[serde(default)]
    pub(crate) log: Log,
    #[serde(default)]
    pub(crate) rows: promises::Rows,
    #[serde(default)]
    pub(crate) memory: Memory,
    #[serde(default)]
    pub(crate) limits: Limits,
}

fn default_data() -> PathBuf {
    PathBuf::from("oubliette-data")
}
fn default_listen() -> String {
    "127.0.0.1:7411".to_owned()
}

impl Settings {
    /// Reads file and environment and lays the flags over them.
    pub(crate) fn load(flags: &Common) -> Result<Self, CliError> {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with("OUBLIETTE_"));
        // One that is passed over would leave the folder's own name to the default.
        let text = |(name, value): (String, OsString)| match value.into_string() {
            Ok(value) => Ok((name, value)),
            Err(_) => Err(CliError::Usage(format!(
                "the variable {name} is not UTF-8; set it in oubliette.toml or by its flag"
            ))),
        };
        let variables = variables.map(text).collect::<Result<Vec<_>, _>>()?;
        let mut settings = Self::from_parts(flags.config.as_deref(), variables)?;
        if let Some(data) = &flags.data {
            settings.data.clone_from(data);
        }
        if !flags.cells.is_empty() {
            settings.cells.clone_from(&flags.cells);
        }
        settings.memory.allow_swappable_keys |= flags.allow_swappable_keys;
        settings.url = flags.url.clone().or(settings.url);
        settings.token_file = flags.token_file.clone().or(settings.token_file);
        Ok(settings)
    }

    fn from_parts(file: Option<&Path>, variables: Vec<(String, String)>) -> Result<Self, CliError> {
        let named =
            variables.iter().find(|(name, _)| name == "OUBLIETTE_CONFIG").map(|(_, path)| Path::new(path));
        let mut table = match file.or(named) {
            Some(path) => {
                read(path)?.ok_or_else(|| CliError::Usage(format!("there is no {}", path.display())))?
            }
            None => read(Path::new("oubliette.toml"))?.unwrap_or_default(),
        };
        for (name, text) in &variables {
            overlay(&mut table, name, text)?;
        }
        Self::from_table(table)
    }

    fn from_table(table: Table) -> Result<Self, CliError> {
        check_kinds(&table)?;
        promises::check_kinds(&table)?;
        table
            .try_into()
            .map_err(|error: toml::de::Error| CliError::Usage(format!("settings: {}", error.message())))
    }

    /// The defaults, whatever the environment says.
    #[cfg(test)]
    pub(crate) fn of_tests() -> Self {
        toml::from_str("").expect("every setting has a default")
    }

    /// Where content commands go.
    pub(crate) fn url(&self) -> String {
        self.url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// Where their token is.
    pub(crate) fn token_file(&self) -> PathBuf {
        self.token_file.clone().unwrap_or_else(|| self.data.join("dev.token"))
    }
}

/// See `crate::fuzzing`. Input: the file's text; a setting that is not known, or of the wrong kind, is refused by name.
pub(crate) fn fuzz(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match parse(text, Path::new("oubliette.toml")).and_then(Settings::from_table) {
        Ok(settings) => assert!(settings.url().starts_with("http://") || settings.url.is_some()),
        Err(error) => assert_eq!(error.exit_code(), 2, "{error}"),
    }
}
