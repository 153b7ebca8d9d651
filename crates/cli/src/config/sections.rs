//! What stands in each section of the settings.

use std::{collections::BTreeMap, fmt};

use oubliette_store::{BackupSettings, ChatOptions, KeepBackups, S3Options};
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::error::CliError;

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
