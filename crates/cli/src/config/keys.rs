//! The settings by name: what each holds, and what a file or a variable says of it. An unknown one is an error that names the nearest.

use std::{fs, io::ErrorKind, path::Path};

use toml::{Table, Value};

use crate::{error::CliError, promises};

/// Every setting, by its place in the file; the variable is `OUBLIETTE_` and the same in capitals with `_` for `.`.
const KEYS: &[(&str, Kind)] = &[
    ("data", Kind::Text),
    ("cells", Kind::Paths),
    ("listen", Kind::Text),
    ("insecure_plaintext", Kind::Switch),
    ("url", Kind::Text),
    ("token_file", Kind::Text),
    ("saves.compress", Kind::Switch),
    ("saves.max_size", Kind::Number),
    ("saves.require_precondition", Kind::Switch),
    ("region", Kind::Text),
    ("clock.tolerance_minutes", Kind::Number),
    ("saves.keep_last", Kind::Number),
    ("saves.keep_days", Kind::Number),
    ("quota.total_bytes", Kind::Number),
    ("quota.total_items", Kind::Number),
    ("quota.saves_bytes", Kind::Number),
    ("quota.saves_items", Kind::Number),
    ("quota.chat_bytes", Kind::Number),
    ("quota.chat_items", Kind::Number),
    ("quota.credentials_bytes", Kind::Number),
    ("quota.credentials_items", Kind::Number),
    ("quota.records_bytes", Kind::Number),
    ("quota.records_items", Kind::Number),
    ("chat.default_policy", Kind::Text),
    ("deletion.cooling_off_days", Kind::Number),
    ("backup.to", Kind::Text),
    ("backup.region", Kind::Text),
    ("backup.keep_last", Kind::Number),
    ("backup.keep_days", Kind::Number),
    ("backup.s3_endpoint", Kind::Text),
    ("backup.s3_region", Kind::Text),
    ("backup.s3_access_key", Kind::Text),
    ("backup.s3_secret_key", Kind::Text),
    ("backup.s3_allow_http", Kind::Switch),
    ("log.witnesses", Kind::Texts),
    ("rows.compact_above", Kind::Number),
    ("memory.key_cache", Kind::Number),
    ("memory.allow_swappable_keys", Kind::Switch),
    ("limits.workers", Kind::Number),
    ("limits.queue", Kind::Number),
    ("limits.uploads", Kind::Number),
    ("limits.connections", Kind::Number),
];
/// Sections whose settings are named by purposes, classes and games, which a variable cannot tell apart.
const FILE_ALONE: &[&str] = &["retention.", "consents.", "records.", "saves.games."];
/// Variables that are no settings of the file.
const OTHER_VARIABLES: &[&str] = &["OUBLIETTE_CONFIG", "OUBLIETTE_LOG"];

/// What a setting holds.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Switch,
    Number,
    Texts,
    Paths,
}

impl Kind {
    /// What the setting must be, if this value is not that.
    pub(crate) fn wanted(self, value: &Value) -> Option<&'static str> {
        let texts = || value.as_array().is_some_and(|all| all.iter().all(Value::is_str));
        let (right, needed) = match self {
            Self::Text => (value.is_str(), "text in quotes"),
            Self::Switch => (value.is_bool(), "true or false"),
            Self::Number => (value.as_integer().is_some_and(|n| n >= 0), "a number, 0 or more"),
            Self::Texts => (texts(), "a list of texts in quotes"),
            Self::Paths => (texts(), "a list of paths in quotes, such as [\"/disk/root.cell\"]"),
        };
        (!right).then_some(needed)
    }
}

pub(super) fn read(path: &Path) -> Result<Option<Table>, CliError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CliError::io("reading the configuration", path)(error)),
    };
    parse(&text, path).map(Some)
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Table, CliError> {
    let bad = |message: &str| CliError::Usage(format!("{}: {message}", path.display()));
    let table: Table = text.parse().map_err(|error: toml::de::Error| bad(error.message()))?;
    for key in keys(&table, "") {
        if !KEYS.iter().any(|(known, _)| *known == key) && !promises::knows(&key) && !is_of_a_game(&key) {
            let known = KEYS.iter().map(|(known, _)| (*known).to_owned()).chain(promises::nearby(&key));
            let known: Vec<String> = known.collect();
            let nearest = nearest(&key, known.iter().map(String::as_str));
            return Err(bad(&format!("there is no setting `{key}`; the nearest is `{nearest}`")));
        }
    }
    Ok(table)
}

/// `saves.games.NAME.keep_last` and its like: the name is the operator's.
fn is_of_a_game(key: &str) -> bool {
    let Some((name, setting)) = key.strip_prefix("saves.games.").and_then(|rest| rest.rsplit_once('.'))
    else {
        return false;
    };
    !name.is_empty() && matches!(setting, "keep_last" | "keep_days")
}

/// Every known setting holds the kind of value it needs; what is wrong is told by name.
pub(super) fn check_kinds(table: &Table) -> Result<(), CliError> {
    for (key, kind) in KEYS {
        let value = match key.split_once('.') {
            None => table.get(*key),
            Some((section, key)) => match table.get(section) {
                Some(Value::Table(section)) => section.get(key),
                _ => None,
            },
        };
        if let Some(needed) = value.and_then(|value| kind.wanted(value)) {
            return Err(CliError::Usage(format!("the setting `{key}` must be {needed}")));
        }
    }
    Ok(())
}

/// The dotted names of all leaves.
fn keys(table: &Table, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (name, value) in table {
        let key = format!("{prefix}{name}");
        match value {
            Value::Table(inner) => found.extend(keys(inner, &format!("{key}."))),
            _ => found.push(key),
        }
    }
    found
}

/// Puts one variable over the file's value.
///
/// A container platform injects names of its own (`OUBLIETTE_PORT`, `OUBLIETTE_SERVICE_HOST`, ...), so an unknown
/// variable is an error only where it looks like a known one misspelt.
pub(super) fn overlay(table: &mut Table, name: &str, text: &str) -> Result<(), CliError> {
    let variable = |key: &str| format!("OUBLIETTE_{}", key.to_ascii_uppercase().replace('.', "_"));
    let Some((key, kind)) = KEYS.iter().find(|(key, _)| variable(key) == name) else {
        if OTHER_VARIABLES.contains(&name) {
            return Ok(());
        }
        // A legal minimum that is silently not kept would be worse than an injected name that is refused.
        if let Some(section) = FILE_ALONE.iter().find(|section| name.starts_with(&variable(section))) {
            return Err(CliError::Usage(format!(
                "the variable {name} is not read: `[{section}…]` is set in oubliette.toml alone"
            )));
        }
        let known: Vec<String> = KEYS.iter().map(|(key, _)| variable(key)).collect();
        let nearest = nearest(name, known.iter().map(String::as_str));
        return if distance(name, nearest) <= 2 {
            Err(CliError::Usage(format!("the variable {name} is unknown; the nearest is {nearest}")))
        } else {
            Ok(())
        };
    };
    let bad = |what: &str| CliError::Usage(format!("the variable {name} must be {what}"));
    let value = match kind {
        Kind::Text => Value::String(text.to_owned()),
        Kind::Switch => Value::Boolean(match text {
            "1" | "true" => true,
            "0" | "false" | "" => false,
            _ => return Err(bad("true or false")),
        }),
        // As in PATH.
        Kind::Texts | Kind::Paths => Value::Array(
            text.split(':')
                .filter(|path| !path.is_empty())
                .map(|path| Value::String(path.to_owned()))
                .collect(),
        ),
        Kind::Number => Value::Integer(text.parse().map_err(|_| bad("a number"))?),
    };
    match key.split_once('.') {
        None => {
            table.insert((*key).to_owned(), value);
        }
        Some((section, key)) => {
            let section = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(section) = section {
                section.insert(key.to_owned(), value);
            }
        }
    }
    Ok(())
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> &'a str {
    known.min_by_key(|known| distance(name, known)).unwrap_or_default()
}

/// Edits between two words (Levenshtein).
pub(super) fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (to, above) in b.chars().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(from != to)).min(left + 1).min(above + 1);
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
