//! Moving a vault from one folder to another, so that at no moment two folders open it (docs/store.md, "Moving a vault", has the table of
//! what a crash leaves).
//!
//! The vault is where its cells are, and its folders say so to each other. The new folder is made complete while its marker says `arriving`:
//! nobody opens it. Then one write, of the old folder's marker, is the moment of change: it says `moved`, nobody opens the old folder any
//! more, and whoever opens the new one reads there that it may. After that the new folder draws a new root and wipes the old cells.

use std::path::{Path, PathBuf};

use oubliette_engine::Mirror;
use oubliette_keyring::{FileCell, Keyring, RootCell};

use super::carry;
use super::cells::{self, ROOT, cell_error};
use super::folder;
use super::marker::{self, Locked, Marker, Passage};
use super::replace::within;
use crate::VaultError;
use crate::options::VaultOptions;

/// A vault under way, as whoever fills the new folder's row plane sees it. Neither folder is open for anybody else.
pub struct Relocation<'a> {
    /// The folder that the vault leaves.
    pub source: &'a Path,
    /// The folder that it goes to. `rows/`, `anchor` and `blobs/` are to be put there, durably.
    pub target: &'a Path,
    /// The vault's keys as they are now. They change nothing for the rows: person, tree and anchor keys stay.
    pub keyring: &'a Keyring,
}

/// A vault that was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relocated {
    /// The vault's random name.
    pub vault: String,
    /// The folder that it left.
    pub from: PathBuf,
    /// The folder that it is in.
    pub to: PathBuf,
    /// The root generation that it stands at.
    pub generation: u64,
    /// What is left to do, such as an old cell that could not be wiped; empty as a rule.
    pub notes: Vec<String>,
}

/// Moves the key plane of the vault in `source` to `target`, with ledger, tokens and whatever else lies in the folder but the row plane, which
/// `fill` puts there. Cells in the folder move with it, cells elsewhere stay. Then the vault has a new root, and its old cells are wiped.
///
/// Called again after a crash or an error it begins anew while the vault is still in `source`, and finishes what is left once it is in
/// `target`. What restricts people and the ledger are carried over as they are.
///
/// # Errors
/// [`VaultError::InUse`] while a service holds either folder; [`VaultError::Moved`] if the vault went elsewhere; [`VaultError::Invalid`] if
/// `target` is no place for it; those of [`Vault::open`](crate::Vault::open), of `fill` and of the disks.
pub fn relocate_keys(
    source: &Path,
    target: &Path,
    options: &VaultOptions,
    fill: &mut dyn FnMut(&Relocation<'_>) -> Result<(), VaultError>,
) -> Result<Relocated, VaultError> {
    relocate(source, target, options, fill, &mut |_| Ok(()))
}

/// `at` is told each step that was taken, so that a test may cut the way off behind any of them.
pub(super) fn relocate(
    source: &Path,
    target: &Path,
    options: &VaultOptions,
    fill: &mut dyn FnMut(&Relocation<'_>) -> Result<(), VaultError>,
    at: &mut dyn FnMut(&'static str) -> Result<(), VaultError>,
) -> Result<Relocated, VaultError> {
    let (source, target) = (absolute(source)?, absolute(target)?);
    let mut from = folder::lock_any(&source)?;
    match from.marker.moved.clone() {
        Some(moved) => went_here(&source, &target, &from.marker, &moved)?,
        None => {
            settle(&source, &mut from)?;
            set_out(&source, &target, &mut from, options, fill, at)?;
        }
    }
    drop(from);
    arrive(&source, &target, options, at)
}

/// Refuses a folder whose vault is not, or not yet surely, in it. To be asked before anything of it is used.
pub(super) fn settle(dir: &Path, locked: &mut Locked) -> Result<(), VaultError> {
    if let Some(moved) = &locked.marker.moved {
        return Err(VaultError::Moved { from: dir.to_owned(), to: moved.folder.clone() });
    }
    let Some(arriving) = locked.marker.arriving.clone() else { return Ok(()) };
    let (here, there) = (dir.display(), arriving.folder.display());
    let refused = |detail: String| Err(VaultError::Format { detail });
    match marker::peek(&arriving.folder) {
        Ok(Some(other)) if other.vault == locked.marker.vault => match other.moved {
            Some(moved) if moved.passage == arriving.passage => {
                locked.replace(dir, Marker { arriving: None, ..locked.marker.clone() })
            }
            Some(moved) => Err(VaultError::Moved { from: dir.to_owned(), to: moved.folder }),
            None => refused(format!(
                "{here} is the unfinished half of a move, and the vault is still in {there}. Run `oubliette move --data {there} --to {here}` again; or \
                 open the vault there, which wipes what is here, then remove {here}"
            )),
        },
        _ => refused(format!(
            "the vault was being moved to {here} from {there}, and nothing there says that it has left: mount that disk and run `oubliette move --data \
             {there} --to {here}` again. If it is destroyed, say so for each cell that `vault.json` lists under `wipe`: `oubliette doctor --data {here} \
             --cell-destroyed FILE`"
        )),
    }
}

/// The vault left `source`: was it for this folder?
fn went_here(source: &Path, target: &Path, left: &Marker, moved: &Passage) -> Result<(), VaultError> {
    let found = marker::peek(target)?.filter(|found| {
        let fits = found.arriving.as_ref().is_none_or(|arriving| arriving.passage == moved.passage);
        found.vault == left.vault && found.moved.is_none() && fits
    });
    match found {
        Some(_) => Ok(()),
        None => Err(VaultError::Moved { from: source.to_owned(), to: moved.folder.clone() }),
    }
}

/// Makes the new folder complete, up to the moment of change.
fn set_out(
    source: &Path,
    target: &Path,
    from: &mut Locked,
    options: &VaultOptions,
    fill: &mut dyn FnMut(&Relocation<'_>) -> Result<(), VaultError>,
    at: &mut dyn FnMut(&'static str) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let places = cells::places(source, &from.marker, &options.cells)?;
    if let Some(below) =
        places.iter().find(|place| place.starts_with(source) && place.parent() != Some(source))
    {
        let detail = format!(
            "the cell {} lies in a folder inside of the vault's, from where its bytes would be copied along: put it beside the vault first (`oubliette doctor --replace-cell`)",
            below.display()
        );
        return Err(VaultError::Other { detail });
    }
    let keyring = folder::open_keyring(source, from.marker.vault, &places, options, &mut Vec::new())?;
    // A share that an earlier attempt left in a new folder goes now.
    cells::finish_wipes(source, from, &keyring)?;
    if !from.marker.wipe.is_empty() {
        let waiting = "an earlier cell is not wiped yet: open the vault with its disk mounted, or say that it is destroyed (`oubliette doctor \
                       --cell-destroyed`)";
        return Err(VaultError::Other { detail: waiting.to_owned() });
    }
    let moving: Vec<Moving> = places.iter().filter_map(|place| Moving::of(source, target, place)).collect();
    let mut to = claim(source, target, &from.marker, &places, &moving)?;
    at("claimed")?;
    fill(&Relocation { source, target, keyring: &keyring })?;
    at("filled")?;
    keyring.close();
    drop(keyring);
    carry_over(source, target, &from.marker, &places, options)?;
    at("carried")?;
    copy_shares(source, target, from, &moving, at)?;
    let passage = to.marker.arriving.as_ref().map(|arriving| arriving.passage.clone()).unwrap_or_default();
    let moved = Some(Passage { folder: target.to_owned(), passage });
    from.replace(source, Marker { wipe: Vec::new(), moved, ..from.marker.clone() })?;
    at("moved")?;
    to.replace(target, Marker { arriving: None, ..to.marker.clone() })?;
    at("arrived")
}

/// A cell that lies in the folder and goes with it.
struct Moving {
    old: PathBuf,
    new: PathBuf,
}

impl Moving {
    fn of(source: &Path, target: &Path, place: &Path) -> Option<Self> {
        let inside = place.strip_prefix(source).ok()?;
        Some(Self { old: place.to_owned(), new: target.join(inside) })
    }
}

/// Makes the new folder, or empties it of an earlier attempt, and says in its marker that the vault is on its way.
fn claim(
    source: &Path,
    target: &Path,
    vault: &Marker,
    places: &[PathBuf],
    moving: &[Moving],
) -> Result<Locked, VaultError> {
    let refused = |why: &str| VaultError::invalid("target", format!("{} {why}", target.display()));
    folder::make_dir(target)?;
    let real = |path: &Path| path.canonicalize().map_err(VaultError::io("finding the place of", path));
    if real(target)?.starts_with(real(source)?) {
        return Err(refused("lies in the folder that the vault is to leave"));
    }
    let cells = places.iter().map(|place| match moving.iter().find(|moving| moving.old == *place) {
        Some(moving) if within(target, &moving.new) == Path::new(ROOT) => PathBuf::from(ROOT),
        Some(moving) => moving.new.clone(),
        None => place.clone(),
    });
    let arriving = Some(Passage {
        folder: source.to_owned(),
        passage: oubliette_crypto::VaultId::random()?.to_string(),
    });
    let wipe = moving.iter().map(|moving| moving.old.clone()).collect();
    let marker = Marker { wipe, arriving, ..Marker::of(vault.vault, cells.collect(), vault.region.clone()) };
    match Locked::open(target)? {
        None => {
            let known = |name: &PathBuf| {
                name == Path::new("lost+found")
                    // A crash while the marker was made leaves it, and it says nothing.
                    || name == Path::new(marker::NEW)
                    || PLANES.iter().any(|plane| name == Path::new(plane))
                        && carry::names(&target.join(name)).is_ok_and(|inside| inside.is_empty())
            };
            if let Some(other) = carry::names(target)?.iter().find(|name| !known(name)) {
                return Err(refused(&format!(
                    "holds `{}`; name a folder that is empty or not there",
                    other.display()
                )));
            }
            Locked::create(target, marker)
        }
        Some(mut begun) => {
            let ours = begun.marker.arriving.as_ref().is_some_and(|arriving| arriving.folder == source);
            if begun.marker.vault != vault.vault || !ours {
                return Err(refused(
                    "holds a vault, or what is left of one; name a folder that is empty or not there",
                ));
            }
            begun.replace(target, marker)?;
            let left = carry::names(target)?;
            left.iter()
                .filter(|name| *name != Path::new(marker::NAME) && *name != Path::new("lost+found"))
                .try_for_each(|name| carry::remove(&target.join(name)))?;
            Ok(begun)
        }
    }
}

/// Folders of the vault that a disk may be mounted at beforehand.
const PLANES: [&str; 4] = ["keys-a", "keys-b", "rows", "blobs"];

/// Whatever lies in the folder and is neither the row plane, nor a cell, nor of the moment. A stale copy of the key pages stays behind: the new
/// folder makes it anew from the other one.
fn carry_over(
    source: &Path,
    target: &Path,
    vault: &Marker,
    places: &[PathBuf],
    options: &VaultOptions,
) -> Result<(), VaultError> {
    let plane = folder::key_plane(source, vault.vault, options);
    let stale = [Mirror::is_noted_stale(&plane.note, 0)?, Mirror::is_noted_stale(&plane.note, 1)?];
    let left_behind = |name: &Path| {
        let text = name.to_string_lossy();
        match text.as_ref() {
            "keys-a" => stale == [true, false],
            "keys-b" => stale == [false, true],
            "keys.stale" => stale != [true, true],
            "blobs" | "anchor" | "admin.sock" | "lost+found" => true,
            text => {
                text.starts_with("rows")
                    || text.starts_with(marker::NAME)
                    || text.ends_with(".new")
                    || text.ends_with(".damaged")
                    || places.contains(&source.join(name))
            }
        }
    };
    let names = carry::names(source)?;
    names
        .iter()
        .filter(|name| !left_behind(name))
        .try_for_each(|name| carry::copy(&source.join(name), &target.join(name), &mut |_| ()))
}

/// Puts the shares into cells of the new folder. Until the moment of change those stand in the old folder's `wipe`.
fn copy_shares(
    source: &Path,
    target: &Path,
    from: &mut Locked,
    moving: &[Moving],
    at: &mut dyn FnMut(&'static str) -> Result<(), VaultError>,
) -> Result<(), VaultError> {
    let mut pairs = Vec::new();
    for Moving { old, new } in moving {
        let share = FileCell::open(old).map_err(|error| cell_error(error, source))?;
        let made = FileCell::create(new, from.marker.vault, share.share_index(), share.shares());
        pairs.push((share, made.map_err(|error| cell_error(error, target))?));
    }
    at("cells made")?;
    let wipe = moving.iter().map(|moving| moving.new.clone()).collect();
    from.replace(source, Marker { wipe, ..from.marker.clone() })?;
    at("cells noted")?;
    for (old, new) in &pairs {
        new.adopt(old).map_err(|error| cell_error(error, target))?;
        at("share copied")?;
    }
    Ok(())
}

/// A new root in the new folder; then the old cells are wiped.
fn arrive(
    source: &Path,
    target: &Path,
    options: &VaultOptions,
    at: &mut dyn FnMut(&'static str) -> Result<(), VaultError>,
) -> Result<Relocated, VaultError> {
    let mut locked = folder::lock(target)?;
    let vault = locked.marker.vault;
    // The marker knows all places by now, and a setting may still name the old ones.
    let places = cells::places(target, &locked.marker, &[])?;
    let mut notes = Vec::new();
    let keyring = folder::open_keyring(target, vault, &places, options, &mut notes)?;
    if locked.marker.wipe.is_empty() {
        // No cell lay in the folder; the pages that were left there die all the same.
        keyring.rotate()?;
    }
    at("open")?;
    notes.extend(cells::finish_wipes(target, &mut locked, &keyring)?);
    let generation = keyring.generation();
    keyring.close();
    at("wiped")?;
    Ok(Relocated {
        vault: vault.to_string(),
        from: source.to_owned(),
        to: target.to_owned(),
        generation,
        notes,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, VaultError> {
    std::path::absolute(path).map_err(VaultError::io("finding the place of", path))
}

#[cfg(test)]
mod tests;
