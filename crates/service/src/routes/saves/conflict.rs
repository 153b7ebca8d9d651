//! Both sides of a conflict: what stands, what came, and what the sender believed in, so that a player can choose.

use axum::http::{HeaderMap, header};
use oubliette_store::{PutOptions, SaveInfo, Saves};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::SaveFacts;
use super::conditions::Wanted;
use crate::times;

/// Most characters of a device's name that are repeated.
const MAX_DEVICE: usize = 256;

/// The version that was refused.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct YourSide {
    /// What `If-Match` said.
    #[serde(skip_serializing_if = "Option::is_none")]
    if_match: Option<String>,
    /// Bytes, if they were announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    /// When it came, RFC 3339, UTC.
    received: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// What `X-Save-Meta` said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    meta: Option<Value>,
    /// The `device` that `X-Save-Meta` names, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    /// The version that the sender went on from, if it is still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<SaveFacts>,
}

impl YourSide {
    /// Of a write that has not begun.
    pub(super) fn of(headers: &HeaderMap, options: &PutOptions) -> Self {
        let if_match = headers.get(header::IF_MATCH).and_then(|value| value.to_str().ok());
        let meta = parse_meta(options.meta.as_deref());
        Self {
            if_match: if_match.map(str::to_owned),
            size: options.expected_len,
            received: times::text(times::now()),
            content_type: options.content_type.clone(),
            device: device(meta.as_ref()),
            meta,
            base: None,
        }
    }

    /// Looks up what the sender went on from.
    pub(super) fn with_base(self, wanted: &Wanted, saves: &Saves, game: &str, slot: &str) -> Self {
        let found = wanted.single().and_then(|version| saves.info(game, slot, Some(version)).ok());
        let base = found.filter(|info: &SaveInfo| wanted.allows(info)).as_ref().map(SaveFacts::from);
        Self { base, ..self }
    }
}

pub(super) fn parse_meta(meta: Option<&str>) -> Option<Value> {
    serde_json::from_str(meta?).ok()
}

pub(super) fn device(meta: Option<&Value>) -> Option<String> {
    let device = meta?.get("device")?.as_str()?;
    Some(device.chars().take(MAX_DEVICE).collect())
}
