//! A vault service of the example's own, in a temporary folder, gone when it is dropped. A deployment starts
//! `oubliette serve` instead and gives its clients tokens made by `oubliette token create`.
#![allow(clippy::print_stderr, reason = "an example says why it stops")]

use std::{error::Error, fs, net::SocketAddr, sync::Arc, thread::JoinHandle};

use oubliette::{Vault, VaultOptions};
use oubliette_client::{Client, ReleaseKey};
use oubliette_service::{Config, Server, Tokens, admin, operator::Command, tokens::Scope};
use tokio::sync::oneshot;

/// A running service and a client of it.
pub(crate) struct Service {
    /// Speaks to it with every scope.
    pub(crate) client: Client,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
    url: String,
}

impl Service {
    /// Starts one on a free loopback port.
    pub(crate) fn start() -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().join("vault");
        let vault = Vault::create(&data, VaultOptions::default())?;
        let tokens = Arc::new(Tokens::open(&data));
        let token = tokens.ensure_dev_token()?.ok_or("a new folder has no tokens yet")?;
        let token = fs::read_to_string(token)?;

        let runtime = tokio::runtime::Runtime::new()?;
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = runtime.block_on(async {
            Server::bind(vault, tokens, Config::default(), loopback, false).await?.with_admin_socket(&data)
        })?;
        let address = server.address()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let stopped = async {
                let _ = stopped.await;
            };
            if let Err(error) = runtime.block_on(server.run(stopped)) {
                eprintln!("the service ended badly: {error}");
                std::process::exit(1);
            }
        });
        let url = format!("http://{address}");
        let client = Client::new(&url, token.trim())?;
        Ok(Self { client, stop: Some(stop), thread: Some(thread), folder, url })
    }

    /// A client with a token of its own, for these scopes, to whose key secrets may be released under the token's name. What
    /// `oubliette token create --release-key` does.
    #[allow(dead_code, reason = "each example uses a part")]
    pub(crate) fn client_with(
        &self,
        name: &str,
        scopes: &[Scope],
        key: &ReleaseKey,
    ) -> Result<Client, Box<dyn Error>> {
        let public = data_encoding::BASE64URL_NOPAD.encode(key.public().as_bytes());
        let key = format!("{name}={public}").parse()?;
        let tokens = Tokens::open(&self.folder.path().join("vault"));
        let (token, _) = tokens.create_with_keys(name, scopes, None, vec![key])?;
        Ok(Client::new(&self.url, token.reveal())?)
    }

    /// Erases a person. What `oubliette subject erase` does beside a running service.
    #[allow(dead_code, reason = "each example uses a part")]
    pub(crate) fn erase(&self, user: &str) -> Result<(), Box<dyn Error>> {
        let command = Command::SubjectErase { user: user.to_owned() };
        admin::call(&self.folder.path().join("vault"), &command, &mut |_, _| {})?;
        Ok(())
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
