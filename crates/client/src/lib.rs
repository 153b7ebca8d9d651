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
//! in both directions. [`Client::release`] opens a released secret with the caller's [`ReleaseKey`]. Not here: TLS (speak to loopback, or to a proxy that ends TLS beside you), retries, async.

mod api;
mod audit;
mod backups;
mod deletion;
mod error;
mod export;
mod follow;
mod holds;
mod http;
mod prefetch;
mod receipts;
mod records;
mod release;
mod requests;
mod saves;
mod types;

pub use self::{
    audit::{AuditActor, AuditEntry, AuditQuery, AuditedToken},
    backups::{BackupProgress, BackupState},
    deletion::{DeletionJob, DeletionOverride, NewDeletion, ReceiptRef},
    error::{ClientError, Problem, QuotaFacts, YourSide},
    export::ExportAsked,
    holds::{Hold, NewHold},
    http::Client,
    prefetch::{Prefetched, PrefetchedSave, Slot as PrefetchedSlot},
    records::{Record, RecordBody},
    release::{ReleaseAsked, Released},
    requests::{PersonRequest, RequestAnswered, RequestMade},
    saves::{SaveBody, SaveOptions, SaveRead},
    types::{
        Account, AccountUse, Block, Chat, ChatMessages, ChatSettings, ConfirmationKey, Consent, ConsentGiven,
        Deletion, GuardCode, Keep, Limit, Listed, Message, NewMessage, Posted, Quotas, Ready, SaveFacts,
        SaveStored, Share, ShareGiven, Slot, SlotKeep, SteamSecrets, Subject, SubjectFacts, Usage, Window,
    },
};
/// The private half of a key pair that secrets are released to; its public half is registered with a token.
pub use oubliette_crypto::ReleaseKey;
