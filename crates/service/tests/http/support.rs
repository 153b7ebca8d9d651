//! A service for one test, and requests below the client's level.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use oubliette_client::{Client, ClientError};
use oubliette_service::{
    Config, ServeError, Server, Tokens,
    admin::{self, AdminError},
    operator::{Answer, Command},
};
use oubliette_store::{Vault, VaultOptions};
use serde_json::Value;
use tokio::sync::oneshot;

pub(crate) struct Service {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) token: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), ServeError>>>,
}

impl Service {
    pub(crate) fn start() -> Self {
        Self::with(Config::default())
    }

    pub(crate) fn with(config: Config) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::create(&folder.path().join("vault"), VaultOptions::default()).unwrap();
        Self::over(folder, vault, config)
    }

    pub(crate) fn over(folder: tempfile::TempDir, vault: Vault, config: Config) -> Self {
        let data = folder.path().join("vault");
        let tokens = Arc::new(Tokens::open(&data));
        tokens.ensure_dev_token().unwrap();
        let token = std::fs::read_to_string(data.join("dev.token")).unwrap().trim().to_owned();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let server = Server::bind(vault, tokens, config, "127.0.0.1:0".parse().unwrap(), false)
                    .await?
                    .with_admin_socket(&data)?;
                tell.send(server.address().unwrap()).unwrap();
                server
                    .run(async {
                        let _ = stopped.await;
                    })
                    .await
            })
        });
        let address = told.recv().unwrap();
        Self { folder, address, token, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("vault")
    }

    pub(crate) fn client(&self) -> Client {
        self.client_with(&self.token)
    }

    pub(crate) fn client_with(&self, token: &str) -> Client {
        Client::new(&format!("http://{}", self.address), token).unwrap()
    }

    /// A client, and people who exist.
    pub(crate) fn with_people(&self, people: &[&str]) -> Client {
        let client = self.client();
        for user in people {
            client.put_subject(user, &Default::default(), false).unwrap();
        }
        client
    }

    pub(crate) fn erase(&self, user: &str) -> Result<Answer, AdminError> {
        operate(&self.data(), &Command::SubjectErase { user: user.to_owned() })
    }

    /// A request of our own making, with the token.
    pub(crate) fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Raw {
        let token = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", token.as_str())];
        all.extend(headers);
        self.bare(method, path, &all, body)
    }

    /// A request of our own making, without the token.
    pub(crate) fn bare(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Raw {
        let mut stream = self.connect();
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        // The service may refuse and close before it took the body.
        let _ = stream.write_all(body);
        Raw::read(stream, method == "HEAD")
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream
    }

    /// Stops the service as a signal does; tells how it ended.
    pub(crate) fn stop(mut self) -> (tempfile::TempDir, Result<(), ServeError>) {
        let ended = self.end();
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        (folder, ended.unwrap())
    }

    fn end(&mut self) -> Option<Result<(), ServeError>> {
        drop(self.stop.take());
        self.thread.take().map(|thread| thread.join().unwrap())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let ended = self.end();
        if !std::thread::panicking() {
            assert!(matches!(ended, None | Some(Ok(()))), "{ended:?}");
        }
    }
}

pub(crate) fn operate(data: &Path, command: &Command) -> Result<Answer, AdminError> {
    admin::call(data, command, &mut |_, _| {})
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Whether as many bytes came as were announced.
    pub(crate) whole: bool,
}

impl Raw {
    pub(crate) fn read(stream: TcpStream, head: bool) -> Self {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let status =
            line.split(' ').nth(1).unwrap_or_else(|| panic!("no status line: {line:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            line.clear();
            stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut raw = Self { status, headers, body: Vec::new(), whole: true };
        let announced = raw.header("content-length").and_then(|length| length.parse().ok());
        if !head {
            let read = stream.read_to_end(&mut raw.body);
            raw.whole = read.is_ok() && announced.is_none_or(|length: usize| length == raw.body.len());
        }
        raw
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Asserts that this is a whole problem document with this status and code.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let problem = self.json();
        assert_eq!((self.status, problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(problem["status"], status, "{problem}");
        assert_eq!(problem["request_id"].as_str(), self.header("x-request-id"), "{problem}");
        for field in ["title", "detail", "request_id"] {
            assert!(problem[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {problem}");
        }
        problem
    }
}

/// Asserts that the service refused with this status and code.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, ClientError>, status: u16, code: &str) {
    match answer {
        Err(ClientError::Problem(problem)) => {
            assert_eq!((problem.status, problem.code.as_str()), (status, code), "{problem}");
        }
        other => panic!("expected {code}, got {other:?}"),
    }
}

/// Bytes that look random, the same for the same seed.
pub(crate) fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        })
        .collect()
}
