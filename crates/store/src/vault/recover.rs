//! A vault made anew after the loss of its whole key plane, from what is in escrow (docs/escrow.md has the table of what a crash leaves).
//!
//! The new folder gets a root cell only when all that was forgotten since the escrow was made is forgotten again, and its marker last of all. So what a
//! crash leaves opens nothing, and the same command begins anew.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::HEXLOWER;
use oubliette_crypto::escrow::Share;
use oubliette_crypto::{Handle, VaultId};
use oubliette_engine::{PackBlobs, PageId, PageStore, RawPage, SledEngine, SledOptions};
use oubliette_keyring::{
    CellState, EscrowBlob, FileCell, FileLedger, Keyring, KeyringError, Recovered, RootCell, RootLedger,
    RootPointer,
};

use super::cells::{self, cell_error};
use super::folder::{self, OURS};
use super::lost::Lost;
use super::marker::{self, Locked, Marker};
use super::{Vault, carry};
use crate::VaultError;
use crate::escrow::EscrowPlace;
use crate::escrow::holder::OpenedShare;
use crate::files::replace;
use crate::options::VaultOptions;
use crate::rows::{Bounds, Place};

/// Says that the folder is half of a vault that comes back from escrow.
const BEGUN: &str = "recovering";
/// Pages that are copied together.
const TOGETHER: usize = 4096;

/// What a vault comes back from.
#[derive(Debug)]
pub struct RecoverFrom {
    /// The escrow's folder.
    pub store: PathBuf,
    /// Shares of one sealed root, opened by their holders.
    pub shares: Vec<OpenedShare>,
    /// The ledger, its newest copy: without what it says was forgotten nothing comes back.
    pub ledger: PathBuf,
    /// A folder with `rows`, `anchor` and `blobs`; without one the vault has keys alone, and rows are restored from a backup.
    pub rows: Option<PathBuf>,
    /// The folder of the vault that was lost, if it is there: its region and tokens come along, and its cells are wiped. One that is away is waited
    /// for: nobody is erased until it is wiped, or said to be destroyed ([`Vault::cell_destroyed`]).
    pub old: Option<PathBuf>,
}

/// A vault that came back.
#[derive(Debug, Clone)]
pub struct RecoveredVault {
    /// The vault's random name.
    pub vault: String,
    /// What was done in the key plane.
    pub keys: Recovered,
    /// People who were created after the root that came back and had rows: they are lost, and their rows were removed.
    pub lost: u64,
    /// What is left to do.
    pub notes: Vec<String>,
}

impl Vault {
    /// Makes the vault anew in `dir`, which must be empty or absent, or hold what an earlier attempt left, and opens it. Everything that was
    /// forgotten since the root in escrow was sealed is forgotten again before anything can be read. Folders of a vault that it is made from are
    /// locked meanwhile.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] if shares, escrow, ledger or folders do not fit; [`VaultError::InUse`] while a service works in one of them;
    /// [`VaultError::Moved`] if the vault went elsewhere from `from.old`; those of [`Vault::open`] and of the disks.
    pub fn recover(
        dir: &Path,
        from: &RecoverFrom,
        options: &VaultOptions,
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<(Self, RecoveredVault), VaultError> {
        let (blob, shares) = chosen(from)?;
        let vault = blob.head.vault;
        // To the end: what a service did meanwhile would be in one of two vaults.
        let lost = Lost::of(from, vault)?;
        lost.keep_clear_of(dir, &options.cells)?;
        begin(dir, vault, from, &options.cells)?;
        carry::copy(&from.ledger, &dir.join("ledger"), &mut |_| ())?;
        let planned = cells::planned(&options.cells)?;
        let keys = keys(dir, from, &blob, &shares, &planned, options, progress)?;
        progress("rows", 0);
        rows(dir, vault, from.rows.as_deref(), options, progress)?;
        if let Some(old) = &from.old {
            carry::copy(&old.join("tokens.json"), &dir.join("tokens.json"), &mut |_| ())?;
        }
        let region = lost.region.clone().or_else(|| options.region.clone());
        // The old cells go with the first opening, under yet another root.
        drop(Locked::create(dir, Marker { wipe: lost.cells.clone(), ..Marker::of(vault, planned, region) })?);
        carry::remove(&dir.join(BEGUN))?;
        let opened = Self::open(dir, options.clone())?;
        let rowless = opened.remove_the_lost(from)?;
        // Pages of the archive that nothing leads to any more.
        opened.inner.keyring.verify(true)?;
        let notes = lost.notes.iter().cloned().chain(opened.inner.folder_notes()).collect();
        let done = RecoveredVault { vault: vault.to_string(), keys, lost: rowless, notes };
        Ok((opened, done))
    }

    /// Rows of people whom the root that came back does not know: nobody can open them, and no sweeper would look for them.
    fn remove_the_lost(&self, from: &RecoverFrom) -> Result<u64, VaultError> {
        if from.rows.is_none() {
            return Ok(0);
        }
        let inner = &self.inner;
        let queued: HashSet<Handle> = inner.keyring.sweep_queue().iter().map(|entry| entry.handle).collect();
        let erased = inner.keyring.forgotten(0).map_err(VaultError::from)?;
        let erased: HashSet<Handle> = erased.into_iter().flat_map(|record| record.erased).collect();
        let mut lost = 0;
        let mut at = vec![0; 16];
        // Handle 0 is the vault's own.
        at.push(u8::MAX);
        while let Some((key, _)) = inner.engine.range(&at, &[u8::MAX; 64], 1, false)?.into_iter().next() {
            let Some((handle, _)) = Place::parse(&key) else {
                at = key;
                at.push(0);
                continue;
            };
            let bounds = Bounds::person(&handle);
            at = bounds.to.to_vec();
            let known = match inner.keyring.subject_by_handle(&handle) {
                Err(KeyringError::Unknown | KeyringError::Erased { .. }) => queued.contains(&handle),
                _ => true,
            };
            if !known {
                inner.sweep_all_of(&handle)?;
                lost += u64::from(!erased.contains(&handle));
            }
        }
        Ok(lost)
    }
}

/// The sealed root that the shares are of.
fn chosen(from: &RecoverFrom) -> Result<(EscrowBlob, Vec<Share>), VaultError> {
    let refused = |why: String| VaultError::invalid("share", why);
    let first = from.shares.first().ok_or_else(|| refused("none was given".to_owned()))?;
    let same = |share: &OpenedShare| {
        (&share.vault, share.generation, share.window) == (&first.vault, first.generation, first.window)
    };
    if !from.shares.iter().all(same) {
        return Err(refused("they are of different roots; let all holders open the same one".to_owned()));
    }
    let vault = EscrowPlace::vaults(&from.store)?.into_iter().find(|vault| vault.to_string() == first.vault);
    let vault = vault.ok_or_else(|| {
        VaultError::invalid("store", format!("{} holds no escrow of that vault", from.store.display()))
    })?;
    let roots = EscrowPlace::of(&from.store, vault).roots()?;
    let of = |blob: &EscrowBlob| (blob.head.generation, blob.head.window) == (first.generation, first.window);
    let blob = roots.into_iter().map(|(_, blob)| blob).find(of).ok_or_else(|| {
        refused(format!("{} holds no root of generation {}", from.store.display(), first.generation))
    })?;
    let shares = from.shares.iter().map(OpenedShare::share).collect::<Result<_, _>>()?;
    Ok((blob, shares))
}

/// Claims the folder, or empties it of an earlier attempt.
fn begin(dir: &Path, vault: VaultId, from: &RecoverFrom, cells: &[PathBuf]) -> Result<(), VaultError> {
    let refused = |why: &str| VaultError::Format { detail: format!("{} {why}", dir.display()) };
    folder::make_dir(dir)?;
    let inside = |path: &Path| {
        path.canonicalize().is_ok_and(|path| dir.canonicalize().is_ok_and(|dir| path.starts_with(dir)))
    };
    if inside(&from.ledger) || inside(&from.store) || from.rows.as_deref().is_some_and(inside) {
        return Err(refused("holds what the vault is to come back from; name another folder for it"));
    }
    let note = dir.join(BEGUN);
    if note.exists() && !dir.join(marker::NAME).exists() {
        let begun = std::fs::read_to_string(&note).map_err(VaultError::io("reading", &note))?;
        let (of, pointer) = begun.split_once('\n').unwrap_or((&begun, ""));
        if of != vault.to_string() {
            return Err(refused("holds the unfinished recovery of another vault"));
        }
        cells.iter().for_each(|cell| take_back(cell, vault, pointer.trim_end()));
        // Its cell, if it came so far, is of a root that has forgotten all there was to forget; it is wiped for good measure.
        let cell = dir.join(cells::ROOT);
        if cell.exists()
            && let Err(error) = FileCell::wipe(&cell, vault)
        {
            tracing::warn!(%error, "a cell of an unfinished recovery was not wiped");
        }
        let names = carry::names(dir)?;
        names
            .iter()
            .filter(|name| name.as_path() != Path::new(BEGUN))
            .try_for_each(|name| carry::remove(&dir.join(name)))?;
    } else if let Some(found) = OURS.into_iter().find(|name| dir.join(name).exists()) {
        return Err(refused(&format!("holds `{found}` already; name a folder that is empty or not there")));
    }
    if !note.exists() {
        replace(&note, format!("{vault}\n").as_bytes())?;
    }
    Ok(())
}

/// Wipes and removes a further cell that an earlier attempt made: one that nothing was written into yet, or of the root that it had noted before.
/// Whatever else stands there is left alone, and refused by its name: it may be a share that makes the lost vault whole.
fn take_back(path: &Path, vault: VaultId, pointer: &str) {
    let ours = FileCell::open(path).is_ok_and(|cell| {
        let noted = |at: &RootPointer| HEXLOWER.encode(&at.encode()) == pointer;
        let of_it = |state: CellState| !state.pointers.is_empty() && state.pointers.iter().all(noted);
        cell.vault() == vault && (cell.is_blank().unwrap_or(false) || cell.read().is_ok_and(of_it))
    });
    if !ours {
        return;
    }
    let wiped = FileCell::wipe(path, vault).map_err(|error| error.to_string());
    if let Err(error) = wiped.and_then(|()| std::fs::remove_file(path).map_err(|error| error.to_string())) {
        tracing::warn!(error, "a cell of an unfinished recovery was not taken back");
    }
}

/// Pages, ledger and cells.
fn keys(
    dir: &Path,
    from: &RecoverFrom,
    blob: &EscrowBlob,
    shares: &[Share],
    planned: &[PathBuf],
    options: &VaultOptions,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Recovered, VaultError> {
    let vault = blob.head.vault;
    let root = blob.open(shares).map_err(|_| {
        let needed = blob.head.threshold;
        VaultError::invalid(
            "share",
            format!("they open nothing: {needed} are needed, each of another holder and of this root"),
        )
    })?;
    let plane = folder::key_plane(dir, vault, options);
    let pages = Arc::new(plane.create()?);
    let archive = EscrowPlace::of(&from.store, vault).pages(blob.head.window)?;
    copy_pages(&archive, pages.as_ref(), progress)?;
    let ledger = ledger(dir)?;
    // The store tells of deletions, too: a root of a later epoch than the ledger knows is one that somebody was erased before.
    let newest =
        EscrowPlace::of(&from.store, vault).roots()?.into_iter().map(|(_, blob)| blob.head.epoch).max();
    if ledger.places().map_err(KeyringError::from)? < newest.unwrap_or(0).saturating_sub(1) {
        let detail = "the ledger is older than the newest root in the escrow's store: whoever was erased since would come back. Give the newest copy of the ledger";
        return Err(VaultError::KeysLost { detail: detail.to_owned() });
    }
    let number = u8::try_from(planned.len()).unwrap_or(u8::MAX);
    let kept: Arc<dyn PageStore> = pages;
    let (states, done) =
        Keyring::recover(vault, kept, root, ledger, number, folder::keyring_options(options))?;
    // By this the same command knows the cells as its own if it is cut off while they are made. A pointer holds no secret.
    let pointer = states.first().and_then(|state| state.pointers.first());
    let pointer = pointer.map_or_else(String::new, |pointer| HEXLOWER.encode(&pointer.encode()));
    replace(&dir.join(BEGUN), format!("{vault}\n{pointer}\n").as_bytes())?;
    planned.iter().skip(1).try_for_each(|cell| cells::settle_way_to(cell))?;
    for ((index, path), state) in (0..number).zip(planned).zip(&states) {
        let failed = |error| cell_error(error, dir);
        FileCell::create(&dir.join(path), vault, index, number)
            .map_err(failed)?
            .adopt_state(state)
            .map_err(failed)?;
    }
    [&plane.a, &plane.b].into_iter().for_each(|folder| cells::tag(folder));
    Ok(done)
}

/// The ledger that came along: both files must be there, or nobody knows who was erased.
fn ledger(dir: &Path) -> Result<Arc<dyn RootLedger>, VaultError> {
    let folder = dir.join("ledger");
    if let Some(missing) = ["roots", "forgotten"].into_iter().find(|name| !folder.join(name).exists()) {
        let reason = format!(
            "it lacks `{missing}`: without it nobody knows who was erased since, and they would come back"
        );
        return Err(VaultError::invalid("ledger", reason));
    }
    Ok(Arc::new(FileLedger::open(&folder.join("roots")).map_err(KeyringError::from)?))
}

fn copy_pages(
    from: &dyn PageStore,
    to: &dyn PageStore,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<(), VaultError> {
    let mut ids: Vec<PageId> = Vec::new();
    from.for_each_id(&mut |id| ids.push(id))?;
    ids.sort_unstable();
    let mut done = 0;
    for part in ids.chunks(TOGETHER) {
        let mut pages: Vec<(PageId, Box<RawPage>)> = Vec::with_capacity(part.len());
        for id in part {
            pages.extend(from.read(id)?.map(|raw| (*id, raw)));
        }
        let pages: Vec<_> = pages.iter().map(|(id, raw)| (*id, raw.as_ref())).collect();
        to.write(&pages)?;
        done += part.len() as u64;
        progress("key pages", done);
    }
    Ok(())
}

/// The row plane, copied; an empty one where there is none to copy.
fn rows(
    dir: &Path,
    vault: VaultId,
    from: Option<&Path>,
    options: &VaultOptions,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<(), VaultError> {
    let Some(from) = from else {
        let places = [dir.join(cells::ROOT)];
        let places: Vec<PathBuf> = places.into_iter().chain(options.cells.iter().cloned()).collect();
        let keyring = folder::open_keyring(dir, vault, &places, options, &mut Vec::new())?;
        let sled = SledOptions { create: true, ..options.engine.sled.clone() };
        let engine = SledEngine::open(&dir.join("rows"), &dir.join("anchor"), &keyring.anchor_key()?, sled)?;
        let blobs = PackBlobs::open(&dir.join("blobs"))?;
        oubliette_engine::Engine::close(&engine)?;
        oubliette_engine::Blobs::close(&blobs)?;
        keyring.close();
        return Ok(());
    };
    for name in ["rows", "blobs", "anchor"] {
        let place = from.join(name);
        if !place.exists() {
            let reason =
                format!("{} is not there; name a folder with rows, blobs and anchor", place.display());
            return Err(VaultError::invalid("rows", reason));
        }
        let mut copied = 0;
        carry::copy(&place, &dir.join(name), &mut |bytes| {
            copied += bytes;
            progress(name, copied);
        })?;
    }
    Ok(())
}
