//! What the protocol consists of, as far as forgetting depends on it. `docs/model.md` says which function each part stands for.
//!
//! Two people: A, whose deletion is asked for, and B, who stays. Two cells, a share in each. Root secrets are numbered by *epochs*; only those
//! of which a share is left somewhere are kept in a state, so the states are finitely many.

/// Where A stands in a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Standing {
    Living,
    Requested,
    Blocked,
    Erased,
}

/// What is going on; it is gone with the process. The number is the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Doing {
    /// Nobody runs.
    Down,
    /// Serving.
    Serving,
    /// A service that opens the vault and serves nothing yet.
    Opening(u8),
    /// The erasing commit, within a service.
    Erasing(u8),
    /// `move`, or `restore` with the rows of the backup.
    Moving { step: u8, restore: bool },
    /// A new root; then the cells in the folder that the vault is not in are wiped.
    Settling(u8),
}

/// What the folders' markers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Home {
    First,
    /// Still in the first; the second is being made.
    Arriving,
    Second,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Receipt {
    None,
    Erased,
    Final,
}

/// A root secret of which a share may be left: what its newest root says of A, and whether pages under it ever led to A's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Epoch {
    pub(crate) standing: Standing,
    pub(crate) held_a: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Backup {
    pub(crate) a: bool,
    /// What a backup must not roll back, as it was then.
    pub(crate) standing: Standing,
    pub(crate) forgotten: bool,
}

/// What the holders of an escrow could open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Escrow {
    /// The window has ended as far as the vault knows.
    pub(crate) over: bool,
    /// A root that led to A's keys was sealed to a window key that still exists.
    pub(crate) held_a: bool,
    /// The newest root that was sealed.
    pub(crate) newest: Standing,
}

pub(crate) const EPOCHS: usize = 6;
pub(crate) const CELLS: usize = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) doing: Doing,
    pub(crate) home: Home,
    /// By folder and cell, the epochs of which it holds a share, as bits.
    pub(crate) cells: [[u8; CELLS]; 2],
    pub(crate) epochs: [Option<Epoch>; EPOCHS],
    /// A's and B's rows in the folder that the vault is in, and in the one that is being made.
    pub(crate) rows: [bool; 2],
    pub(crate) rows_there: [bool; 2],
    pub(crate) backup: Option<Backup>,
    pub(crate) escrow: Option<Escrow>,
    /// The ledger's record of what was forgotten, for a restore from escrow.
    pub(crate) forgotten: bool,
    /// A's entry in the sweep queue.
    pub(crate) queued: bool,
    pub(crate) receipt: Receipt,
    /// The cooling-off period is over.
    pub(crate) due: bool,
    /// What was acknowledged of A's deletion.
    pub(crate) told: Option<Standing>,
    /// Somebody reads A's content; their key is in memory.
    pub(crate) reader: bool,
    /// All cells are gone.
    pub(crate) lost: bool,
}

impl State {
    pub(crate) fn first() -> Self {
        let mut epochs = [None; EPOCHS];
        epochs[0] = Some(Epoch { standing: Standing::Living, held_a: true });
        Self {
            doing: Doing::Serving,
            home: Home::First,
            cells: [[1; CELLS], [0; CELLS]],
            epochs,
            rows: [true, true],
            rows_there: [false, false],
            backup: None,
            escrow: None,
            forgotten: false,
            queued: false,
            receipt: Receipt::None,
            due: false,
            told: None,
            reader: false,
            lost: false,
        }
    }

    /// The folder that the vault is in, and the other one.
    pub(crate) fn folders(&self) -> (usize, usize) {
        if self.home == Home::Second { (1, 0) } else { (0, 1) }
    }

    /// The epoch that an opening of this folder settles on: the highest, if every cell holds it; else the one before, if every cell holds that.
    pub(crate) fn settled(&self, folder: usize) -> Option<usize> {
        let cells = self.cells[folder];
        let highest =
            7_usize.checked_sub(cells.iter().fold(0, |all, cell| all | cell).leading_zeros() as usize)?;
        let everywhere = |epoch: usize| cells.iter().all(|cell| cell >> epoch & 1 == 1);
        [Some(highest), highest.checked_sub(1)].into_iter().flatten().find(|epoch| everywhere(*epoch))
    }

    /// The current root, as whoever opens the vault finds it.
    pub(crate) fn root(&self) -> Option<Epoch> {
        self.epochs[self.settled(self.folders().0)?]
    }

    pub(crate) fn standing(&self) -> Option<Standing> {
        self.root().map(|epoch| epoch.standing)
    }

    /// An insertion: the newest root of the current epoch.
    pub(crate) fn insert(&mut self, standing: Standing) {
        let at = self.settled(self.folders().0);
        if let Some(epoch) = at.and_then(|at| self.epochs[at].as_mut()) {
            epoch.standing = standing;
        }
    }

    /// The current root is sealed to the window that is open.
    pub(crate) fn seal(&mut self) {
        if let (Some(escrow), Some(root)) = (self.escrow.filter(|escrow| !escrow.over), self.root()) {
            self.escrow =
                Some(Escrow { held_a: escrow.held_a || root.held_a, newest: root.standing, ..escrow });
        }
    }

    /// Whether whoever has every byte ever stored, every cell and the memory now reads A.
    pub(crate) fn opens_a(&self) -> bool {
        let share =
            |cell: usize, epoch: usize| (0..2).any(|folder| self.cells[folder][cell] >> epoch & 1 == 1);
        let secret = |epoch: usize| (0..CELLS).all(|cell| share(cell, epoch));
        self.reader || (0..EPOCHS).any(|at| self.epochs[at].is_some_and(|epoch| epoch.held_a) && secret(at))
    }

    /// Shares of so many roots lie about that there is no number for another one. The right order never comes here.
    pub(crate) fn is_full(&self) -> bool {
        self.epochs[EPOCHS - 1].is_some()
    }

    /// Forgets epochs of which no share is left, so that the same situation is the same state.
    pub(crate) fn tidy(mut self) -> Self {
        let shares =
            |state: &Self, epoch: usize| state.cells.iter().flatten().any(|cell| cell >> epoch & 1 == 1);
        let writing = match self.doing {
            // Its pages are written, its shares are not.
            Doing::Erasing(1 | 2) | Doing::Settling(1) => self.epochs.iter().rposition(Option::is_some),
            _ => None,
        };
        let mut at = 0;
        for epoch in 0..EPOCHS {
            if self.epochs[epoch].is_none() {
                continue;
            }
            let kept = shares(&self, epoch) || writing == Some(epoch);
            let moved = self.epochs[epoch].take();
            for cell in self.cells.iter_mut().flatten() {
                let bit = *cell >> epoch & 1;
                *cell &= !(1 << epoch);
                if kept {
                    *cell |= bit << at;
                }
            }
            if kept {
                self.epochs[at] = moved;
                at += 1;
            }
        }
        self
    }
}
