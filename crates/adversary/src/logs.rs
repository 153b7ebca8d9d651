//! What the vault says about itself while it works. A log is storage that does not forget.

use std::io::{self, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use tracing_subscriber::filter::LevelFilter;

/// Everything that was logged in this process, at every level.
pub struct Logs(Mutex<Vec<u8>>);

static LOGS: Logs = Logs(Mutex::new(Vec::new()));

impl Logs {
    /// Listens from the first call on. A process has one listener: all vaults in it speak to the same.
    ///
    /// # Errors
    /// If somebody else in this process listens instead.
    pub fn listen() -> io::Result<&'static Self> {
        static LISTENING: OnceLock<bool> = OnceLock::new();
        let listening = LISTENING.get_or_init(|| {
            let subscriber = tracing_subscriber::fmt().with_max_level(LevelFilter::TRACE).with_ansi(false);
            tracing::subscriber::set_global_default(subscriber.with_writer(|| Listener).finish()).is_ok()
        });
        if *listening { Ok(&LOGS) } else { Err(io::Error::other("somebody else takes the log")) }
    }

    /// What was said so far.
    pub fn said(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Listener;

impl Write for Listener {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGS.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
