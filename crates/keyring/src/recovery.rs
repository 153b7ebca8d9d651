//! From cells and pages to a keyring: making a new vault, and bringing one back to a single certain state before anything
//! is served (docs/formats.md, section 5; docs/keyring.md has the case analysis).

use std::sync::Arc;

use oubliette_crypto::kdf::{derive_root_key, derive_root_page_key};
use oubliette_crypto::{CellShare, PageBody, PageKind, PageRef, RootKey, VaultId};
use oubliette_engine::PageStore;

use crate::cell::{CellState, ErasureClass, RootCell, RootPointer};
use crate::core::{Core, KeyringOptions, Notes, Root};
use crate::due::Mark;
use crate::error::{KeyringError, malformed};
use crate::ledger::{RootLedger, RootRecord, Settled};
use crate::pages::{Pages, Staged};
use crate::tree::{Children, RootNode};
use crate::vault_page::{LastDeletion, Queues, VaultPage};
use crate::writer::seal_root;

/// Said when the vault opened from a share slot's own pointer.
pub(crate) const POINTERS_LOST: &str = "no copy of the root pointer is whole: what was created, blocked or restricted after the last deletion may be \
     undone; check it, then rotate the root";

/// What a keyring stands on.
pub(crate) struct Parts {
    pub(crate) pages: Arc<dyn PageStore>,
    pub(crate) cells: Vec<Arc<dyn RootCell>>,
    pub(crate) ledger: Arc<dyn RootLedger>,
    pub(crate) options: KeyringOptions,
}

/// Starts an empty vault at generation 1, epoch 1. All cells must be empty.
pub(crate) fn create(parts: Parts) -> Result<(Core, RootKey), KeyringError> {
    let (vault, cells) = ordered(parts.cells)?;
    for cell in &cells {
        if !cell.read()?.slots.is_empty() {
            return Err(misfit("a cell already holds a root; open the vault, or start with fresh cells"));
        }
    }
    let pages = Pages::new(vault, parts.pages, parts.options.page_cache_bytes);
    let shares = cells.iter().map(|_| CellShare::generate()).collect::<Result<Vec<_>, _>>()?;
    let root_key = derive_root_key(&shares.iter().collect::<Vec<_>>(), &vault)?;

    let mut staged = Staged::default();
    let mark = Mark::believe(parts.options.clock.as_ref());
    let fresh = VaultPage::fresh(mark.time, mark)?;
    let (vault_page, page) =
        fresh.rewrite(&pages, &mut staged, Queues::default(), LastDeletion::default(), mark)?;
    let node = RootNode { persons: 0, vault_page: page, children: Children::default() };
    let pointer = seal_root(&vault, &root_key, &node, 1, 1, &mut staged)?;
    staged.write_out(pages.store.as_ref())?;
    for (cell, share) in cells.iter().zip(&shares) {
        cell.stage(1, share, &pointer)?;
    }
    cells.iter().try_for_each(|cell| cell.confirm())?;
    cells.iter().try_for_each(|cell| cell.point(&pointer))?;
    cells.iter().for_each(|cell| cell.watch());

    let root = Root { node, vault: vault_page, pointer };
    Ok((Core::new(pages, cells, parts.ledger, parts.options, root, Notes::default())?, root_key))
}

/// Opens a vault after any kind of stop. A deletion that reached all cells is finished, any other is withdrawn.
pub(crate) fn open(parts: Parts) -> Result<(Core, RootKey), KeyringError> {
    let (vault, cells) = ordered(parts.cells)?;
    let states = cells.iter().map(|cell| cell.read()).collect::<Result<Vec<_>, _>>()?;
    let epoch = settled_epoch(&cells, &states)?;
    let Current { root_key, pointer, doubtful } = current_pointer(&vault, &states, epoch)?;
    let ledger = Arc::clone(&parts.ledger);

    let pages = Pages::new(vault, parts.pages, parts.options.page_cache_bytes);
    let page = PageRef {
        id: pointer.root_page,
        key: derive_root_page_key(&root_key, &pointer.salt, pointer.generation),
    };
    // Opened before any cell is touched: if its pages are not there, the other epoch's share must not be wiped for it.
    let body = root_page(&pages, &page, &pointer, doubtful)?;
    let node = RootNode::decode(&body).map_err(malformed("root"))?;
    let vault_page = VaultPage::read(&mut |kind, page| pages.read_stored(kind, page), &node.vault_page)?;
    refuse_if_older(ledger.as_ref(), &vault_page, &pointer)?;

    for (cell, state) in cells.iter().zip(&states) {
        settle(cell.as_ref(), state, epoch)?;
        // While it is doubtful the copies stay as they are, so that every opening says so until a commit rewrites them.
        if !doubtful && (state.pointers.len() < 2 || state.pointers.iter().any(|copy| *copy != pointer)) {
            cell.point(&pointer)?;
        }
    }
    // Of a deletion that an earlier run made: nobody here saw where it wrote, so a file counts as unverified still.
    let class = cells.iter().map(|cell| cell.class()).max().unwrap_or(ErasureClass::E0);
    cells.iter().for_each(|cell| cell.watch());
    let newest = newest_record(&vault_page, &pointer, &root_key, &states, class);
    let Settled { mended, mut lost } = match &newest {
        Some(newest) => ledger.settle(pointer.epoch.saturating_sub(1), newest)?,
        None => Settled::default(),
    };
    let noted = ledger.settle_forgotten(vault_page.last_deletion.generation_after)?;
    lost.extend(noted.lost);
    lost.extend(doubtful.then(|| POINTERS_LOST.to_owned()));
    let root = Root { node, vault: vault_page, pointer };
    let notes = Notes { mended, lost };
    Ok((Core::new(pages, cells, parts.ledger, parts.options, root, notes)?, root_key))
}

/// The cells in the order of their shares; one of each, all of one vault.
fn ordered(mut cells: Vec<Arc<dyn RootCell>>) -> Result<(VaultId, Vec<Arc<dyn RootCell>>), KeyringError> {
    cells.sort_by_key(|cell| cell.share_index());
    let vault = cells.first().map(|cell| cell.vault()).ok_or_else(|| misfit("no cell was given"))?;
    if let Some(foreign) = cells.iter().find(|cell| cell.vault() != vault) {
        return Err(misfit(&format!("{} belongs to another vault than the others", foreign.name())));
    }
    for (index, cell) in cells.iter().enumerate() {
        if usize::from(cell.shares()) != cells.len() {
            let (given, shares) = (cells.len(), cell.shares());
            return Err(misfit(&format!("{given} were given for a root split into {shares}")));
        }
        if usize::from(cell.share_index()) != index {
            let detail = format!(
                "{} holds share {}, which another one holds, too, and share {} is missing: one is a copy of the other",
                cell.name(),
                u16::from(cell.share_index()) + 1,
                index + 1
            );
            return Err(misfit(&detail));
        }
    }
    Ok((vault, cells))
}

/// The epoch to go on with: the highest, if all cells hold it whole; else the one before, which then all must hold.
fn settled_epoch(cells: &[Arc<dyn RootCell>], states: &[CellState]) -> Result<u64, KeyringError> {
    let newest = |state: &CellState| state.slots.iter().map(|slot| slot.epoch).max();
    let highest = states.iter().filter_map(newest).max();
    let highest = highest.ok_or_else(|| misfit("they hold no root: it was never written, or wiped"))?;
    let agreed = [Some(highest), highest.checked_sub(1)]
        .into_iter()
        .flatten()
        .find(|epoch| states.iter().all(|state| state.slot(*epoch).is_some()));
    agreed.ok_or_else(|| {
        let behind = cells.iter().zip(states).filter(|(_, state)| newest(state) != Some(highest));
        let said: Vec<String> =
            behind.map(|(cell, state)| lacks(cell.as_ref(), newest(state), highest)).collect();
        misfit(&said.join("; "))
    })
}

/// What is said of a cell that does not hold the share that the others wait for.
fn lacks(cell: &dyn RootCell, newest: Option<u64>, highest: u64) -> String {
    let name = cell.name();
    match newest {
        None => format!(
            "{name} holds no whole share: it was damaged or wiped. Put the current file back; without its share nothing in this vault opens"
        ),
        Some(old) => format!(
            "{name} holds the share of root {old}, the others are at root {highest}: it was rolled back, or is an old copy. Put the current file back; \
             without its share nothing in this vault opens"
        ),
    }
}

/// Where the vault stands.
struct Current {
    root_key: RootKey,
    pointer: RootPointer,
    /// No pointer copy verifies, and no crash explains it: the pointer is a share slot's own, from the last deletion, and
    /// insertions after that may be lost.
    doubtful: bool,
}

/// `M` of the epoch, and the newest pointer that it vouches for.
fn current_pointer(vault: &VaultId, states: &[CellState], epoch: u64) -> Result<Current, KeyringError> {
    let slots: Vec<_> = states.iter().filter_map(|state| state.slot(epoch)).collect();
    let root_key = derive_root_key(&slots.iter().map(|slot| &slot.share).collect::<Vec<_>>(), vault)?;
    let pointer = states
        .iter()
        .flat_map(|state| state.pointers.iter().chain(state.slots.iter().map(|slot| &slot.pointer)))
        .filter(|pointer| pointer.epoch == epoch && pointer.verifies(&root_key, vault))
        .max_by_key(|pointer| pointer.generation)
        .ok_or_else(|| misfit("no root pointer verifies; a cell was damaged or exchanged"))?
        .clone();
    // A crash before a deletion rewrote the copies leaves one that names the epoch before (at the first epoch: none). Only one
    // copy at a time can be torn.
    let mut copies = states.iter().flat_map(|state| &state.pointers);
    let explained = copies.any(|copy| {
        copy.epoch.checked_add(1) == Some(epoch) || (copy.epoch == epoch && copy.verifies(&root_key, vault))
    });
    if !explained {
        tracing::error!("{POINTERS_LOST}");
    }
    Ok(Current { root_key, pointer, doubtful: !explained })
}

/// The body of the root page. Tells a page that is not there, which is a matter of what was put beside what, from one that is
/// damaged.
fn root_page(
    pages: &Pages,
    page: &PageRef,
    pointer: &RootPointer,
    doubtful: bool,
) -> Result<PageBody, KeyringError> {
    let corrupt = match pages.read_stored(PageKind::Root, page) {
        Err(error @ KeyringError::Corrupt { .. }) => error,
        read => return read,
    };
    for copy in 0..pages.store.copies() {
        if pages.store.read_copy(&page.id, copy)?.is_some() {
            return Err(corrupt);
        }
    }
    let generation = pointer.generation;
    Err(KeyringError::Cells {
        detail: if doubtful {
            format!(
                "both copies of the root pointer are damaged, and the older root page that the share slot names (generation {generation}) is gone. \
                 Put back the cell and the key pages that belong together, without them nothing opens"
            )
        } else {
            format!(
                "the root page they name (generation {generation}) is not in the key pages. Cell and key pages are of different age: one of them was \
                 copied, restored or rolled back. Put back the cell and the key pages that belong together; without them nothing opens"
            )
        },
    })
}

/// Leaves no share in a cell but that of `epoch`.
fn settle(cell: &dyn RootCell, state: &CellState, epoch: u64) -> Result<(), KeyringError> {
    if state.slots.iter().any(|slot| slot.epoch > epoch) {
        tracing::warn!(epoch, "a deletion that did not reach all cells is withdrawn");
        cell.withdraw()?;
    } else if state.slots.iter().filter(|slot| slot.epoch == epoch).count() < 2 {
        tracing::warn!(epoch, "a root change that a crash interrupted is finished");
        cell.confirm()?;
    }
    Ok(())
}

/// Cell and key pages that were put back from a copy open as well as ever, and with them everyone erased since. The ledger, which
/// nobody rolls back with them, knows a later deletion.
fn refuse_if_older(
    ledger: &dyn RootLedger,
    vault: &VaultPage,
    pointer: &RootPointer,
) -> Result<(), KeyringError> {
    let last = ledger.last()?;
    if last <= vault.last_deletion.generation_after {
        return Ok(());
    }
    Err(KeyringError::Cells {
        detail: format!(
            "they and the key pages are at generation {}, the ledger records a deletion of generation {last}. They are an older copy, and would bring back \
             whoever was erased since. Put back the cell and the key pages that were there last",
            pointer.generation
        ),
    })
}

/// The record of the last deletion, as cell and vault page know it; `None` if there was no deletion, or if the pointer that it
/// ended in is damaged.
fn newest_record(
    vault: &VaultPage,
    pointer: &RootPointer,
    root_key: &RootKey,
    states: &[CellState],
    cell_class: ErasureClass,
) -> Option<RootRecord> {
    let last = &vault.last_deletion;
    let own = states.iter().flat_map(|state| &state.slots).map(|slot| &slot.pointer);
    let ended = own.chain([pointer]).find(|found| {
        found.generation == last.generation_after && found.verifies(root_key, &pointer.vault)
    })?;
    Some(RootRecord {
        generation_before: last.generation_before,
        generation_after: last.generation_after,
        root_before: last.root_before,
        root_after: ended.root_hash,
        time: last.time,
        removed: last.removed,
        cell_class,
    })
}

fn misfit(detail: &str) -> KeyringError {
    KeyringError::Cells { detail: detail.to_owned() }
}
