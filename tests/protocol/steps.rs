//! What can happen next, in the order of the code; and that order broken in the ways that it must not be.

use crate::state::{Backup, CELLS, Doing, EPOCHS, Epoch, Escrow, Home, Receipt, Standing, State};

/// The protocol, or one that is broken in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Right,
    /// The erasure is acknowledged when the new share is durable; the old one is overwritten after that.
    WipeAfterAcknowledgement,
    /// The receipt is made durable with the new share.
    ReceiptFirst,
    /// The receipt is made without waiting for whoever reads.
    ReadersNotDrained,
    /// `blocked` is acknowledged before it is durable.
    IntentInMemory,
    /// Whoever opens the vault serves before an interrupted root change is finished.
    RecoveryLeftOut,
    /// Nothing makes up for a receipt that a crash kept from being written.
    ReceiptNotMadeUpFor,
    /// A restore brings back the ledger of the backup's day.
    LedgerRolledBack,
    /// A restore brings back what restricted people on the backup's day.
    RestrictionsRolledBack,
    /// A restore from escrow does not look at what was forgotten since.
    NoReplay,
    /// The window's key outlives the window.
    EscrowKeyKept,
    /// The folder that is being made opens as soon as a share is in it.
    NoArrivingMark,
    /// The folder that the vault left goes on opening.
    NoMovedMark,
    /// A share that an interrupted move left in the new folder stays there.
    CopiedShareLeft,
    /// The old cells are not wiped after a move.
    OldCellsLeft,
    /// Somebody is erased although an old cell could not be wiped yet.
    ErasedBesideOldCell,
}

pub(crate) const BROKEN: [(Order, &str); 15] = [
    (Order::WipeAfterAcknowledgement, "erased_never_opens"),
    (Order::ReceiptFirst, "no_receipt_without_destruction"),
    (Order::ReadersNotDrained, "no_receipt_without_destruction"),
    (Order::IntentInMemory, "what_restricts_is_not_rolled_back"),
    (Order::RecoveryLeftOut, "no_receipt_without_destruction"),
    (Order::ReceiptNotMadeUpFor, "acknowledged_intents_resume"),
    (Order::LedgerRolledBack, "erased_never_opens"),
    (Order::RestrictionsRolledBack, "what_restricts_is_not_rolled_back"),
    (Order::NoReplay, "erased_never_opens"),
    (Order::EscrowKeyKept, "final_means_no_escrow"),
    (Order::NoArrivingMark, "never_two_live_vaults"),
    (Order::NoMovedMark, "never_two_live_vaults"),
    (Order::CopiedShareLeft, "erased_never_opens"),
    (Order::OldCellsLeft, "erased_never_opens"),
    (Order::ErasedBesideOldCell, "no_receipt_without_destruction"),
];

type Next = Vec<(&'static str, State)>;

/// Every step that may come next.
pub(crate) fn next(state: &State, order: Order) -> Next {
    let mut steps = Vec::new();
    let mut step = |name: &'static str, change: &dyn Fn(&mut State)| {
        let mut after = *state;
        change(&mut after);
        steps.push((name, after));
    };
    if state.doing != Doing::Down {
        step("crash", &|s| (s.doing, s.reader) = (Doing::Down, false));
    }
    match state.doing {
        Doing::Down => down(state, order, &mut step),
        Doing::Serving => serving(state, order, &mut step),
        Doing::Opening(n) => opening(state, n, order, &mut step),
        Doing::Erasing(n) => erasing(state, n, order, &mut step),
        Doing::Moving { step: n, restore } => moving(n, restore, order, &mut step),
        Doing::Settling(n) => settling(state, n, order, &mut step),
    }
    steps
}

type Step<'a> = dyn FnMut(&'static str, &dyn Fn(&mut State)) + 'a;

fn down(state: &State, order: Order, step: &mut Step<'_>) {
    if state.lost {
        if state.escrow.is_some() {
            step("restore from escrow", &|s| rescue(s, order));
        }
        return;
    }
    step("open", &|s| s.doing = Doing::Opening(0));
    if state.home != Home::Second {
        step("move", &|s| s.doing = Doing::Moving { step: 0, restore: false });
        if state.backup.is_some() {
            step("restore", &|s| s.doing = Doing::Moving { step: 0, restore: true });
        }
    }
    if state.escrow.is_some_and(|escrow| !escrow.over) {
        // Without an escrow that is the end, and said beforehand.
        step("every cell is lost", &|s| (s.lost, s.cells) = (true, Default::default()));
    }
}

/// The newest root that was sealed; what was forgotten since is forgotten before anybody reads.
fn rescue(s: &mut State, order: Order) {
    let Some(escrow) = s.escrow else { return };
    let replayed = s.forgotten && order != Order::NoReplay;
    let standing = if replayed { Standing::Erased } else { escrow.newest };
    s.epochs = [None; EPOCHS];
    s.epochs[0] = Some(Epoch { standing, held_a: standing != Standing::Erased });
    s.cells[s.folders().0] = [1; CELLS];
    s.rows = [s.rows[0], true];
    (s.lost, s.doing) = (false, Doing::Opening(0));
    s.queued |= standing == Standing::Erased && s.receipt == Receipt::None;
    // What was only asked for since the last sealing is asked for again: an escrow is behind by that much (docs/escrow.md).
    if s.told.is_some_and(|told| told < Standing::Erased && told > standing) {
        s.told = None;
    }
}

fn serving(state: &State, order: Order, step: &mut Step<'_>) {
    let Some(standing) = state.standing() else { return };
    // Shares that the vault knows to be left in the other folder.
    let elsewhere = if left(state, order) { [0; CELLS] } else { state.cells[state.folders().1] };
    match standing {
        Standing::Living => step("deletion requested", &|s| s.insert(Standing::Requested)),
        Standing::Requested => {
            step("request acknowledged", &|s| s.told = s.told.max(Some(Standing::Requested)));
            if state.due {
                step("blocked", &|s| s.insert(Standing::Blocked));
                if order == Order::IntentInMemory {
                    step("block acknowledged", &|s| s.told = s.told.max(Some(Standing::Blocked)));
                }
            } else {
                step("cancelled", &|s| {
                    s.insert(Standing::Living);
                    s.told = None;
                });
                step("the cooling-off period ends", &|s| s.due = true);
            }
        }
        Standing::Blocked => {
            step("block acknowledged", &|s| s.told = s.told.max(Some(Standing::Blocked)));
            // A share elsewhere that waits to be wiped opens A with the pages of its time.
            if elsewhere == [0; CELLS] || order == Order::ErasedBesideOldCell {
                step("erase", &|s| s.doing = Doing::Erasing(0));
            }
        }
        Standing::Erased => {
            if state.queued && state.receipt != Receipt::None {
                step("swept", &|s| (s.rows[0], s.queued) = (false, false));
            }
            let sealed = state.escrow.is_some_and(|escrow| {
                let known = order != Order::EscrowKeyKept || !escrow.over;
                escrow.held_a && known
            });
            if state.receipt == Receipt::Erased && !state.queued && !sealed {
                step("final", &|s| s.receipt = Receipt::Final);
            }
            if state.receipt == Receipt::Erased {
                step("erasure acknowledged", &|s| s.told = Some(Standing::Erased));
            }
        }
    }
    for cell in (0..CELLS).filter(|cell| elsewhere[*cell] != 0) {
        // Its disk is back. The root was changed when the vault was opened.
        step("cell elsewhere wiped", &|s| s.cells[s.folders().1][cell] = 0);
    }
    if standing < Standing::Blocked {
        step("somebody reads A", &|s| s.reader = true);
    }
    if state.reader {
        step("the reader ends", &|s| s.reader = false);
    }
    step("backup", &|s| {
        s.backup = Some(Backup { a: s.rows[0], standing, forgotten: s.forgotten });
    });
    match state.escrow {
        None => step("an escrow window opens", &|s| {
            s.escrow = Some(Escrow { over: false, held_a: false, newest: standing });
            s.seal();
        }),
        Some(escrow) if !escrow.over => {
            step("the root is sealed", &State::seal);
            step("the window ends, its key is destroyed", &|s| {
                s.escrow = (order == Order::EscrowKeyKept).then_some(Escrow { over: true, ..escrow });
            });
        }
        Some(_) => {}
    }
}

/// The commit order of a deletion (docs/keyring.md): pages, what is forgotten, every cell's new share, every old share, readers, receipt.
fn erasing(state: &State, n: u8, order: Order, step: &mut Step<'_>) {
    let on = |s: &mut State| s.doing = Doing::Erasing(n + 1);
    let folder = state.folders().0;
    match n {
        0 if state.is_full() => {}
        0 => step("pages without A", &|s| {
            begin_epoch(s, Epoch { standing: Standing::Erased, held_a: false });
            on(s);
        }),
        1 => step("noted what is forgotten", &|s| {
            s.forgotten = true;
            on(s);
        }),
        2 | 3 => step("new share", &|s| {
            stage(s, folder, usize::from(n - 2));
            on(s);
            if n == 3 {
                s.queued = true;
                if order == Order::ReceiptFirst {
                    s.receipt = Receipt::Erased;
                }
                if order == Order::WipeAfterAcknowledgement {
                    s.told = Some(Standing::Erased);
                }
            }
        }),
        4 | 5 => step("old share overwritten", &|s| {
            confirm(s, folder, usize::from(n - 4));
            on(s);
        }),
        6 if !state.reader || order == Order::ReadersNotDrained => step("receipt", &|s| {
            s.receipt = s.receipt.max(Receipt::Erased);
            s.doing = Doing::Serving;
        }),
        _ => step("the reader ends", &|s| s.reader = false),
    }
}

/// What a crash interrupted is finished or withdrawn before anything is served.
fn opening(state: &State, n: u8, order: Order, step: &mut Step<'_>) {
    let (folder, _) = state.folders();
    let serve = |s: &mut State| s.doing = Doing::Serving;
    match n {
        0 | 1 if order == Order::RecoveryLeftOut => step("serve", &|s| s.doing = Doing::Opening(2)),
        0 | 1 => step("cell settled", &|s| {
            settle(s, folder, usize::from(n));
            s.doing = Doing::Opening(n + 1);
        }),
        2 => step("queue read", &|s| {
            s.queued |= s.standing() == Some(Standing::Erased) && s.receipt == Receipt::None;
            s.doing = Doing::Opening(3);
        }),
        3 => step("receipt made up", &|s| {
            if s.queued && order != Order::ReceiptNotMadeUpFor {
                s.receipt = s.receipt.max(Receipt::Erased);
            }
            s.doing = Doing::Opening(4);
        }),
        // A share of this vault lies in the other folder.
        _ => match state.cells[state.folders().1] == [0; CELLS] || left(state, order) {
            true => step("serve", &serve),
            false => step("a share elsewhere is to be wiped", &|s| s.doing = Doing::Settling(0)),
        },
    }
}

/// The broken orders that do not see to it.
fn left(state: &State, order: Order) -> bool {
    match order {
        Order::CopiedShareLeft => state.home != Home::Second,
        Order::OldCellsLeft => state.home == Home::Second,
        _ => false,
    }
}

/// Up to the moment of change; what comes after it, the next opening does as well.
fn moving(n: u8, restore: bool, order: Order, step: &mut Step<'_>) {
    let on = |s: &mut State| s.doing = Doing::Moving { step: n + 1, restore };
    match n {
        0 | 1 => step("cell settled", &|s| {
            settle(s, 0, usize::from(n));
            on(s);
        }),
        2 => step("looked for a share elsewhere", &|s| {
            // An earlier attempt's share is wiped under a new root first.
            s.doing = if s.cells[1] == [0; CELLS] || order == Order::CopiedShareLeft {
                Doing::Moving { step: 3, restore }
            } else {
                Doing::Settling(0)
            };
        }),
        3 => step("folder claimed", &|s| {
            s.home = Home::Arriving;
            on(s);
        }),
        4 => step("rows", &|s| {
            let from_backup = s.backup.filter(|_| restore).map(|backup| [backup.a, true]);
            s.rows_there = from_backup.unwrap_or(s.rows);
            on(s);
        }),
        5 | 6 => step("share copied", &|s| {
            s.cells[1][usize::from(n - 5)] = s.cells[0][usize::from(n - 5)];
            on(s);
        }),
        _ => step("moved", &|s| {
            (s.home, s.rows) = (Home::Second, s.rows_there);
            if let Some(backup) = s.backup.filter(|_| restore) {
                if order == Order::LedgerRolledBack {
                    s.forgotten = backup.forgotten;
                }
                if order == Order::RestrictionsRolledBack && s.standing() != Some(Standing::Erased) {
                    s.insert(backup.standing);
                }
            }
            s.doing = Doing::Opening(2);
        }),
    }
}

/// A new root without other change, then noise over what is left in the other folder.
fn settling(state: &State, n: u8, order: Order, step: &mut Step<'_>) {
    let on = |s: &mut State| s.doing = Doing::Settling(n + 1);
    let (folder, other) = state.folders();
    match n {
        0 if state.is_full() => {}
        0 => step("pages of a new root", &|s| {
            if let Some(root) = s.root() {
                begin_epoch(s, Epoch { held_a: root.standing != Standing::Erased, ..root });
            }
            on(s);
        }),
        1 | 2 => step("new share", &|s| {
            stage(s, folder, usize::from(n - 1));
            on(s);
        }),
        3 | 4 => step("old share overwritten", &|s| {
            confirm(s, folder, usize::from(n - 3));
            on(s);
        }),
        5 | 6 if order == Order::OldCellsLeft && state.home == Home::Second => step("left", &on),
        5 | 6 => {
            step("cell elsewhere wiped", &|s| {
                s.cells[other][usize::from(n - 5)] = 0;
                on(s);
            });
            step("its disk is away", &on);
        }
        // The service, or the command, which may begin anew.
        _ => {
            step("serve", &|s| s.doing = Doing::Serving);
            step("done", &|s| s.doing = Doing::Down);
        }
    }
}

fn newest(s: &State) -> usize {
    s.epochs.iter().rposition(Option::is_some).unwrap_or(0)
}

/// Pages under a secret that no cell has yet.
fn begin_epoch(s: &mut State, epoch: Epoch) {
    let at = newest(s) + 1;
    s.epochs[at] = Some(epoch);
}

fn stage(s: &mut State, folder: usize, cell: usize) {
    s.cells[folder][cell] |= 1 << newest(s);
}

fn confirm(s: &mut State, folder: usize, cell: usize) {
    s.cells[folder][cell] = 1 << newest(s);
}

/// Leaves no share but the one that all cells agree on.
fn settle(s: &mut State, folder: usize, cell: usize) {
    if let Some(epoch) = s.settled(folder) {
        s.cells[folder][cell] &= 1 << epoch;
    }
}
