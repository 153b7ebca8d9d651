//! How much a person stores, computed by scanning.

use oubliette_crypto::{Branch, Class};

use crate::VaultError;
use crate::person::Person;
use crate::rows::{Bounds, Value};

/// What is stored of one class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassUsage {
    /// `"saves"`, `"chat"`, `"credentials"`, `"records"` or `"profile"`.
    pub class: &'static str,
    /// Values: save versions, messages, stored credentials.
    pub items: u64,
    /// Bytes as stored: sealed, compressed, padded, names included.
    pub bytes: u64,
}

impl Person {
    /// Classes that hold nothing are left out.
    pub(crate) fn usage(&self) -> Result<Vec<ClassUsage>, VaultError> {
        let mut usage: Vec<(Class, ClassUsage)> = Vec::new();
        self.each_row(Bounds::person(&self.handle()), &mut |place, row| {
            if usage.last().is_none_or(|(class, _)| *class != place.class) {
                usage.push((place.class, ClassUsage { class: name(place.class), items: 0, bytes: 0 }));
            }
            let blob = match Value::parse(&row).as_ref().and_then(Value::blob) {
                Some(blob) => self.vault.blobs.len(blob)?,
                None => 0,
            };
            if let Some((_, class)) = usage.last_mut() {
                class.items += u64::from(place.branch == Branch::Items);
                class.bytes += row.len() as u64 + blob;
            }
            Ok(true)
        })?;
        Ok(usage.into_iter().map(|(_, usage)| usage).collect())
    }
}

pub(crate) fn name(class: Class) -> &'static str {
    match class {
        Class::Saves => "saves",
        Class::Chat => "chat",
        Class::Credentials => "credentials",
        Class::Records => "records",
        Class::Profile => "profile",
    }
}
