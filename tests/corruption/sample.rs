//! A small vault of which everything is known, closed, and the same folder as it was earlier.

use std::path::{Path, PathBuf};

use oubliette::{Vault, VaultOptions};
use oubliette_service::tokens::Tokens;
use tempfile::TempDir;

use crate::folder::{fast_folder, put};
use crate::items::{store_first, store_rest};

pub(crate) struct Sample {
    folder: TempDir,
}

impl Sample {
    pub(crate) fn make() -> Self {
        let folder = fast_folder();
        let (data, old) = (folder.path().join("vault"), folder.path().join("old"));
        let vault = Vault::create(&data, VaultOptions::default()).unwrap();
        store_first(&vault);
        vault.close().unwrap();
        drop(vault);
        Tokens::open(&data).ensure_dev_token().unwrap();
        put(&data, &old);
        let vault = Vault::open(&data, VaultOptions::default()).unwrap();
        store_rest(&vault);
        vault.close().unwrap();
        drop(vault);
        Self { folder }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("vault")
    }

    /// The folder before the erasure, the cuts and the newer half of the content.
    pub(crate) fn old(&self) -> PathBuf {
        self.folder.path().join("old")
    }

    /// A copy to be ill-treated, and the folder that it lives in.
    pub(crate) fn copy(&self) -> (TempDir, PathBuf) {
        let folder = fast_folder();
        let data = folder.path().join("vault");
        put(&self.path(), &data);
        (folder, data)
    }
}

/// Whether sled reads this file, which may panic on its own threads: looked at in a process of its own.
pub(crate) fn of_sled(file: &Path) -> bool {
    file.starts_with("rows") || file.starts_with("keys-b")
}
