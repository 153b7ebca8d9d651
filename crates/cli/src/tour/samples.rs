//! The sample data of the repository, inside the binary.

use std::collections::BTreeMap;

use oubliette_store::SteamFields;
use serde::Deserialize;

use super::TourError;

const CHAT: &str = include_str!("../../../../examples/data/chats/two-friends.json");
const STEAM: &str = include_str!("../../../../examples/data/steam/demo-account.json");

macro_rules! saves {
    ($($name:literal),+ $(,)?) => {
        /// Successive autosaves of one real game, oldest first: name and bytes.
        pub(super) const SAVES: &[(&str, &[u8])] =
            &[$(($name, include_bytes!(concat!("../../../../examples/data/saves/freeciv/", $name)))),+];
    };
}
saves!(
    "islands/islands-T0005-Y-3800-auto.sav",
    "islands/islands-T0010-Y-3550-auto.sav",
    "islands/islands-T0015-Y-3300-auto.sav",
    "islands/islands-T0020-Y-3050-auto.sav",
    "islands/islands-T0025-Y-2800-auto.sav",
    "islands/islands-T0030-Y-2550-auto.sav",
);

/// The sample conversation.
#[derive(Deserialize)]
pub(super) struct Chat {
    pub(super) messages: Vec<Line>,
}

/// A line of it.
#[derive(Deserialize)]
pub(super) struct Line {
    pub(super) from: String,
    pub(super) body: String,
}

/// The made-up Steam account.
#[derive(Deserialize)]
pub(super) struct Account {
    pub(super) account: String,
    credentials: BTreeMap<String, String>,
}

impl Account {
    pub(super) fn fields(&self) -> SteamFields {
        SteamFields(self.credentials.clone())
    }
}

pub(super) fn chat() -> Result<Chat, TourError> {
    Ok(serde_json::from_str(CHAT)?)
}

pub(super) fn account() -> Result<Account, TourError> {
    Ok(serde_json::from_str(STEAM)?)
}
