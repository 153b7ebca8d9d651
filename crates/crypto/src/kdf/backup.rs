//! Telling one's own backups from what somebody put beside them (docs/formats.md, section 14).

use crate::stack::wiped_shallow;
use crate::{AnchorKey, BackupKey, labels};

use super::{derive, hmac, verify_hmac};

/// Which object of a backup is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupForm {
    /// What makes a backup exist.
    Manifest,
    /// A part of its content.
    Segment,
}

impl BackupForm {
    fn label(self) -> &'static [u8] {
        match self {
            Self::Manifest => labels::BACKUP_MANIFEST,
            Self::Segment => labels::BACKUP_SEGMENT,
        }
    }
}

/// Keys the MACs of this vault's backups. No deletion changes it, so that old backups can still be told.
pub fn backup_key(key: &AnchorKey) -> BackupKey {
    derive(&[key.expose()], &[], &[labels::BACKUP])
}

/// The MAC of an object whose SHA-256, up to the MAC, is `digest`.
pub fn backup_mac(key: &BackupKey, form: BackupForm, digest: &[u8; 32]) -> [u8; 32] {
    let mut mac = [0; 32];
    wiped_shallow(|| hmac(key.expose(), &[form.label(), digest], &mut mac));
    mac
}

/// Whether the vault of this key made the object. In constant time.
pub fn verify_backup_mac(key: &BackupKey, form: BackupForm, digest: &[u8; 32], mac: &[u8; 32]) -> bool {
    wiped_shallow(|| verify_hmac(key.expose(), &[form.label(), digest], mac))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_of_one_vault_one_form_and_one_object() {
        let key = |byte: u8| backup_key(&AnchorKey::from_slice(&[byte; 32]).unwrap());
        let mac = backup_mac(&key(1), BackupForm::Segment, &[7; 32]);
        assert!(verify_backup_mac(&key(1), BackupForm::Segment, &[7; 32], &mac));
        assert!(!verify_backup_mac(&key(2), BackupForm::Segment, &[7; 32], &mac));
        assert!(!verify_backup_mac(&key(1), BackupForm::Manifest, &[7; 32], &mac));
        assert!(!verify_backup_mac(&key(1), BackupForm::Segment, &[8; 32], &mac));
        assert!(!verify_backup_mac(&key(1), BackupForm::Segment, &[7; 32], &[0; 32]));
    }
}
