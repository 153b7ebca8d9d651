//! The real binary as a child process: a service to talk to, and commands.
//!
//! A suite of the root package includes this with `#[path = "../support/server.rs"] mod server;`. It is no part of
//! `support/mod.rs` since other packages cannot name the binary.
#![allow(dead_code, reason = "each suite uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a service that does not behave must stop the test"
)]

use oubliette_client::Client;
use serde_json::Value;
use std::{
    env,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

/// What a panic of the binary leaves on stderr.
const PANIC: &str = "internal error";
/// How long a start or a clean stop may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A service over a vault folder. Killed when dropped.
pub(crate) struct Server {
    child: Child,
    url: String,
    data: PathBuf,
    log: PathBuf,
}

/// How a process ended, and what it said.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn panicked(&self) -> bool {
        self.stderr.contains(PANIC) || self.stderr.contains("panicked at") || self.code.is_none()
    }
}

impl Server {
    /// Starts the debug binary.
    pub(crate) fn start(data: &Path) -> Self {
        Self::start_binary(&binary(), data)
    }

    pub(crate) fn start_binary(binary: &Path, data: &Path) -> Self {
        Self::try_start(binary, data, &[])
            .unwrap_or_else(|ended| panic!("the service did not start: {ended:?}"))
    }

    /// The same with its stderr in a file elsewhere.
    pub(crate) fn start_logging(data: &Path, log: &Path) -> Self {
        Self::try_start_logging(data, log)
            .unwrap_or_else(|ended| panic!("the service did not start: {ended:?}"))
    }

    pub(crate) fn try_start_logging(data: &Path, log: &Path) -> Result<Self, Ended> {
        Self::spawn(plain(&binary()), data, &[], log)
    }

    /// Starts it, or says how it ended.
    pub(crate) fn try_start(binary: &Path, data: &Path, arguments: &[&str]) -> Result<Self, Ended> {
        Self::try_start_by(plain(binary), data, arguments)
    }

    /// By a command that has its program and environment already.
    pub(crate) fn try_start_by(command: Command, data: &Path, arguments: &[&str]) -> Result<Self, Ended> {
        Self::spawn(command, data, arguments, &data.with_extension("log"))
    }

    fn spawn(mut command: Command, data: &Path, arguments: &[&str], log: &Path) -> Result<Self, Ended> {
        let log = log.to_owned();
        let mut child = command
            .args(["--json", "serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let mut announced = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        while serde_json::from_str::<Value>(&announced).is_err() {
            if stdout.read_line(&mut announced).unwrap() == 0 {
                let code = wait(&mut child).code();
                return Err(Ended { code, stdout: announced, stderr: read(&log) });
            }
        }
        let announced: Value = serde_json::from_str(&announced).unwrap();
        let url = announced["url"].as_str().unwrap().to_owned();
        Ok(Self { child, url, data: data.to_owned(), log })
    }

    /// With every scope.
    pub(crate) fn client(&self) -> Client {
        self.client_with(&token(&self.data))
    }

    pub(crate) fn client_with(&self, token: &str) -> Client {
        Client::new(&self.url, token).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything it wrote to stderr so far.
    pub(crate) fn log(&self) -> String {
        read(&self.log)
    }

    /// SIGTERM, then waits for a clean end.
    pub(crate) fn stop(mut self) -> Ended {
        let sent = Command::new("kill").arg(self.pid().to_string()).status().unwrap();
        assert!(sent.success(), "the service had ended before: {}", self.log());
        let code = wait(&mut self.child).code();
        Ended { code, stdout: String::new(), stderr: self.log() }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits for an end that it comes to by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let code = wait(&mut self.child).code();
        Ended { code, stdout: String::new(), stderr: self.log() }
    }

    /// SIGKILL: no handler runs, nothing is flushed by the process.
    pub(crate) fn kill(mut self) -> Ended {
        self.child.kill().unwrap();
        let code = self.child.wait().unwrap().code();
        Ended { code, stdout: String::new(), stderr: self.log() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The token that a first start makes.
pub(crate) fn token(data: &Path) -> String {
    fs::read_to_string(data.join("dev.token")).unwrap()
}

/// The binary that this test was built with.
pub(crate) fn binary() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_oubliette"))
}

/// Runs a command on a vault folder to its end.
pub(crate) fn run(data: &Path, arguments: &[&str]) -> Ended {
    let output =
        plain(&binary()).arg("--data").arg(data).args(arguments).stdin(Stdio::null()).output().unwrap();
    let [stdout, stderr] =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ended { code: output.status.code(), stdout, stderr }
}

/// Erases a person as an operator does; `true` if it was acknowledged.
pub(crate) fn erase(data: &Path, user: &str) -> bool {
    let ended = run(data, &["--json", "subject", "erase", user, "--yes"]);
    let acknowledged = ended.code == Some(0);
    if acknowledged {
        let record: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!(record["state"], "erased");
    }
    acknowledged
}

/// Without the settings of whoever runs the tests.
pub(crate) fn plain(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OUBLIETTE_")) {
        command.env_remove(name);
    }
    command
}

fn wait(child: &mut Child) -> ExitStatus {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("the process {} did not end in time", child.id());
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}
