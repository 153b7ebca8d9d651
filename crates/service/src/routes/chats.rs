//! Conversations as a whole.

use axum::{Json as Answer, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Erased, Paging, deleted};
use crate::{
    extract::{Names, Params},
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
        })
        .collect();
    Ok(Answer(ChatList { chats, next_cursor: listed.next_cursor }))
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
