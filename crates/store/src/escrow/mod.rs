//! Windowed escrow: the way back when the whole key plane is lost, at the price of a delay until erasures are final (docs/escrow.md).
//!
//! | need | use |
//! |---|---|
//! | a holder's keys and statements, at the holder's | [`holder`] |
//! | set it up, give it keys for windows to come, file statements | [`Vault::escrow`], [`Escrow::init`], [`Escrow::rotate`] |
//! | seal the root now | [`Escrow::seal_now`]; else [`Vault::sweep`] and [`Vault::close`] do it |
//! | how far it is behind, whose keys and statements are missing | [`Escrow::status`] |
//! | when an erasure can be undone by nobody | [`Escrow::final_after`] |
//! | come back from it | [`Vault::recover`] |
//!
//! Off until it is set up.

mod card;
mod finality;
pub(crate) mod fuzz;
pub mod holder;
mod keep;
mod place;
mod setup;
mod status;

use std::path::PathBuf;

/// A root in escrow, as it is stored.
pub use oubliette_keyring::{EscrowBlob, EscrowHead};

pub use card::{HolderCard, HolderStatement, WindowKey};
pub use finality::NOT_FINAL;
pub(crate) use keep::Keeping;
pub use place::EscrowPlace;
pub(crate) use setup::Setup;
pub use status::{EscrowStatus, WindowStatus};

use crate::vault::Inner;
use crate::{Vault, VaultError};

/// What a vault's escrow is to be.
#[derive(Debug, Clone)]
pub struct EscrowPlan {
    /// The folder that roots and pages go to; it must be there. Best on another machine.
    pub store: PathBuf,
    /// How many holders are needed to open a root.
    pub threshold: u8,
    /// How many days a window lasts.
    pub days: u32,
    /// Cards of the holders.
    pub holders: Vec<HolderCard>,
}

/// A vault's escrow.
pub struct Escrow<'a> {
    pub(crate) inner: &'a Inner,
}

impl Vault {
    /// The vault's escrow, set up or not.
    pub fn escrow(&self) -> Escrow<'_> {
        Escrow { inner: &self.inner }
    }
}

impl Escrow<'_> {
    /// Sets the escrow up, and seals the root for the first time. The first window begins now.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a plan that cannot be, such as too few holders with a key for the first window; those of the disks.
    pub fn init(&self, plan: EscrowPlan) -> Result<EscrowStatus, VaultError> {
        let keeping = &self.inner.escrow;
        let setup = Setup::begin(plan, self.inner.id, crate::times::seconds(self.inner.now()))?;
        keeping.begin(setup, self.inner.id)?;
        self.seal_now()?;
        self.status()
    }

    /// Takes cards with keys for windows to come, and statements of keys that were destroyed. Of a holder whose name is new the card brings them in.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a card or statement that does not fit, of which nothing is taken then; [`VaultError::NotFound`] without an escrow.
    pub fn rotate(
        &self,
        cards: &[HolderCard],
        statements: &[HolderStatement],
    ) -> Result<EscrowStatus, VaultError> {
        self.inner.escrow.change(|setup| {
            cards.iter().try_for_each(|card| setup.take_card(card))?;
            statements.iter().try_for_each(|statement| setup.take_statement(statement))
        })?;
        self.seal_now()?;
        self.status()
    }

    /// Seals the current root to the holders of the current window, if that was not done yet.
    ///
    /// # Errors
    /// Those of the escrow's folder; [`VaultError::Other`] if too few holders have a key for the window. The vault itself goes on.
    pub fn seal_now(&self) -> Result<(), VaultError> {
        self.inner.escrow_step(true)
    }

    /// The same where it is time: changes are sealed together, and after a failure there is a pause. For a service, every few seconds, on a thread that
    /// may wait for the escrow's disk. A failure stands in status and readiness.
    pub fn keep_up(&self) {
        if let Err(error) = self.inner.escrow_step(false) {
            tracing::warn!(%error, "the escrow does not hold the newest root");
        }
    }

    /// When nobody can bring back any more what generation `generation` was the first not to open: seconds since the Unix epoch; `None` if it was never in escrow;
    /// [`NOT_FINAL`] while statements are missing that a window's keys were destroyed ([`Escrow::status`] says whose).
    ///
    /// # Errors
    /// If the set-up cannot be read.
    pub fn final_after(&self, generation: u64) -> Result<Option<i64>, VaultError> {
        self.inner.final_after(generation)
    }
}
