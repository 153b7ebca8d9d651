//! Messages of a conversation.

use axum::{
    Json as Answer,
    extract::{FromRequest, Request, State},
    http::{StatusCode, header},
};
use oubliette_store::{Body, ChatPolicy, Message, NewMessage, Posted, Window};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Erased, check_limit, deleted};
use crate::{
    body,
    extract::{Json, Names, Params, essence},
    problem::Problem,
    state::App,
    times,
};

/// 64 KiB of text may be six times as long in JSON.
const MESSAGE_JSON: usize = 512 << 10;
/// A hundred long messages with some escapes.
const BATCH_JSON: usize = 16 << 20;
/// Most bytes of a raw body.
const MESSAGE_BYTES: usize = 64 << 10;

/// A message to be sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageBody {
    /// Up to 64 KiB of text.
    body: String,
    /// Whose deletion takes it along: `author` the author's; `either` that of either of the two; `survivor` only both. If absent, what
    /// the person set for the conversation, or the service's default.
    #[schema(example = "author", pattern = "^(author|either|survivor)$")]
    policy: Option<String>,
    /// The sender's own time, RFC 3339; the order is the service's.
    sent_at: Option<String>,
    /// The sender's own name for the message: sent again under it within a day and 32 messages, it is not stored again.
    #[schema(max_length = 256)]
    client_id: Option<String>,
}

/// What goes with raw bytes.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RawParams {
    /// With raw bytes: as `policy` in JSON.
    #[param(pattern = "^(author|either|survivor)$")]
    policy: Option<String>,
    /// With raw bytes: as `sent_at` in JSON.
    sent_at: Option<String>,
    /// With raw bytes: as `client_id` in JSON.
    #[param(max_length = 256)]
    client_id: Option<String>,
}

/// Up to 100 messages, written together or not at all.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BatchBody {
    #[schema(min_items = 1, max_items = 100)]
    messages: Vec<MessageBody>,
}

/// A stored message's place.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostedView {
    /// Opaque; the same for both sides.
    id: String,
    seq: u64,
    created: String,
}

/// Places of a batch, in its order.
#[derive(Serialize, ToSchema)]
pub(crate) struct PostedList {
    messages: Vec<PostedView>,
}

/// A message.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageView {
    id: String,
    seq: u64,
    /// Null after the author's erasure.
    author: Option<String>,
    /// Text; absent where raw bytes were sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    /// Raw bytes, base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
    /// Media type of raw bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[schema(example = "author")]
    policy: &'static str,
}

/// A page of messages, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct MessageList {
    messages: Vec<MessageView>,
    /// Where there is more: pass as `cursor`, beside the same `after` if one was given, for the page that comes next in that direction.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WindowParams {
    /// Only messages older than this id.
    before: Option<String>,
    /// Only messages newer than this id.
    after: Option<String>,
    /// `next_cursor` of the page before, beside the same `after`, if one was given: goes on in its direction.
    cursor: Option<String>,
    /// Most messages in the answer, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ForgetParams {
    /// An id: forget all of the person's own messages up to it; the id in the path is then not looked at.
    through: Option<String>,
}

/// Sends a message; text as JSON, or raw bytes under any other content type.
#[utoipa::path(post, path = "/v1/subjects/{user}/chats/{peer}/messages", tag = "chats", params(RawParams),
    request_body(content((MessageBody = "application/json"), (Vec<u8> = "application/octet-stream"))),
    responses((status = 201, description = "stored", body = PostedView)))]
pub(crate) async fn append(
    State(app): State<App>,
    Names((user, peer)): Names<(String, String)>,
    Params(params): Params<RawParams>,
    request: Request,
) -> Result<(StatusCode, Answer<PostedView>), Problem> {
    let message = new_message(request, params, &app).await?;
    let posted = app.with_subject(user, move |subject| subject.chats().append(&peer, &[message])).await?;
    let posted = posted.into_iter().next().ok_or_else(Problem::internal)?;
    Ok((StatusCode::CREATED, Answer(posted.into())))
}

/// Sends up to 100 messages in one atomic, durable write.
#[utoipa::path(post, path = "/v1/subjects/{user}/chats/{peer}/messages:batch", tag = "chats",
    request_body = BatchBody, responses((status = 201, description = "stored", body = PostedList)))]
pub(crate) async fn append_batch(
    State(app): State<App>,
    Names((user, peer)): Names<(String, String)>,
    Json(batch): Json<BatchBody, BATCH_JSON>,
) -> Result<(StatusCode, Answer<PostedList>), Problem> {
    if batch.messages.is_empty() || batch.messages.len() > 100 {
        return Err(Problem::invalid("messages", "a batch has 1 to 100 messages"));
    }
    let messages = batch.messages.into_iter().map(NewMessage::try_from).collect::<Result<Vec<_>, _>>()?;
    let posted = app.with_subject(user, move |subject| subject.chats().append(&peer, &messages)).await?;
    Ok((StatusCode::CREATED, Answer(PostedList { messages: posted.into_iter().map(Into::into).collect() })))
}

/// The conversation as this person sees it: both directions in one order, newest first.
#[utoipa::path(get, path = "/v1/subjects/{user}/chats/{peer}/messages", tag = "chats", params(WindowParams),
    responses((status = 200, body = MessageList)))]
pub(crate) async fn read(
    State(app): State<App>,
    Names((user, peer)): Names<(String, String)>,
    Params(params): Params<WindowParams>,
) -> Result<Answer<MessageList>, Problem> {
    let limit = check_limit(params.limit)?;
    // A cursor goes on in the direction of the page that it came with.
    let (before, after) = match (params.after, params.cursor) {
        (Some(after), cursor) => (params.before, Some(cursor.unwrap_or(after))),
        (None, Some(_)) if params.before.is_some() => {
            return Err(Problem::invalid("cursor", "stands beside `before`, of which it takes the place"));
        }
        (None, cursor) => (params.before.or(cursor), None),
    };
    let window = Window { before, after, limit };
    let listed = app.with_subject(user, move |subject| subject.chats().messages(&peer, &window)).await?;
    let messages = listed.items.into_iter().map(Into::into).collect();
    Ok(Answer(MessageList { messages, next_cursor: listed.next_cursor }))
}

/// Forgets the person's own message, or their part of the peer's where its policy gives them one; with `through` all of theirs up to one.
#[utoipa::path(delete, path = "/v1/subjects/{user}/chats/{peer}/messages/{id}", tag = "chats", params(ForgetParams),
    responses((status = 200, body = Erased), (status = 202, description = "waits", body = Erased)))]
pub(crate) async fn forget(
    State(app): State<App>,
    Names((user, peer, id)): Names<(String, String, String)>,
    Params(params): Params<ForgetParams>,
) -> Result<(StatusCode, Answer<Erased>), Problem> {
    let deletion = app
        .with_subject(user, move |subject| match params.through {
            Some(through) => subject.chats().forget_through(&peer, &through),
            None => subject.chats().forget_message(&peer, &id),
        })
        .await?;
    Ok(deleted(deletion))
}

async fn new_message(request: Request, params: RawParams, app: &App) -> Result<NewMessage, Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match content_type {
        // Any other type is a message's own, also one that is written in JSON.
        Some(content_type) if essence(content_type) != "application/json" => {
            let content_type = content_type.to_owned();
            let mut bytes = body::collect(request, MESSAGE_BYTES, app.config.idle_timeout).await?;
            let body = Body::Bytes { content_type, bytes: std::mem::take(&mut *bytes) };
            stored(body, params.policy.as_deref(), params.sent_at.as_deref(), params.client_id)
        }
        _ if params.policy.is_some() || params.sent_at.is_some() || params.client_id.is_some() => Err(
            Problem::invalid("query", "policy, sent_at and client_id of a JSON message stand in its body"),
        ),
        _ => Json::<MessageBody, MESSAGE_JSON>::from_request(request, app).await?.0.try_into(),
    }
}

impl TryFrom<MessageBody> for NewMessage {
    type Error = Problem;
    fn try_from(message: MessageBody) -> Result<Self, Problem> {
        let MessageBody { body, policy, sent_at, client_id } = message;
        stored(Body::Text(body), policy.as_deref(), sent_at.as_deref(), client_id)
    }
}

fn stored(
    body: Body,
    policy: Option<&str>,
    sent_at: Option<&str>,
    client_id: Option<String>,
) -> Result<NewMessage, Problem> {
    let time = |text| times::micros(text).ok_or_else(|| Problem::invalid("sent_at", "not an RFC 3339 time"));
    let sent_at = sent_at.map(time).transpose()?;
    Ok(NewMessage { body, sent_at, client_id, policy: policy.map(policy_named).transpose()? })
}

pub(crate) fn policy_named(name: &str) -> Result<ChatPolicy, Problem> {
    name.parse().map_err(|_| Problem::invalid("policy", "must be `author`, `either` or `survivor`"))
}

impl From<Posted> for PostedView {
    fn from(posted: Posted) -> Self {
        Self { id: posted.id, seq: posted.seq, created: times::text(posted.created) }
    }
}

impl From<Message> for MessageView {
    fn from(message: Message) -> Self {
        let (body, body_base64, content_type) = match message.body {
            Body::Text(text) => (Some(text), None, None),
            Body::Bytes { content_type, bytes } => {
                (None, Some(data_encoding::BASE64.encode(&bytes)), Some(content_type))
            }
        };
        Self {
            id: message.id,
            seq: message.seq,
            author: message.author,
            body,
            body_base64,
            content_type,
            created: times::text(message.created),
            sent_at: message.sent_at.map(times::text),
            client_id: message.client_id,
            policy: message.policy.as_str(),
        }
    }
}
