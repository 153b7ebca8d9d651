//! Giving the room of dead rows back to the disk, while the vault is in use (docs/sled.md, "Compaction").
//!
//! The sweeper sees when it would pay; a thread of its own does it, so that the sweeper goes on. At most one at a time and one an hour.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use oubliette_engine::Engine;

use crate::VaultError;
use crate::locks::lock;
use crate::vault::Inner;

/// Not sooner again, in microseconds: what did not help or failed is not tried all the time.
const PAUSE: u64 = 3600 * 1_000_000;

/// The compaction of a vault's rows.
#[derive(Default)]
pub(crate) struct Compaction {
    shared: Arc<Shared>,
    work: Mutex<Work>,
}

#[derive(Default)]
struct Work {
    thread: Option<JoinHandle<()>>,
    /// When the last one began, in microseconds since 1970.
    last: Option<u64>,
}

#[derive(Default)]
struct Shared {
    under_way: AtomicBool,
    stop: AtomicBool,
    copied: AtomicU64,
    all: AtomicU64,
}

impl Inner {
    /// Begins a compaction if the rows take up too many times the room of what is alive, and none was begun lately.
    pub(crate) fn compact_if_bloated(&self) -> Result<(), VaultError> {
        let sizes = self.engine.sizes()?;
        let bound = sizes.live_bytes.saturating_mul(self.settings.compact_above);
        if sizes.disk_bytes <= self.settings.compact_over || sizes.disk_bytes <= bound {
            return Ok(());
        }
        let mut work = lock(&self.compaction.work);
        let now = self.now();
        if self.compaction.shared.under_way.load(Ordering::SeqCst)
            || work.last.is_some_and(|last| now < last.saturating_add(PAUSE))
        {
            return Ok(());
        }
        work.last = Some(now);
        let (engine, shared) = (Arc::clone(&self.engine), Arc::clone(&self.compaction.shared));
        shared.under_way.store(true, Ordering::SeqCst);
        let begun = thread::Builder::new().name("compaction".to_owned()).spawn(move || {
            run(&*engine, &shared);
            shared.under_way.store(false, Ordering::SeqCst);
        });
        match begun {
            Ok(thread) => work.thread = Some(thread),
            Err(error) => {
                self.compaction.shared.under_way.store(false, Ordering::SeqCst);
                tracing::warn!(%error, "no thread for a compaction");
            }
        }
        Ok(())
    }
}

fn run(engine: &dyn Engine, shared: &Shared) {
    let done = engine.compact_live(&mut |copied, all| {
        shared.copied.store(copied, Ordering::Relaxed);
        shared.all.store(all, Ordering::Relaxed);
        !shared.stop.load(Ordering::SeqCst)
    });
    match done {
        Ok(true) => tracing::info!("the rows were compacted"),
        Ok(false) => tracing::info!("the rows were not compacted: no room beside them, or no time"),
        Err(error) => tracing::warn!(%error, "the rows could not be compacted; they are as they were"),
    }
}

impl Compaction {
    /// Rows copied so far and rows in all, while one is under way.
    pub(crate) fn progress(&self) -> Option<(u64, u64)> {
        let Shared { under_way, copied, all, .. } = &*self.shared;
        let at = || (copied.load(Ordering::Relaxed), all.load(Ordering::Relaxed));
        under_way.load(Ordering::SeqCst).then(at)
    }

    /// Waits until the one under way is over.
    pub(crate) fn wait(&self) {
        let thread = lock(&self.work).thread.take();
        if let Some(Err(_panicked)) = thread.map(JoinHandle::join) {
            tracing::error!("a compaction ended ill");
        }
    }

    /// Has the one under way end early, which leaves everything as it was.
    pub(crate) fn stop(&self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        self.wait();
    }
}

/// The thread holds the engine, whose files somebody may want to open next.
impl Drop for Compaction {
    fn drop(&mut self) {
        self.stop();
    }
}

#[cfg(test)]
mod tests {
    use oubliette_engine::{SledMode, SledOptions};

    use crate::{EngineOptions, Page, PutOptions, SubjectFacts, Vault, VaultOptions};

    fn options(above: u64) -> VaultOptions {
        let sled = SledOptions {
            mode: SledMode::Exclusive,
            cache_bytes: 8 << 20,
            compact_over: 0,
            ..SledOptions::default()
        };
        VaultOptions { engine: EngineOptions { sled, compact_above: Some(above) }, ..VaultOptions::default() }
    }

    #[test]
    fn the_sweeper_compacts_what_is_bloated_once_an_hour_and_nothing_is_lost() {
        let folder = tempfile::tempdir().unwrap();
        // The one folder of sled's; opening compacts, too, where everything counts as bloated.
        let data = || {
            let names = std::fs::read_dir(folder.path().join("rows")).unwrap();
            let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let found = names.by_ref().find(|name| name.starts_with("data-")).unwrap();
            assert!(!names.any(|name| name.starts_with("data-")));
            found
        };
        let store = |vault: &Vault, slot: &str| {
            let saves = vault.subject("ann").unwrap().saves();
            saves.put("doom", slot, &PutOptions::default(), &mut slot.as_bytes()).unwrap();
        };
        let vault = Vault::create(folder.path(), options(0)).unwrap();
        vault.put_subject("ann", &SubjectFacts::default(), false).unwrap();
        store(&vault, "before");
        let before = data();
        vault.sweep(100).unwrap();
        vault.inner.compaction.wait();
        let after = data();
        assert!(after > before, "{before}, {after}");
        store(&vault, "after");
        // Too early.
        vault.sweep(100).unwrap();
        vault.inner.compaction.wait();
        assert_eq!(data(), after);
        assert_eq!(vault.status().unwrap().compaction, None);
        assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
        vault.close().unwrap();
        drop(vault);
        // Ended by the close, or done before it: either way the vault opens at once.
        let vault = Vault::open(folder.path(), options(0)).unwrap();
        vault.sweep(100).unwrap();
        drop(vault);
        let vault = Vault::open(folder.path(), options(u64::MAX)).unwrap();
        assert_eq!(
            vault.subject("ann").unwrap().saves().list(None, &Page::default()).unwrap().items.len(),
            2
        );
        vault.sweep(100).unwrap();
        assert_eq!(vault.inner.compaction.progress(), None);
        assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
        vault.close().unwrap();
    }
}
