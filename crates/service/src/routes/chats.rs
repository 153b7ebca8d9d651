//! Conversations as a whole.

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::{ChatPolicy, ChatSettings};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::messages::policy_named;
use super::{Erased, Paging, deleted};
use crate::{
    extract::{Json, Names, Params},
    problem::Problem,
    state::App,
    times,
};

/// A conversation.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatView {
    id: String,
    /// Null after the peer's erasure.
    peer: Option<String>,
    /// Time of the newest message, RFC 3339.
    last: Option<String>,
    /// How many messages this person sees.
    messages: u64,
    /// What the person set for it.
    #[serde(flatten)]
    settings: SettingsView,
}

/// One person's settings of one conversation; they bind this person's side alone.
#[derive(Serialize, ToSchema)]
pub(crate) struct SettingsView {
    /// The policy of this person's messages that name none; absent: the service's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    policy: Option<&'static str>,
    /// Days after which this person's side is forgotten, message by message; absent: as the service is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    keep_days: Option<u32>,
}

/// What to set; what is absent is as the service is set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SettingsBody {
    /// `author`, `either` or `survivor`.
    #[schema(example = "either", pattern = "^(author|either|survivor)$")]
    policy: Option<String>,
    /// 1 or more.
    #[schema(minimum = 1)]
    keep_days: Option<u32>,
}

/// A page of conversations.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChatList {
    chats: Vec<ChatView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// The person's conversations.
#[utoipa::path(get, path = "/v1/subjects/{user}/chats", tag = "chats", params(Paging),
    responses((status = 200, body = ChatList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Names(user): Names<String>,
    Params(paging): Params<Paging>,
) -> Result<Answer<ChatList>, Problem> {
    let page = paging.page()?;
    let listed = app.with_subject(user, move |subject| subject.chats().list(&page)).await?;
    let chats = listed
        .items
        .into_iter()
        .map(|chat| ChatView {
            id: chat.id,
            peer: chat.peer,
            last: chat.last.map(times::text),
            messages: chat.messages,
            settings: chat.settings.into(),
        })
        .collect();
    Ok(Answer(ChatList { chats, next_cursor: listed.next_cursor }))
}

/// Sets the person's side of a conversation: the policy of their messages from now on, and how long their side is kept.
#[utoipa::path(put, path = "/v1/subjects/{user}/chats/{peer}", tag = "chats", request_body = SettingsBody,
    responses((status = 200, body = SettingsView)))]
pub(crate) async fn set(
    State(app): State<App>,
    Names((user, peer)): Names<(String, String)>,
    Json(body): Json<SettingsBody, 4096>,
) -> Result<Answer<SettingsView>, Problem> {
    let default_policy = body.policy.as_deref().map(policy_named).transpose()?;
    let settings = ChatSettings { default_policy, keep_days: body.keep_days };
    app.with_subject(user, move |subject| subject.chats().set(&peer, &settings)).await?;
    Ok(Answer(settings.into()))
}

impl From<ChatSettings> for SettingsView {
    fn from(settings: ChatSettings) -> Self {
        Self { policy: settings.default_policy.map(ChatPolicy::as_str), keep_days: settings.keep_days }
    }
}

/// Forgets the person's own side of a conversation.
#[utoipa::path(delete, path = "/v1/subjects/{user}/chats/{peer}", tag = "chats",
    responses((status = 200, body = Erased), (status = 202, description = "waits", body = Erased)))]
pub(crate) async fn forget(
    State(app): State<App>,
    Names((user, peer)): Names<(String, String)>,
) -> Result<(StatusCode, Answer<Erased>), Problem> {
    let deletion = app.with_subject(user, move |subject| subject.chats().forget_side(&peer)).await?;
    Ok(deleted(deletion))
}
