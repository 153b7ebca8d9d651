//! What the platform promises about its content, as settings: how long it is kept, which consents it needs, and what else is recorded.

use std::collections::BTreeMap;

use oubliette_crypto::Class;

/// In seconds.
const DAY: i64 = 24 * 3600;

/// The promises. The default promises nothing: what is stored stays until somebody has it forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Of save versions.
    pub saves: Retention,
    /// Of messages.
    pub chat: Retention,
    /// Of platform credentials.
    pub credentials: Retention,
    /// Consents that have rules of their own, by purpose.
    pub consents: BTreeMap<String, ConsentRule>,
    /// What else is recorded about people, by purpose. Nothing is, that stands not here.
    pub records: BTreeMap<String, RecordRule>,
}

/// How long something is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Retention {
    /// The law wants it kept for so many days after it was stored. What is deleted before is not read any more, and cut then.
    pub minimum_days: Option<u32>,
    /// It is forgotten so many days after it was stored.
    pub maximum_days: Option<u32>,
}

/// When a consent counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConsentRule {
    /// The version of the policy that is current.
    pub version: Option<String>,
    /// A consent to another version counts no more: the person is asked again.
    pub renew: bool,
}

/// One kind of record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecordRule {
    /// The consent without which none is stored or read, and whose withdrawal forgets all of them.
    pub consent: Option<String>,
    /// How long they are kept.
    pub retention: Retention,
    /// Most bytes in one; as for saves if not said.
    pub max_size: Option<u64>,
    /// The content types taken; any if there is none.
    pub content_types: Vec<String>,
}

impl Policy {
    /// Of a class whose values have one rule. Records have one for each purpose.
    pub(crate) fn retention(&self, class: Class) -> Retention {
        match class {
            Class::Saves => self.saves,
            Class::Chat => self.chat,
            Class::Credentials => self.credentials,
            Class::Records | Class::Profile => Retention::default(),
        }
    }

    /// Whether anything is forgotten by its age.
    pub(crate) fn anything_expires(&self) -> bool {
        let classes = [self.saves, self.chat, self.credentials].into_iter();
        classes
            .chain(self.records.values().map(|rule| rule.retention))
            .any(|kept| kept.maximum_days.is_some())
    }
}

impl Retention {
    /// The first second at which something stored at `created` (microseconds since 1970) may be cut; 0 if it always may.
    pub(crate) fn earliest(self, created: u64) -> i64 {
        self.minimum_days.map_or(0, |days| seconds(created).saturating_add(i64::from(days) * DAY))
    }

    /// Whether something stored at `created` (microseconds since 1970) is too old at `now` (seconds since 1970).
    pub(crate) fn is_over(self, created: u64, now: i64) -> bool {
        self.maximum_days.is_some_and(|days| seconds(created).saturating_add(i64::from(days) * DAY) <= now)
    }
}

/// Rounded up: nothing is cut a part of a second early.
fn seconds(micros: u64) -> i64 {
    i64::try_from(micros.div_ceil(1_000_000)).unwrap_or(i64::MAX)
}
