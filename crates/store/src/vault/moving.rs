//! Moving a whole vault to another folder: its key plane as in [`relocate_keys`], its row plane copied as it lies.

use std::path::Path;

use super::relocate::{Relocated, Relocation, relocate_keys};
use super::{Vault, carry};
use crate::VaultError;
use crate::options::VaultOptions;

/// What makes up the row plane, and is copied file by file: the vault is closed meanwhile.
const ROW_PLANE: [&str; 3] = ["rows", "anchor", "blobs"];

impl Vault {
    /// Moves the vault in `source` to the folder `target`, which must be empty or absent and may be on another disk, under a new root. From
    /// then on `source` opens no more and may be removed. The same call finishes what a crash interrupted. `progress` is told what is
    /// copied, and how many bytes so far.
    ///
    /// # Errors
    /// Those of [`relocate_keys`].
    pub fn move_to(
        source: &Path,
        target: &Path,
        options: &VaultOptions,
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<Relocated, VaultError> {
        relocate_keys(source, target, options, &mut |relocation| fill(relocation, progress))
    }
}

pub(super) fn fill(
    relocation: &Relocation<'_>,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<(), VaultError> {
    for part in ROW_PLANE {
        let mut done = 0;
        let (from, to) = (relocation.source.join(part), relocation.target.join(part));
        carry::copy(&from, &to, &mut |bytes| {
            done += bytes;
            progress(part, done);
        })?;
    }
    Ok(())
}
