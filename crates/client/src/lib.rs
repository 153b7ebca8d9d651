//! A typed, blocking client of the vault's HTTP service.
//!
//! ```no_run
//! use oubliette_client::{Client, SaveOptions};
//!
//! # fn main() -> Result<(), oubliette_client::ClientError> {
//! let client = Client::new("http://127.0.0.1:7411", "obl_...")?;
//! client.put_subject("player-1", &Default::default(), false)?;
//! let save = client.put_save("player-1", "freeciv", "slot-1", &mut &b"bytes"[..], &SaveOptions::default())?;
//! println!("stored as version {}", save.version);
//! # Ok(())
//! # }
//! ```
//!
//! One method per route. A refusal by the service is [`ClientError::Problem`] with its stable `code`. Saves are streamed
//! in both directions. Not here: TLS (speak to loopback, or to a proxy that ends TLS beside you), retries, async.

mod api;
mod error;
mod follow;
mod holds;
mod http;
mod prefetch;
mod records;
mod saves;
mod types;

pub use self::{
    error::{ClientError, Problem, QuotaFacts, YourSide},
    holds::{Hold, NewHold},
    http::Client,
    prefetch::{Prefetched, PrefetchedSave, Slot as PrefetchedSlot},
    records::{Record, RecordBody},
    saves::{SaveBody, SaveOptions, SaveRead},
    types::{
        Account, Block, Chat, ChatMessages, ChatSettings, Consent, ConsentGiven, Deletion, GuardCode, Keep,
        Limit, Listed, Message, NewMessage, Posted, Quotas, Ready, SaveFacts, SaveStored, Share, ShareGiven,
        Slot, SlotKeep, SteamSecrets, Subject, SubjectFacts, Usage, Window,
    },
};
