//! How a sled folder is opened.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::EngineError;

/// Looks at sled's data folder before this process opens it; see [`SledOptions::verifier`].
pub type SledVerifier = Arc<dyn Fn(&Path) -> Result<(), EngineError> + Send + Sync>;

/// Which of the two safe protocols is used (docs/sled.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SledMode {
    /// Ask the kernel: [`SledMode::Filtered`] if `sync_file_range` is refused in this process, else [`SledMode::Exclusive`].
    #[default]
    Probe,
    /// sled syncs each of its writes itself, reads run beside commits. Only safe where `sync_file_range` answers ENOSYS:
    /// see [`crate::deny_sync_file_range`].
    Filtered,
    /// A commit holds sled alone. Always safe, slower.
    Exclusive,
}

/// Settings of one sled folder.
#[derive(Clone)]
pub struct SledOptions {
    /// Bytes that sled may cache. Its memory peaks at about twice that.
    pub cache_bytes: u64,
    /// Make a new store where there is none. Give false for a vault that has been used before: an empty folder is then
    /// `RowsLost` instead of a fresh start.
    pub create: bool,
    /// The protocol.
    pub mode: SledMode,
    /// After an unclean stop, keep a copy of the folder (`<name>.before-recovery`), since sled's recovery zeroes evidence.
    /// Needs as much free space as the folder takes.
    pub copy_before_recovery: bool,
    /// Run before sled opens the folder in this process. The binary supplies one that calls
    /// [`crate::check_sled_data`] in a child process, so that a panic or abort of sled becomes an error.
    pub verifier: Option<SledVerifier>,
    /// The folder is copied into a fresh one at open if it takes more than this many bytes on disk and more than five
    /// times its live bytes.
    pub compact_over: u64,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            create: true,
            mode: SledMode::Probe,
            copy_before_recovery: true,
            verifier: None,
            compact_over: 64 << 20,
        }
    }
}

impl fmt::Debug for SledOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledOptions")
            .field("cache_bytes", &self.cache_bytes)
            .field("create", &self.create)
            .field("mode", &self.mode)
            .field("copy_before_recovery", &self.copy_before_recovery)
            .field("verifier", &self.verifier.is_some())
            .field("compact_over", &self.compact_over)
            .finish()
    }
}
