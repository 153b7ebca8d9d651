//! What a vault is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use oubliette_keyring::{Steady, steady};

use crate::backup::BackupSettings;
use crate::policy::Policy;
use crate::quota::Quotas;
use crate::saves::KeepRules;

use crate::chats::ChatOptions;
use crate::deletion::DeletionOptions;

/// Time as a dependency, so that expiry is tested without sleeping.
pub trait Clock: Send + Sync {
    /// Microseconds since 1970.
    fn now_micros(&self) -> u64;
    /// A counter of seconds that nobody sets, by which this clock is judged before anything is deleted (docs/keyring.md, "Time"). What
    /// stands here is right for a clock that is moved by hand; one of the real world answers [`steady`].
    fn steady(&self) -> Steady {
        Steady { boot: 0, seconds: u32::try_from(self.now_micros() / 1_000_000).unwrap_or(u32::MAX) }
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn steady(&self) -> Steady {
        steady()
    }
}

/// Settings of a vault. The default suits most.
#[derive(Clone, Default)]
pub struct VaultOptions {
    /// Compress saves where that makes them smaller; default true. Lengths then tell a little about content.
    pub compress: Option<bool>,
    /// Most bytes in one save; default 256 MiB. More is [`VaultError::TooLarge`](crate::VaultError::TooLarge).
    pub max_save: Option<u64>,
    /// Most bytes of key pages kept in memory, locked where the system grants it; default 16 MiB.
    pub key_cache: Option<usize>,
    /// How many versions of saves are kept, and for how long, where a slot says nothing of its own; default all.
    pub keep: KeepRules,
    /// What a person may store, where nothing else was set for them; default without limits.
    pub quotas: Quotas,
    /// Where the time comes from; default the machine's clock.
    pub clock: Option<Arc<dyn Clock>>,
    /// How far the clock is believed when the machine was off meanwhile; default 1 hour. What goes beyond only delays what is deleted by time.
    pub clock_tolerance: Option<Duration>,
    /// What the platform promises about its content: how long it is kept, which consents it needs.
    pub policy: Policy,
    /// Where the vault stands, as the platform names its regions. Pinned when it is first said.
    pub region: Option<String>,
    /// Which copies of the key plane are made anew from the other one; default those whose folder is missing.
    pub remake_key_copies: RemakeCopies,
    /// Further files that hold a share of the root secret, each best on a disk of its own. When a vault is made: where to make
    /// them, beside `root.cell`. When it is opened: where they are now, if not where they were made.
    pub cells: Vec<PathBuf>,
    /// The folder of the audit log; default `ledger` in the vault's folder. A vault over stores of one's own
    /// ([`Vault::from_parts`](crate::Vault::from_parts)) keeps it in memory if none is named.
    pub audit: Option<PathBuf>,
    /// The folder of receipts and log for a vault over stores of one's own; default in memory. A vault in a folder keeps them in its `ledger`.
    pub ledger: Option<PathBuf>,
    /// Public keys of the witnesses whose signatures count, as `witness keygen` prints them (docs/receipts.md).
    pub witnesses: Vec<String>,
    /// The set-up of the escrow, if there is one; default `ledger/escrow.json` in the vault's folder. A vault over stores of one's own can
    /// have an escrow only if this says where its set-up stands.
    pub escrow: Option<PathBuf>,
    /// Settings of conversations.
    pub chat: ChatOptions,
    /// Settings of the deletion job.
    pub deletion: DeletionOptions,
    /// Where backups go.
    pub backup: BackupSettings,
    /// Settings of the row engine.
    pub engine: EngineOptions,
}

/// Which copies of the key plane an opening makes anew from the other one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RemakeCopies {
    /// None. For whoever is to give up what is lost: the copy that is away may hold it.
    Nothing,
    /// One whose folder is missing.
    #[default]
    Missing,
    /// Also one that does not open, which is set aside, although the disk that it lies on may only be unmounted.
    Broken,
}

/// The default of [`VaultOptions::max_save`].
pub const DEFAULT_MAX_SAVE: u64 = 256 << 20;

pub(crate) struct Settings {
    pub(crate) compress: bool,
    pub(crate) max_save: u64,
    pub(crate) keep: KeepRules,
    pub(crate) quotas: Quotas,
    pub(crate) chat: ChatOptions,
    pub(crate) deletion: DeletionOptions,
    pub(crate) backup: BackupSettings,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) clock_tolerance: Duration,
    pub(crate) policy: Policy,
    pub(crate) region: Option<String>,
    /// Rows are compacted when they take up more than so many times what is alive, and more than so many bytes.
    pub(crate) compact_above: u64,
    pub(crate) compact_over: u64,
}

/// The default of [`VaultOptions::clock_tolerance`].
const CLOCK_TOLERANCE: Duration = Duration::from_secs(3600);

impl VaultOptions {
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            compress: self.compress.unwrap_or(true),
            max_save: self.max_save.unwrap_or(DEFAULT_MAX_SAVE),
            keep: self.keep.clone(),
            quotas: self.quotas,
            chat: self.chat,
            deletion: self.deletion,
            backup: self.backup.clone(),
            clock: self.clock.clone().unwrap_or_else(|| Arc::new(SystemClock)),
            clock_tolerance: self.clock_tolerance.unwrap_or(CLOCK_TOLERANCE),
            policy: self.policy.clone(),
            region: self.region.clone(),
            compact_above: self.engine.compact_above.unwrap_or(COMPACT_ABOVE),
            compact_over: self.engine.sled.compact_over,
        }
    }
}

/// The default of [`EngineOptions::compact_above`].
const COMPACT_ABOVE: u64 = 5;

/// The keyring's clock, told by ours.
pub(crate) struct KeyringClock(pub(crate) Arc<dyn Clock>);

impl oubliette_keyring::Clock for KeyringClock {
    fn now_micros(&self) -> i64 {
        i64::try_from(self.0.now_micros()).unwrap_or(i64::MAX)
    }

    fn steady(&self) -> Steady {
        self.0.steady()
    }
}

/// Settings of the row engine and of the key plane's second copy.
#[derive(Clone, Default)]
pub struct EngineOptions {
    /// Protocol, cache and the verifier that runs before sled opens a folder.
    pub sled: oubliette_engine::SledOptions,
    /// While the vault is open, rows are compacted when they take up more than so many times the bytes that are alive; default 5.
    pub compact_above: Option<u64>,
}
