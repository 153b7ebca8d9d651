//! sled's flush, kept from waiting for ever.
//!
//! It waits until sled's I/O threads have written what is pending. Where the write of a buffer fails that a batch had still held open when
//! it was full, sled 0.34.7 notes the failure and wakes nobody (`Log::exit_reservation`), so whoever waits already waits for ever; and a
//! process that has lost a write has to end. Any later flush meets the note first and wakes all who wait.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, Scope};
use std::time::Duration;

/// How long a flush may take before another one is sent after it. The next is sent after twice that, and so on: an earlier one may have
/// fallen asleep before the failure was noted, and a disk that is merely slow should not meet many.
const FIRST: Duration = Duration::from_secs(1);
const STACK: usize = 256 << 10;

/// As `sled::Db::flush`; a failure of sled's I/O threads ends it too.
pub(super) fn flush(db: &sled::Db) -> sled::Result<()> {
    thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        spawn(scope, move || send_others_after(scope, db, &ended))?;
        let flushed = db.flush();
        drop(done);
        flushed.map(drop)
    })
}

fn send_others_after<'scope>(scope: &'scope Scope<'scope, '_>, db: &'scope sled::Db, ended: &Receiver<()>) {
    let mut patience = FIRST;
    while ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
        // Its answer is that of the flush which waits. Without a thread for it the next one may do.
        let _ = spawn(scope, || drop(db.flush()));
        patience *= 2;
    }
}

fn spawn<'scope>(scope: &'scope Scope<'scope, '_>, work: impl FnOnce() + Send + 'scope) -> sled::Result<()> {
    let spawned =
        thread::Builder::new().name("sled-flush".into()).stack_size(STACK).spawn_scoped(scope, work);
    spawned.map(drop).map_err(sled::Error::Io)
}
