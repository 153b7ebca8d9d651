//! `admin.sock`: while a service holds a vault folder, operator commands reach the vault through this socket.
//!
//! One JSON line with a [`Command`] in; JSON lines with [`Line`]s out, the last an answer or a failure. Who may connect
//! is decided by the file system: the socket is 0600 in a 0700 folder.

use std::{
    fs::{self, File, Permissions},
    io::{self, BufRead, BufReader, Write},
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, net::UnixStream as BlockingStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader as AsyncBufReader},
    net::{UnixListener, UnixStream},
    sync::mpsc,
};

use crate::{
    operator::{self, Answer, Command, Failure},
    state::App,
};

const NAME: &str = "admin.sock";
/// Longest command line: user ids are short, cards of an escrow's holders are not.
const MAX_LINE: u64 = 1 << 20;

/// A line of the answer.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Line {
    /// What is being done and how far it came.
    Progress(String, u64),
    /// The end: it worked.
    Answer(Box<Answer>),
    /// The end: it did not.
    Failure(Failure),
}

/// Why a command could not be sent to the service that holds the folder.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// Nobody answers at the socket.
    #[error(
        "another process holds the vault but does not answer at {path} ({source}); stop it, then try again"
    )]
    Unreachable {
        /// The socket.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The service went away or speaks another version.
    #[error("the service broke off before it answered ({0}); look at `oubliette status`, then try again")]
    BrokenOff(io::Error),
    /// The service refused or failed.
    #[error(transparent)]
    Failed(Failure),
}

/// Sends a command to the service that holds `folder` and waits for its end.
pub fn call(
    folder: &Path,
    command: &Command,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Answer, AdminError> {
    let unreachable = |source| AdminError::Unreachable { path: folder.join(NAME), source };
    let address = Address::of(folder).map_err(unreachable)?;
    let mut stream = BlockingStream::connect(&address.path).map_err(unreachable)?;
    let mut line = serde_json::to_vec(command).map_err(|error| AdminError::BrokenOff(error.into()))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(AdminError::BrokenOff)?;
    for line in BufReader::new(stream).lines() {
        let line = line.map_err(AdminError::BrokenOff)?;
        match serde_json::from_str(&line).map_err(|error| AdminError::BrokenOff(error.into()))? {
            Line::Progress(what, done) => progress(&what, done),
            Line::Answer(answer) => return Ok(*answer),
            Line::Failure(failure) => return Err(AdminError::Failed(failure)),
        }
    }
    Err(AdminError::BrokenOff(io::ErrorKind::UnexpectedEof.into()))
}

/// The listening end; the socket file goes away with it.
#[derive(Debug)]
pub(crate) struct AdminSocket {
    listener: UnixListener,
    path: PathBuf,
}

impl AdminSocket {
    /// Listens in a folder whose vault this process holds: a socket left there by an earlier one is nobody's.
    pub(crate) fn bind(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let address = Address::of(folder)?;
        let listener = UnixListener::bind(&address.path)?;
        fs::set_permissions(&path, Permissions::from_mode(0o600))?;
        Ok(Self { listener, path })
    }

    /// Answers until dropped.
    pub(crate) async fn serve(self, app: App) {
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(converse(stream, app.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "admin.sock: accept failed");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

impl Drop for AdminSocket {
    fn drop(&mut self) {
        // Best effort: a socket that stays is replaced at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

async fn converse(stream: UnixStream, app: App) {
    let (from, mut to) = stream.into_split();
    let mut line = String::new();
    let mut from = AsyncBufReader::new(from.take(MAX_LINE));
    let read = tokio::time::timeout(app.config.header_timeout, from.read_line(&mut line)).await;
    if !matches!(read, Ok(Ok(n)) if n > 0) {
        return;
    }
    let (lines, mut written) = mpsc::channel(16);
    let work = tokio::task::spawn_blocking(move || answer(&app, &line, &lines));
    while let Some(line) = written.recv().await {
        let Ok(mut text) = serde_json::to_vec(&line) else { return };
        text.push(b'\n');
        if to.write_all(&text).await.is_err() {
            // The operator went away; the command itself goes on to its end.
            return;
        }
    }
    let _ = work.await;
}

fn answer(app: &App, line: &str, lines: &mpsc::Sender<Line>) {
    let command = match serde_json::from_str::<Command>(line) {
        Ok(command) => command,
        Err(_) => {
            let detail = "the service does not know this command; use the same version of `oubliette`";
            let failure = Failure { code: "invalid".to_owned(), detail: detail.to_owned() };
            let _ = lines.blocking_send(Line::Failure(failure));
            return;
        }
    };
    let mut progress = |what: &str, done: u64| {
        // Progress that nobody takes in time is skipped.
        let _ = lines.try_send(Line::Progress(what.to_owned(), done));
    };
    let (last, refuses) = match operator::run(&app.vault, &command, &mut progress) {
        Ok(answer) => (Line::Answer(Box::new(answer)), false),
        // Of an open vault: it refuses all work since a failed write.
        Err(failure) => (
            Line::Failure(failure.clone()),
            matches!(failure.code.as_str(), "unavailable" | "audit_unavailable"),
        ),
    };
    let _ = lines.blocking_send(last);
    if refuses {
        tracing::error!("the vault is poisoned; stopping");
        app.poisoned.notify_one();
    }
}

/// Where the socket is reached. Its address has room for some hundred bytes only, so a deep folder is reached through
/// an open handle.
struct Address {
    path: PathBuf,
    _folder: Option<File>,
}

impl Address {
    fn of(folder: &Path) -> io::Result<Self> {
        let path = folder.join(NAME);
        if path.as_os_str().len() < 100 {
            return Ok(Self { path, _folder: None });
        }
        let handle = File::open(folder)?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{NAME}", handle.as_raw_fd()));
        Ok(Self { path, _folder: Some(handle) })
    }
}
