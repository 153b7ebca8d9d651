//! The settings by which a platform keeps its promises: how long content is kept, which consents it needs, what else is recorded. They stand in
//! the file alone, since purposes have names of their own.

use std::{collections::BTreeMap, time::Duration};

use oubliette_store::{ConsentRule, Policy, RecordRule, Retention, VaultOptions};
use serde::Deserialize;
use toml::{Table, Value};

use crate::{
    config::{Kind, Settings},
    error::CliError,
};

/// `[clock]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Clock {
    /// How far the clock is believed when the machine was off.
    tolerance_minutes: Option<u64>,
}

/// `[rows]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rows {
    /// Rows are compacted when they take up more than so many times what is alive.
    compact_above: Option<u64>,
}

/// `[retention.saves]`, `[retention.chat]`, `[retention.credentials]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ByClass {
    #[serde(default)]
    saves: Kept,
    #[serde(default)]
    chat: Kept,
    #[serde(default)]
    credentials: Kept,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Kept {
    minimum_days: Option<u32>,
    maximum_days: Option<u32>,
}

/// `[consents.PURPOSE]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Consent {
    version: Option<String>,
    #[serde(default)]
    renew: bool,
}

/// `[records.PURPOSE]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Records {
    consent: Option<String>,
    minimum_days: Option<u32>,
    maximum_days: Option<u32>,
    max_size: Option<u64>,
    #[serde(default)]
    content_types: Vec<String>,
}

/// Sections with a table for each class or purpose, and what stands in these.
const SECTIONS: &[(&str, &[(&str, Kind)])] = &[
    ("retention", &[("minimum_days", Kind::Number), ("maximum_days", Kind::Number)]),
    ("consents", &[("version", Kind::Text), ("renew", Kind::Switch)]),
    (
        "records",
        &[
            ("consent", Kind::Text),
            ("minimum_days", Kind::Number),
            ("maximum_days", Kind::Number),
            ("max_size", Kind::Number),
            ("content_types", Kind::Texts),
        ],
    ),
];
const CLASSES: &[&str] = &["saves", "chat", "credentials"];

/// Whether this is the dotted name of a setting of ours.
pub(crate) fn knows(key: &str) -> bool {
    let Some((section, name, last)) = parts(key) else { return false };
    let of_class = section != "retention" || CLASSES.contains(&name);
    of_class && keys(section).iter().any(|(known, _)| *known == last)
}

/// The settings of ours that a mistyped name may have meant.
pub(crate) fn nearby(key: &str) -> Vec<String> {
    let Some((section, name, _)) = parts(key) else { return Vec::new() };
    let names = if section == "retention" { CLASSES.to_vec() } else { vec![name] };
    let all = names
        .iter()
        .flat_map(|name| keys(section).iter().map(move |(key, _)| format!("{section}.{name}.{key}")));
    all.collect()
}

/// `section.name.key`; a name may hold dots of its own.
fn parts(key: &str) -> Option<(&str, &str, &str)> {
    let (section, rest) = key.split_once('.')?;
    let (name, last) = rest.rsplit_once('.')?;
    Some((section, name, last))
}

fn keys(section: &str) -> &'static [(&'static str, Kind)] {
    SECTIONS.iter().find(|(known, _)| *known == section).map_or(&[], |(_, keys)| keys)
}

/// Every setting of ours holds the kind of value it needs; what is wrong is told by name.
pub(crate) fn check_kinds(table: &Table) -> Result<(), CliError> {
    for (section, known) in SECTIONS {
        let Some(Value::Table(names)) = table.get(*section) else { continue };
        for (name, value) in names {
            let Value::Table(settings) = value else {
                return Err(CliError::Usage(format!(
                    "the setting `{section}.{name}` must be a section of its own"
                )));
            };
            for (key, kind) in *known {
                let Some(value) = settings.get(*key) else { continue };
                if let Some(needed) = kind.wanted(value) {
                    return Err(CliError::Usage(format!(
                        "the setting `{section}.{name}.{key}` must be {needed}"
                    )));
                }
            }
        }
    }
    Ok(())
}

/// Enters what the settings promise.
pub(crate) fn enter(settings: &Settings, options: &mut VaultOptions) {
    let kept = |kept: Kept| Retention { minimum_days: kept.minimum_days, maximum_days: kept.maximum_days };
    let consents: BTreeMap<_, _> = settings
        .consents
        .iter()
        .map(|(purpose, rule)| {
            (purpose.clone(), ConsentRule { version: rule.version.clone(), renew: rule.renew })
        })
        .collect();
    let records = settings.records.iter().map(|(purpose, rule)| {
        let retention = Retention { minimum_days: rule.minimum_days, maximum_days: rule.maximum_days };
        let rule = RecordRule {
            consent: rule.consent.clone(),
            retention,
            max_size: rule.max_size,
            content_types: rule.content_types.clone(),
        };
        (purpose.clone(), rule)
    });
    options.policy = Policy {
        saves: kept(settings.retention.saves),
        chat: kept(settings.retention.chat),
        credentials: kept(settings.retention.credentials),
        consents,
        records: records.collect(),
    };
    options.region.clone_from(&settings.region);
    options.engine.compact_above = settings.rows.compact_above;
    options.clock_tolerance =
        settings.clock.tolerance_minutes.map(|minutes| Duration::from_secs(minutes.saturating_mul(60)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_by_their_section() {
        for key in
            ["retention.saves.minimum_days", "consents.steam_credentials.renew", "records.a.b.max_size"]
        {
            assert!(knows(key), "{key}");
        }
        for key in
            ["retention.profile.minimum_days", "retention.saves", "records.orders.size", "saves.max_size"]
        {
            assert!(!knows(key), "{key}");
        }
        assert!(nearby("records.orders.maxsize").contains(&"records.orders.max_size".to_owned()));
    }

    #[test]
    fn wrong_kinds_are_named() {
        for (text, named) in [
            ("[records.orders]\nmax_size = \"1\"", "records.orders.max_size"),
            ("[retention.chat]\nminimum_days = -1", "retention.chat.minimum_days"),
            ("[consents]\nsteam_credentials = 1", "consents.steam_credentials"),
        ] {
            let message = check_kinds(&text.parse().unwrap()).unwrap_err().to_string();
            assert!(message.contains(named), "{message}");
        }
    }
}
