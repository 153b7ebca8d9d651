//! What the writer can be asked for, and what it answers.

use std::sync::Arc;

use oubliette_crypto::{Handle, PageId, Path, Tag};

use super::Replay;
use crate::core::Core;
use crate::escrow::{EscrowBlob, EscrowTo, Tail};
use crate::ledger::RootRecord;
use crate::person::{DeletionRequest, RestrictionChange};
use crate::records::{Fence, PlacedFence};
use crate::sweep_entry::SweepEntry;
use crate::user::UserId;

/// One operation. All of it happens in one commit or nothing does.
#[derive(Clone)]
pub(crate) enum Op {
    Create {
        user: UserId,
        reopen: bool,
    },
    /// Users that are new; those that exist are passed over. Shares its commit with nothing.
    BulkCreate {
        users: Arc<Vec<UserId>>,
    },
    /// Distinct people.
    Block {
        people: Vec<Leaving>,
    },
    /// Distinct people who are blocked, each with the number of leases drained.
    Erase {
        people: Vec<(Leaving, u32)>,
    },
    /// Cuts and changed restrictions of one person. No cut happens before `not_before` (seconds since the Unix epoch), or while a hold stands.
    Change {
        tag: Tag,
        handle: Handle,
        paths: Vec<Path>,
        not_before: i64,
        changes: Vec<RestrictionChange>,
    },
    /// Does what has waited for its time.
    Ripen {
        tags: Vec<Tag>,
    },
    /// Notes the time.
    Mark,
    /// Believes the wall clock.
    TrustClock,
    Swept {
        handles: Vec<Handle>,
    },
    RemoveFences {
        tags: Vec<Tag>,
    },
    Rotate,
    /// Takes lost pages out of the tree. Shares its commit with nothing.
    Prune,
    /// Takes people out of the tree whose state is lost, and mends the entries of handles. Shares its commit with nothing.
    GiveUp,
    /// Seals the current root to holders of escrow. The writer answers it between two commits; it changes nothing.
    Seal {
        to: Arc<EscrowTo>,
    },
    /// Forgets again what was forgotten after a root that came back from escrow. Shares its commit with nothing.
    Replay {
        people: Arc<Vec<Replay>>,
    },
    /// Lists the stored pages and begins to note which are superseded from here on. Between two commits is the one moment in which
    /// no page is stored that the tree does not yet name.
    Inventory,
}

impl Op {
    /// Whom the operation is about.
    pub(super) fn tags(&self, core: &Core) -> Vec<Tag> {
        match self {
            Self::Create { user, .. } => vec![core.person_tag(user)],
            Self::RemoveFences { tags } | Self::Ripen { tags } => tags.clone(),
            Self::Block { people } => people.iter().map(|leaving| leaving.tag).collect(),
            Self::Erase { people } => people.iter().map(|(leaving, _)| leaving.tag).collect(),
            Self::Change { tag, .. } => vec![*tag],
            // Those that are alone in their commit meet nobody.
            Self::BulkCreate { .. } | Self::Prune | Self::GiveUp | Self::Replay { .. } => Vec::new(),
            Self::Seal { .. }
            | Self::Swept { .. }
            | Self::Rotate
            | Self::Inventory
            | Self::Mark
            | Self::TrustClock => Vec::new(),
        }
    }

    /// Whether the operation wants a commit of its own.
    pub(super) fn is_alone(&self) -> bool {
        matches!(self, Self::BulkCreate { .. } | Self::Prune | Self::GiveUp | Self::Replay { .. })
    }
}

/// One person who is to be erased.
#[derive(Clone)]
pub(crate) struct Leaving {
    pub(crate) tag: Tag,
    /// What is recorded of whoever has no request of their own, or one that is lost.
    pub(crate) request: DeletionRequest,
    /// Until when the law wants the content kept, as far as the caller knows; seconds since the Unix epoch.
    pub(crate) kept_until: i64,
    /// Whether or not a request stands or is due, and whatever the law wants kept: an operator answers for it.
    pub(crate) at_once: bool,
}

/// The answer to an accepted operation, after its commit.
pub(crate) struct Reply {
    pub(crate) facts: Facts,
    pub(crate) outcome: Outcome,
}

/// What an operation did.
pub(crate) enum Outcome {
    /// Did what it says, or had nothing to do.
    Done,
    /// Of cuts: whether some of it waits, and what else had waited and was cut.
    Cut { waits: bool, ripened: Vec<Path> },
    /// How many were created or removed.
    Count(u64),
    /// One for each tag.
    Blocked(Vec<Blocking>),
    /// Names of all stored pages, those that await removal left out.
    Pages(Vec<PageId>),
    /// Who was erased; the others were not there as blocked people, or are kept.
    Erased(Vec<Erased>),
    /// A root in escrow.
    Sealed(Box<Sealed>),
    /// How many people were erased and cut again, and how many were not there.
    Replayed { erased: u64, cut: u64, unknown: u64 },
}

/// A sealed root, and the pages that were written while its tree was walked.
pub(crate) struct Sealed {
    pub(crate) blob: EscrowBlob,
    pub(crate) tail: Tail,
}

/// What an erased person leaves.
#[derive(Clone, Copy)]
pub(crate) struct Erased {
    pub(crate) placed: PlacedFence,
    /// `None` for somebody whose handle is lost.
    pub(crate) entry: Option<SweepEntry>,
}

/// What blocking found under a tag.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Blocking {
    /// Blocked now.
    Blocked,
    /// A legal hold stands.
    Held,
    /// No such deletion is due.
    NotDue,
    /// Erased before.
    Fenced(Fence),
    Nobody,
}

/// The commit that an operation was part of; for one that had nothing to do, both generations are the current one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts {
    pub(crate) generation_before: u64,
    pub(crate) generation_after: u64,
    pub(crate) root_before: [u8; 32],
    pub(crate) root_after: [u8; 32],
    pub(crate) time: i64,
    pub(crate) cell_class: crate::cell::ErasureClass,
}

impl Facts {
    pub(super) fn ledger_record(&self, removed: u32) -> RootRecord {
        RootRecord {
            generation_before: self.generation_before,
            generation_after: self.generation_after,
            root_before: self.root_before,
            root_after: self.root_after,
            time: self.time,
            removed,
            cell_class: self.cell_class,
        }
    }
}
