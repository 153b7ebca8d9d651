//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]

use std::path::Path;

/// Input: the marker's text.
pub(crate) fn marker(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match super::marker::parse(text, Path::new("vault.json")) {
        Ok(marker) => assert!(text.contains(&marker.vault.to_string())),
        Err(error) => assert!(error.to_string().starts_with("vault.json")),
    }
}

pub(crate) fn marker_seeds() -> Vec<Vec<u8>> {
    let text = |format: u32, engine: &str| {
        format!("{{\"vault\": \"{}\", \"format\": {format}, \"engine\": \"{engine}\"}}\n", "ab".repeat(16))
            .into_bytes()
    };
    let id = "ab".repeat(16);
    let region =
        format!("{{\"vault\": \"{id}\", \"format\": 1, \"engine\": \"sled\", \"region\": \"eu\"}}\n");
    let passage = |name: &str| {
        let there = format!("{{\"folder\": \"/srv/vault\", \"passage\": \"{id}\"}}");
        format!("{{\"vault\": \"{id}\", \"format\": 1, \"engine\": \"sled\", \"{name}\": {there}}}\n")
            .into_bytes()
    };
    let known = [text(1, "sled"), text(2, "sled"), text(1, "redb"), region.into_bytes()];
    known.into_iter().chain([passage("moved"), passage("arriving")]).collect()
}
