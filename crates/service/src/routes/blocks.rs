//! A person's block list: who may not write to them.

use axum::{Json as Answer, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{extract::Names, problem::Problem, state::App};

/// Whether a peer is blocked now.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockView {
    peer: String,
    blocked: bool,
}

/// A block list.
#[derive(Serialize, ToSchema)]
pub(crate) struct BlockList {
    blocks: Vec<BlockView>,
}

/// Refuses the peer's messages from now on.
#[utoipa::path(put, path = "/v1/subjects/{user}/blocks/{peer}", tag = "chats",
    responses((status = 200, body = BlockView)))]
pub(crate) async fn block(
    State(app): State<App>,
    Names((user, peer)): Names<(String, String)>,
) -> Result<Answer<BlockView>, Problem> {
    let name = peer.clone();
    app.with_subject(user, move |subject| subject.chats().block(&name)).await?;
    Ok(Answer(BlockView { peer, blocked: true }))
}

/// Takes the peer's messages again.
#[utoipa::path(delete, path = "/v1/subjects/{user}/blocks/{peer}", tag = "chats",
    responses((status = 200, body = BlockView)))]
pub(crate) async fn unblock(
    State(app): State<App>,
    Names((user, peer)): Names<(String, String)>,
) -> Result<Answer<BlockView>, Problem> {
    let name = peer.clone();
    app.with_subject(user, move |subject| subject.chats().unblock(&name)).await?;
    Ok(Answer(BlockView { peer, blocked: false }))
}

/// Everybody the person blocks.
#[utoipa::path(get, path = "/v1/subjects/{user}/blocks", tag = "chats", responses((status = 200, body = BlockList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<BlockList>, Problem> {
    let peers = app.with_subject(user, |subject| subject.chats().blocked()).await?;
    Ok(Answer(BlockList {
        blocks: peers.into_iter().map(|peer| BlockView { peer, blocked: true }).collect(),
    }))
}
