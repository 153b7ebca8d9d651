//! A thread that syncs sled's log beside other work.
//!
//! In filtered mode sled has already synced every write when its `flush` returns. Our own sync of the log is a second opinion
//! and need not stand in the way: it runs while the caller writes its anchor.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::EngineError;

pub(super) struct Syncer {
    ask: Sender<()>,
    answers: Mutex<Receiver<io::Result<()>>>,
    path: PathBuf,
}

impl Syncer {
    pub(super) fn new(log: &File, path: &Path) -> Result<Self, EngineError> {
        let log = log.try_clone().map_err(EngineError::io("open", path))?;
        let (ask, asked) = channel();
        let (answer, answers) = channel();
        thread::Builder::new()
            .name("rows-sync".into())
            .spawn(move || asked.iter().try_for_each(|()| answer.send(log.sync_data())))
            .map_err(EngineError::io("start a thread for", path))?;
        Ok(Self { ask, answers: Mutex::new(answers), path: path.to_owned() })
    }

    /// Syncs the log and does `work` at the same time; `Ok` when both are done.
    pub(super) fn sync_beside(
        &self,
        work: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let answers = self.answers.lock().map_err(|_| self.gone())?;
        self.ask.send(()).map_err(|_| self.gone())?;
        let worked = work();
        let synced = answers.recv().map_err(|_| self.gone())?;
        synced.map_err(EngineError::io("sync", &self.path))?;
        worked
    }

    fn gone(&self) -> EngineError {
        EngineError::Poisoned { reason: "the thread that syncs the log ended".into() }
    }
}
