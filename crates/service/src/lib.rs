//! The vault over HTTP: routes, tokens, problem documents, OpenAPI, the operator's socket.
//!
//! | need | use |
//! |---|---|
//! | serve a vault | [`Server::bind`], then [`Server::run`] |
//! | the routes alone, for a server of one's own | [`router`] |
//! | bearer tokens of a vault folder | [`Tokens`] |
//! | whose data a token touched | [`incident`] |
//! | operator commands, here or through `admin.sock` | [`operator`], [`admin`] |
//!
//! Handlers are thin: typed extractors, one call into the vault on a blocking thread, one match from its errors to
//! problem documents. The contract is the service's own `/openapi.json`.
//!
//! Not here: TLS (an address beyond loopback is refused unless plaintext is asked for), and any knowledge of keys.

mod access;
pub mod admin;
mod audit;
pub mod backups;
mod body;
mod config;
mod escrow;
mod extract;
mod finish;
#[doc(hidden)]
pub mod fuzzing;
mod idempotency;
pub mod incident;
mod metrics;
mod openapi;
pub mod operator;
mod problem;
mod routes;
mod server;
mod state;
mod stream;
mod times;
pub mod tokens;
mod unheeded;
mod unread;

pub use self::{
    config::Config,
    server::{ServeError, Server, check_address, router},
    times::micros as parse_time,
    tokens::Tokens,
};
