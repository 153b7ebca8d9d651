//! How far a deletion has come, for whoever asks.

use data_encoding::HEXLOWER;
use oubliette_keyring::{Deletion as Found, DeletionRequest, Fence, Requested, SweepEntry, UserId};

use super::Override;
use crate::receipts::{ReceiptId, ReceiptState};
use crate::subjects::user_id;
use crate::times::micros;
use crate::vault::Inner;
use crate::{Vault, VaultError};

/// The states of a deletion, in their order (docs/deletion.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeletionState {
    /// Asked for and due; the job takes it up with its next run.
    Requested,
    /// It can still be taken back.
    CoolingOff,
    /// Due, and a legal hold stands.
    Held,
    /// Nobody reads or writes; the keys are still there.
    Blocked,
    /// The keys are gone.
    Erased,
    /// The rows, too.
    Swept,
    /// And nothing is left that could undo it.
    Final,
}

impl DeletionState {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::CoolingOff => "cooling_off",
            Self::Held => "held",
            Self::Blocked => "blocked",
            Self::Erased => "erased",
            Self::Swept => "swept",
            Self::Final => "final",
        }
    }
}

/// A deletion as far as it is known. Times are microseconds since 1970.
#[derive(Clone)]
pub struct DeletionInfo {
    /// Which one, in hexadecimal; `None` once nothing knows it any more.
    pub job: Option<String>,
    /// How far.
    pub state: DeletionState,
    /// The word that was given for it; not kept after the rows are gone.
    pub reason: Option<String>,
    /// When it was asked for.
    pub requested: Option<u64>,
    /// When the cooling-off period ends, or ended.
    pub due: Option<u64>,
    /// Seconds until then.
    pub seconds_left: u64,
    /// A legal hold stands in the way.
    pub held: bool,
    /// When the last one ends by itself, of one that is held and not for ever.
    pub held_until: Option<u64>,
    /// When reads and writes were stopped.
    pub blocked: Option<u64>,
    /// Until when the law wants the content kept, of one that is blocked.
    pub kept_until: Option<u64>,
    /// When the keys went.
    pub erased: Option<u64>,
    /// First root generation that cannot open the person.
    pub generation_after: Option<u64>,
    /// What was signed about it so far, by state; of an erasure as long as the fence stands.
    pub receipts: Vec<(ReceiptState, String)>,
    /// Until when late requests are told that the person was erased.
    pub fence_until: Option<u64>,
    /// What it overrides, or is to override once a second person says yes.
    pub overriding: Option<Override>,
}

/// Not why.
impl std::fmt::Debug for DeletionInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { job, state, .. } = self;
        f.debug_struct("DeletionInfo").field("job", job).field("state", state).finish_non_exhaustive()
    }
}

impl Vault {
    /// How far a person's deletion has come, also of somebody who was erased, while the fence stands.
    ///
    /// # Errors
    /// [`VaultError::SubjectUnknown`]; [`VaultError::NotFound`] if none was asked for.
    pub fn deletion(&self, user: &str) -> Result<DeletionInfo, VaultError> {
        let user = user_id(user)?;
        let found = self.inner.keyring.deletion(&user)?;
        self.inner.deletion_info(&user, found).ok_or(VaultError::NotFound { what: "deletion" })
    }

    /// Every deletion that is not carried out yet, with the user id: for an operator. Walks over everybody.
    ///
    /// # Errors
    /// Those of the key plane.
    pub fn deletions(&self) -> Result<Vec<(String, DeletionInfo)>, VaultError> {
        let inner = &self.inner;
        let mut found: Vec<(UserId, Found)> = Vec::new();
        found.extend(inner.keyring.intents()?.into_iter().map(|one| (one.user.clone(), Found::Blocked(one))));
        found.extend(
            inner.keyring.deletions()?.into_iter().map(|one| (one.user.clone(), Found::Requested(one))),
        );
        let infos = found.into_iter().filter_map(|(user, found)| {
            let info = inner.deletion_info(&user, found)?;
            Some((user.as_str().to_owned(), info))
        });
        let mut infos: Vec<_> = infos.collect();
        infos.sort_by_key(|(_, info)| info.due);
        Ok(infos)
    }
}

impl Inner {
    pub(super) fn deletion_info(&self, user: &UserId, found: Found) -> Option<DeletionInfo> {
        match found {
            Found::None => None,
            Found::Requested(requested) => Some(self.requested(user, &requested)),
            Found::Blocked(intent) => Some(match &intent.request {
                Some(request) => DeletionInfo {
                    held: intent.held,
                    blocked: request.blocked.map(micros),
                    kept_until: Some(request.kept_until).filter(|kept| *kept > 0).map(micros),
                    receipts: told(self.receipts.of_job(request.job.as_bytes())),
                    ..asked(user, request, DeletionState::Blocked)
                },
                None => nothing_known(DeletionState::Blocked),
            }),
            Found::Erased { fence, entry } => Some(self.erased(&fence, entry.as_ref())),
        }
    }

    fn requested(&self, user: &UserId, requested: &Requested) -> DeletionInfo {
        let (request, now) = (&requested.request, self.keyring.due_time());
        let state = match (request.due > now, requested.held) {
            (true, _) => DeletionState::CoolingOff,
            (false, true) => DeletionState::Held,
            (false, false) => DeletionState::Requested,
        };
        DeletionInfo {
            seconds_left: u64::try_from(request.due.saturating_sub(now)).unwrap_or(0),
            held: requested.held,
            held_until: requested.released.filter(|_| requested.held).map(micros),
            ..asked(user, request, state)
        }
    }

    fn erased(&self, fence: &Fence, entry: Option<&SweepEntry>) -> DeletionInfo {
        let job = self.receipts.job_of(&fence.handle);
        let receipts = job.map_or(Vec::new(), |job| self.receipts.of_job(&job));
        // Whether anything is left that could undo an erasure whose rows are gone.
        let is_final = receipts.iter().any(|(state, _)| *state == ReceiptState::Final);
        let known = DeletionInfo {
            erased: Some(micros(fence.erased_at)),
            generation_after: Some(fence.generation_after),
            fence_until: Some(micros(fence.expires)),
            receipts: told(receipts),
            ..nothing_known(DeletionState::Erased)
        };
        match entry {
            Some(entry) => DeletionInfo {
                job: Some(entry.job.to_string()).filter(|_| entry.was_asked_for()),
                reason: entry.reason.map(|reason| reason.as_str().to_owned()),
                requested: Some(micros(entry.requested)),
                blocked: Some(micros(entry.blocked)),
                ..known
            },
            None => DeletionInfo {
                job: job.map(|job| HEXLOWER.encode(&job)),
                state: if is_final { DeletionState::Final } else { DeletionState::Swept },
                ..known
            },
        }
    }
}

fn told(receipts: Vec<(ReceiptState, ReceiptId)>) -> Vec<(ReceiptState, String)> {
    receipts.into_iter().map(|(state, id)| (state, id.to_string())).collect()
}

fn asked(user: &UserId, request: &DeletionRequest, state: DeletionState) -> DeletionInfo {
    DeletionInfo {
        job: Some(request.job.to_string()),
        reason: Some(request.reason.as_str().to_owned()),
        requested: Some(micros(request.requested)),
        due: Some(micros(request.due)),
        overriding: request.overriding.as_ref().map(|what| Override::of(user, &request.job, what)),
        ..nothing_known(state)
    }
}

fn nothing_known(state: DeletionState) -> DeletionInfo {
    DeletionInfo {
        job: None,
        state,
        reason: None,
        requested: None,
        due: None,
        seconds_left: 0,
        held: false,
        held_until: None,
        blocked: None,
        kept_until: None,
        erased: None,
        generation_after: None,
        fence_until: None,
        receipts: Vec::new(),
        overriding: None,
    }
}
