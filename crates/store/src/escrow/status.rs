//! How the escrow is.

use super::{Escrow, Setup};
use crate::VaultError;
use crate::status::NotReady;
use crate::times::seconds;
use crate::vault::Inner;

/// How far behind an escrow may be before somebody should look at it, in seconds.
const LATE: i64 = 3600;

/// How a vault's escrow is.
#[derive(Debug, Clone)]
pub struct EscrowStatus {
    /// Where roots and pages go.
    pub store: std::path::PathBuf,
    /// How many holders are needed.
    pub threshold: u8,
    /// Days in a window.
    pub days: u32,
    /// The holders' names.
    pub holders: Vec<String>,
    /// The window now.
    pub window: u32,
    /// When it ends, in seconds since the Unix epoch.
    pub window_ends: i64,
    /// The generation of the newest root in escrow, and when it was sealed (seconds since the Unix epoch).
    pub sealed: Option<(u64, i64)>,
    /// How many generations the vault has gone on since.
    pub behind: u64,
    /// Holders without a key for this window, and for the next: none was given, or it is destroyed.
    pub no_key: Vec<String>,
    /// See `no_key`.
    pub no_key_next: Vec<String>,
    /// Windows that sealed something.
    pub windows: Vec<WindowStatus>,
    /// What is wrong.
    pub problems: Vec<String>,
}

/// A window that sealed something.
#[derive(Debug, Clone)]
pub struct WindowStatus {
    /// Its number.
    pub window: u32,
    /// When it ends, in seconds since the Unix epoch.
    pub ends: i64,
    /// No root of an earlier generation was sealed in it.
    pub first_generation: u64,
    /// Holders of its keys who have not said that these are destroyed.
    pub not_destroyed: Vec<String>,
    /// Whether enough keys may be left to open what it sealed.
    pub can_open: bool,
}

impl Escrow<'_> {
    /// How it is.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if none was set up.
    pub fn status(&self) -> Result<EscrowStatus, VaultError> {
        let setup = self.inner.escrow.setup()?.ok_or(VaultError::NotFound { what: "escrow" })?;
        Ok(self.inner.escrow_status(&setup))
    }
}

impl Inner {
    fn escrow_status(&self, setup: &Setup) -> EscrowStatus {
        let now = seconds(self.now());
        let window = setup.window_at(now);
        let last = self.escrow.last().clone();
        let behind = match last.sealed {
            Some((generation, _, _)) => self.keyring.generation().saturating_sub(generation),
            None => self.keyring.generation(),
        };
        let windows: Vec<WindowStatus> = setup
            .sealed
            .iter()
            .map(|sealed| WindowStatus {
                window: sealed.window,
                ends: sealed.ends,
                first_generation: sealed.first_generation,
                not_destroyed: setup.not_destroyed(sealed),
                can_open: setup.can_open(sealed),
            })
            .collect();
        let mut problems: Vec<String> = last.problem.into_iter().collect();
        // Also of a root that is in escrow already: too few keys may be left of those that it was sealed to.
        let lack = setup.recipients(window).err().map(|lack| lack.to_string());
        problems.extend(lack.filter(|lack| !problems.contains(lack)));
        if last.lost > 0 {
            problems.push(format!(
                "{} key pages are whole in no copy and are missing in the escrow, with whoever hangs below them; run fsck",
                last.lost
            ));
        }
        for over in windows.iter().filter(|window| window.ends <= now && window.can_open) {
            problems.push(format!(
                "window {} is over and its keys may not be destroyed (no statement of {}): what was erased up to then can be brought back, and is not final. File the statements \
                 of `oubliette escrow holder destroy` by `oubliette escrow rotate --statement FILE`",
                over.window,
                over.not_destroyed.join(", ")
            ));
        }
        let late = last.sealed.is_none_or(|(_, _, made)| now.saturating_sub(made) > LATE);
        if behind > 0 && late && problems.is_empty() {
            problems.push(format!("the escrow is {behind} generations behind"));
        }
        EscrowStatus {
            store: setup.store.clone(),
            threshold: setup.threshold,
            days: setup.days,
            holders: setup.holders.iter().map(|holder| holder.name.clone()).collect(),
            window,
            window_ends: setup.end_of(window),
            sealed: last.sealed.map(|(generation, _, made)| (generation, made)),
            behind,
            no_key: setup.without_key(window),
            no_key_next: setup.without_key(window.saturating_add(1)),
            windows,
            problems,
        }
    }

    /// What an operator should know about the day when cells and key pages are gone. The vault is well all the same.
    pub(crate) fn disaster_warnings(&self) -> Vec<NotReady> {
        let told = |what, detail| NotReady { what, detail };
        let Ok(Some(setup)) = self.escrow.setup() else {
            let cells = self.keyring.cells().len();
            return vec![if cells < 2 {
                told(
                    "a single cell stands between this vault and total loss",
                    "a single cell stands between this vault and total loss: if it is lost, nobody can read anything any more, and no backup helps. Set up an \
                     escrow (docs/escrow.md), or accept it"
                        .to_owned(),
                )
            } else {
                told(
                    "the loss of any one cell is the total loss of this vault",
                    format!(
                        "the root is split over {cells} cells, and the loss of any one of them is the total loss of this vault: nobody can read anything then, and no backup \
                         helps. Set up an escrow (docs/escrow.md), or accept it"
                    ),
                )
            }];
        };
        let status = self.escrow_status(&setup);
        let mut warnings: Vec<NotReady> =
            status.problems.into_iter().map(|problem| told("the escrow needs attention", problem)).collect();
        // In the last third of a window the next one's keys should be there.
        let third = i64::from(setup.days) * 24 * 3600 / 3;
        let soon = status.window_ends.saturating_sub(seconds(self.now())) < third;
        if soon && setup.recipients(status.window.saturating_add(1)).is_err() {
            warnings.push(told(
                "the escrow has no keys for its next window",
                format!(
                    "window {} of the escrow ends soon, and for the next one there is no key of {}; ask them for a card, then `oubliette escrow rotate --card FILE`",
                    status.window,
                    status.no_key_next.join(", ")
                ),
            ));
        }
        warnings
    }
}
