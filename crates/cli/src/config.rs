//! Settings: flags over `OUBLIETTE_*` variables over `oubliette.toml`. Unknown keys are errors that name the nearest.

use std::{
    collections::BTreeMap,
    fmt, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use toml::{Table, Value};

use oubliette_store::{BackupSettings, ChatOptions, KeepBackups, S3Options};
use zeroize::Zeroizing;

use crate::{args::Common, error::CliError, promises};

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
/// Sections whose settings are named by purposes and classes, which a variable cannot tell apart.
const FILE_ALONE: &[&str] = &["retention.", "consents.", "records."];
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

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saves {
    pub(crate) compress: Option<bool>,
    pub(crate) max_size: Option<u64>,
    #[serde(default)]
    pub(crate) require_precondition: bool,
    /// Versions kept of a slot.
    pub(crate) keep_last: Option<u32>,
    /// Days for which a version is kept after a newer one came.
    pub(crate) keep_days: Option<u32>,
    /// The same of one game, by its name. Only in the file.
    #[serde(default)]
    pub(crate) games: BTreeMap<String, Game>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Game {
    pub(crate) keep_last: Option<u32>,
    pub(crate) keep_days: Option<u32>,
}

/// What a person may store where nothing else was set for them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Quota {
    pub(crate) total_bytes: Option<u64>,
    pub(crate) total_items: Option<u64>,
    pub(crate) saves_bytes: Option<u64>,
    pub(crate) saves_items: Option<u64>,
    pub(crate) chat_bytes: Option<u64>,
    pub(crate) chat_items: Option<u64>,
    pub(crate) credentials_bytes: Option<u64>,
    pub(crate) credentials_items: Option<u64>,
    pub(crate) records_bytes: Option<u64>,
    pub(crate) records_items: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chat {
    /// Of messages for which neither sender nor conversation names a policy.
    pub(crate) default_policy: Option<String>,
}

/// The log of deletions.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    /// Public keys of the witnesses whose signatures count.
    #[serde(default)]
    pub(crate) witnesses: Vec<String>,
}

impl Chat {
    pub(crate) fn options(&self) -> Result<ChatOptions, CliError> {
        let mut options = ChatOptions::default();
        if let Some(policy) = &self.default_policy {
            let wrong = |_| {
                CliError::Usage(
                    "the setting `chat.default_policy` must be `author`, `either` or `survivor`".into(),
                )
            };
            options.default_policy = policy.parse().map_err(wrong)?;
        }
        Ok(options)
    }
}

/// Where backups go.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// A folder, or `s3://bucket/prefix`.
    pub(crate) to: Option<String>,
    region: Option<String>,
    keep_last: Option<u32>,
    keep_days: Option<u32>,
    s3_endpoint: Option<String>,
    s3_region: Option<String>,
    s3_access_key: Option<String>,
    s3_secret_key: Option<Zeroizing<String>>,
    #[serde(default)]
    s3_allow_http: bool,
}

/// Not the secret.
impl fmt::Debug for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backup").field("to", &self.to).finish_non_exhaustive()
    }
}

impl Backup {
    pub(crate) fn settings(&self) -> BackupSettings {
        BackupSettings {
            to: self.to.clone(),
            region: self.region.clone(),
            keep: KeepBackups { last: self.keep_last, days: self.keep_days },
            s3: self.s3(),
        }
    }

    pub(crate) fn s3(&self) -> S3Options {
        S3Options {
            endpoint: self.s3_endpoint.clone(),
            region: self.s3_region.clone(),
            access_key: self.s3_access_key.clone(),
            secret_key: self.s3_secret_key.clone(),
            allow_http: self.s3_allow_http,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deletion {
    /// For how many days a deletion can be taken back.
    pub(crate) cooling_off_days: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Memory {
    /// Bytes of key pages kept in memory.
    pub(crate) key_cache: Option<usize>,
    #[serde(default)]
    pub(crate) allow_swappable_keys: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    pub(crate) workers: Option<usize>,
    pub(crate) queue: Option<usize>,
    pub(crate) uploads: Option<usize>,
    pub(crate) connections: Option<usize>,
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
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("OUBLIETTE_"));
        let mut settings = Self::from_parts(flags.config.as_deref(), variables.collect())?;
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

fn read(path: &Path) -> Result<Option<Table>, CliError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(CliError::io("reading the configuration", path)(error)),
    };
    parse(&text, path).map(Some)
}

fn parse(text: &str, path: &Path) -> Result<Table, CliError> {
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

/// See `crate::fuzzing`. Input: the file's text; a setting that is not known, or of the wrong kind, is refused by name.
pub(crate) fn fuzz(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match parse(text, Path::new("oubliette.toml")).and_then(Settings::from_table) {
        Ok(settings) => assert!(settings.url().starts_with("http://") || settings.url.is_some()),
        Err(error) => assert_eq!(error.exit_code(), 2, "{error}"),
    }
}

/// Every known setting holds the kind of value it needs; what is wrong is told by name.
fn check_kinds(table: &Table) -> Result<(), CliError> {
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
fn overlay(table: &mut Table, name: &str, text: &str) -> Result<(), CliError> {
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
fn distance(a: &str, b: &str) -> usize {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn load(file: &str, variables: &[(&str, &str)]) -> Result<Settings, CliError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("oubliette.toml");
        fs::write(&path, file).unwrap();
        let variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Settings::from_parts(Some(&path), variables)
    }

    #[test]
    fn variables_win_over_the_file() {
        let file = "listen = \"127.0.0.1:1\"\ndata = \"a\"\n[saves]\nmax_size = 5\ncompress = false\n";
        let settings =
            load(file, &[("OUBLIETTE_LISTEN", "127.0.0.1:2"), ("OUBLIETTE_SAVES_MAX_SIZE", "7")]).unwrap();
        assert_eq!((settings.listen.as_str(), settings.data.to_str()), ("127.0.0.1:2", Some("a")));
        assert_eq!((settings.saves.max_size, settings.saves.compress), (Some(7), Some(false)));
        assert_eq!(settings.url(), "http://127.0.0.1:2");
        assert_eq!(settings.token_file(), Path::new("a/dev.token"));
    }

    #[test]
    fn unknown_keys_name_the_nearest() {
        let message = load("lisen = \"x\"", &[]).unwrap_err().to_string();
        assert!(message.contains("`lisen`") && message.contains("`listen`"), "{message}");
        let message = load("[saves]\nmax-size = 1", &[]).unwrap_err().to_string();
        assert!(message.contains("`saves.max_size`"), "{message}");
        let message = load("", &[("OUBLIETTE_LISTN", "x")]).unwrap_err().to_string();
        assert!(message.contains("OUBLIETTE_LISTEN"), "{message}");
        // What Kubernetes injects beside a service of this name.
        assert!(load("", &[("OUBLIETTE_SERVICE_HOST", "x"), ("OUBLIETTE_PORT", "x")]).is_ok());
        let message = load("", &[("OUBLIETTE_RETENTION_SAVES_MINIMUM_DAYS", "30")]).unwrap_err().to_string();
        assert!(message.contains("oubliette.toml alone"), "{message}");
    }

    #[test]
    fn wrong_values_are_usage_errors() {
        for (file, variables) in [
            ("listen = 5", &[][..]),
            ("not toml", &[]),
            ("[limits]\nworkers = \"many\"", &[]),
            ("[limits]\nworkers = -1", &[]),
            ("cells = \"/disk/root.cell\"", &[]),
            ("cells = [1]", &[]),
            ("", &[("OUBLIETTE_INSECURE_PLAINTEXT", "yes")]),
            ("", &[("OUBLIETTE_LIMITS_QUEUE", "x")]),
        ] {
            assert!(matches!(load(file, variables), Err(CliError::Usage(_))), "{file} {variables:?}");
        }
        let message = load("[limits]\nworkers = -1", &[]).unwrap_err().to_string();
        assert!(message.contains("`limits.workers`"), "{message}");
        let missing = Settings::from_parts(Some(Path::new("/nonexistent/oubliette.toml")), Vec::new());
        assert!(matches!(missing, Err(CliError::Usage(_))));
    }

    #[test]
    fn settings_of_conversations() {
        let of = |file: &str| load(file, &[]).and_then(|settings| settings.chat.options());
        assert_eq!(of("[chat]\ndefault_policy = \"either\"").unwrap().default_policy.as_str(), "either");
        assert_eq!(of("").unwrap().default_policy.as_str(), "author");
        let message = of("[chat]\ndefault_policy = \"both\"").unwrap_err().to_string();
        assert!(message.contains("`chat.default_policy`"), "{message}");
    }

    #[test]
    fn cells_are_a_list() {
        let paths =
            |cells: Settings| cells.cells.iter().map(|cell| cell.display().to_string()).collect::<Vec<_>>();
        assert_eq!(paths(load("cells = [\"/a/x\", \"/b/x\"]", &[]).unwrap()), ["/a/x", "/b/x"]);
        let settings = load("cells = [\"/a/x\"]", &[("OUBLIETTE_CELLS", "/c/x:/d/x")]).unwrap();
        assert_eq!(paths(settings), ["/c/x", "/d/x"]);
        assert!(load("", &[]).unwrap().cells.is_empty());
    }

    #[test]
    fn what_is_kept_may_be_said_by_game() {
        let file = "[saves]\nkeep_last = 5\n[saves.games.\"doom 1.9\"]\nkeep_last = 50\n[saves.games.nethack]\nkeep_days = 30\n";
        let settings = load(file, &[("OUBLIETTE_SAVES_KEEP_DAYS", "90")]).unwrap();
        assert_eq!((settings.saves.keep_last, settings.saves.keep_days), (Some(5), Some(90)));
        let game = |name: &str| settings.saves.games.get(name).map(|game| (game.keep_last, game.keep_days));
        assert_eq!((game("doom 1.9"), game("nethack")), (Some((Some(50), None)), Some((None, Some(30)))));
        for bad in ["keep_lst = 1", "keep_last = -1", "keep_last = \"all\""] {
            let loaded = load(&format!("[saves.games.doom]\n{bad}\n"), &[]);
            assert!(matches!(loaded, Err(CliError::Usage(_))), "{bad}");
        }
        let settings = load("[quota]\nsaves_bytes = 7\n", &[("OUBLIETTE_QUOTA_TOTAL_ITEMS", "9")]).unwrap();
        assert_eq!((settings.quota.saves_bytes, settings.quota.total_items), (Some(7), Some(9)));
    }

    #[test]
    fn edit_distances() {
        for (a, b, edits) in
            [("", "", 0), ("", "ab", 2), ("listen", "lisen", 1), ("abc", "acb", 2), ("x", "y", 1)]
        {
            assert_eq!((distance(a, b), distance(b, a)), (edits, edits), "{a} {b}");
        }
    }
}
