//! What a run shows.

use serde::Serialize;

/// What follows from it all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything that is alive opened, and nothing else did.
    Proved,
    /// Something that is gone opens.
    Opens,
    /// The control failed: nothing alive was there to open, or some of it did not. What stayed closed says nothing then.
    NothingProved,
}

/// One copy, and what was found in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Copied {
    /// What was named.
    pub path: String,
    /// Files read.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Different key pages of this vault.
    pub pages: u64,
    /// Different rows.
    pub rows: u64,
    /// Shares of a root secret of this vault, old or torn ones included.
    pub shares: u64,
    /// What may be a key and stands there as text.
    pub written_keys: u64,
}

/// Somebody who stands in the copies and is not in the vault any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Their random name.
    pub handle: String,
    /// Their receipt, if the ledger has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// When, in seconds since 1970, if their fence still stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erased_at: Option<i64>,
    /// Values of theirs in the copies.
    pub values: u64,
    /// Those that opened.
    pub opened: u64,
}

/// What opens and must not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Leak {
    /// The person's random name.
    pub handle: String,
    /// Their receipt, if the ledger has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// The person lives, and had these values forgotten.
    pub lives: bool,
    /// How many values.
    pub values: u64,
    /// The files whose secret opens them; none: the vault's own.
    pub files: Vec<String>,
}

/// What a run found. No name, no content, no key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// What follows.
    pub verdict: Verdict,
    /// The vault's random name, in hexadecimal.
    pub vault: String,
    /// What was searched.
    pub copies: Vec<Copied>,
    /// Root secrets tried: the vault's own, and those that shares in the copies give.
    pub roots: u64,
    /// Of them, those of the vault as it is.
    pub present_roots: u64,
    /// People in the vault.
    pub living: u64,
    /// The control: of them, those with something alive in the copies.
    pub control_people: u64,
    /// Values in the copies that are alive.
    pub control_values: u64,
    /// Those that opened. Fewer than there are: the control failed.
    pub control_opened: u64,
    /// Values of the living that they had forgotten since.
    pub forgotten_values: u64,
    /// Those of them that opened.
    pub forgotten_opened: u64,
    /// Who is gone.
    pub erased: Vec<Erased>,
    /// What opens and must not; empty is what one hopes for.
    pub leaks: Vec<Leak>,
    /// Files to destroy, so that nothing of it opens any more.
    pub destroy: Vec<String>,
    /// Keys tried on pages and objects, one for each pair.
    pub trials: u64,
    /// Trials that were left out since there are too many of them.
    pub left_out: Vec<String>,
}

impl Proof {
    /// Values of the erased in the copies.
    pub fn erased_values(&self) -> u64 {
        self.erased.iter().map(|person| person.values).sum()
    }

    /// How many of the erased have a receipt in the ledger.
    pub fn with_receipt(&self) -> usize {
        self.erased.iter().filter(|person| person.receipt.is_some()).count()
    }
}
