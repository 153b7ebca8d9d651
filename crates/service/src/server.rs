//! Listening, connections, the background sweeper, and the way down.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use oubliette_store::{Vault, VaultError};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
};

use crate::{admin::AdminSocket, audit, config::Config, routes, state::App, tokens::Tokens};

/// The service's routes over a vault, for a server of one's own.
pub fn router(vault: Vault, tokens: Arc<Tokens>, config: Config) -> Router {
    routes::router(App::new(vault, tokens, config))
}

/// Refuses an address beyond loopback unless plaintext there is asked for. For callers that want to know before they
/// open a vault; [`Server::bind`] asks again.
pub fn check_address(address: SocketAddr, insecure_plaintext: bool) -> Result<(), ServeError> {
    if address.ip().is_loopback() || insecure_plaintext {
        Ok(())
    } else {
        Err(ServeError::PlaintextBeyondLoopback(address))
    }
}

/// Why a service did not start or came to an end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// Bearer tokens would cross a network in the clear.
    #[error(
        "{0} is not a loopback address and there is no TLS: tokens and content would travel in the clear; \
         listen on 127.0.0.1 behind a TLS proxy, or say --insecure-plaintext"
    )]
    PlaintextBeyondLoopback(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; stop what uses it, or choose another with --listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The operator's socket cannot be made.
    #[error("cannot make admin.sock in {folder}: {source}; check the folder's permissions")]
    AdminSocket {
        /// The vault folder.
        folder: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A failed write made the vault refuse work; a restart reads it afresh.
    #[error("the vault refuses work since a failed write; start the service again to re-read it")]
    Poisoned,
    /// The vault did not stop cleanly; nothing acknowledged is lost.
    #[error("the vault did not close cleanly: {0}")]
    Close(VaultError),
}

/// A service that listens.
pub struct Server {
    listener: TcpListener,
    app: App,
    admin: Option<AdminSocket>,
}

impl Server {
    /// Listens on `address`; one beyond loopback is refused unless `insecure_plaintext`.
    pub async fn bind(
        vault: Vault,
        tokens: Arc<Tokens>,
        config: Config,
        address: SocketAddr,
        insecure_plaintext: bool,
    ) -> Result<Self, ServeError> {
        check_address(address, insecure_plaintext)?;
        let listener =
            TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
        Ok(Self { listener, app: App::new(vault, tokens, config), admin: None })
    }

    /// Also answers operator commands at `admin.sock` in the vault's folder.
    pub fn with_admin_socket(mut self, folder: &Path) -> Result<Self, ServeError> {
        let socket = AdminSocket::bind(folder)
            .map_err(|source| ServeError::AdminSocket { folder: folder.to_owned(), source })?;
        self.admin = Some(socket);
        Ok(self)
    }

    /// Where it listens; tells the port that the system chose for port 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` resolves or the vault fails, lets requests in flight end, and closes the vault.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), ServeError> {
        let Self { listener, app, admin } = self;
        let sweeper = tokio::spawn(sweep(app.clone()));
        let escrow = tokio::spawn(escrow(app.clone()));
        let admin = admin.map(|socket| tokio::spawn(socket.serve(app.clone())));
        let (stopping, told) = watch::channel(false);
        let mut connections = JoinSet::new();
        let poisoned = {
            tokio::select! {
                () = stop => false,
                () = app.poisoned.notified() => true,
                () = accept(&listener, &app, &told, &mut connections) => false,
            }
        };
        drop(listener);
        tracing::info!(connections = connections.len(), "stopping");
        let _ = stopping.send(true);
        let drained = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(app.config.drain_timeout, drained).await.is_err() {
            tracing::warn!("connections that did not end in time are cut");
        }
        connections.shutdown().await;
        sweeper.abort();
        escrow.abort();
        if let Some(admin) = admin {
            admin.abort();
            // The socket file goes with the task.
            let _ = admin.await;
        }
        // Requests whose connections were cut end by themselves; what is recorded after the vault is closed shows as not recorded.
        let settled = async {
            while app.under_way() > 0 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _cut = tokio::time::timeout(app.config.drain_timeout, settled).await;
        audit::flush_strangers(&app).await;
        let vault = app.vault.clone();
        let closed = tokio::task::spawn_blocking(move || vault.close()).await;
        // A vault that failed beside the signal to stop, or after it, did not stop well either.
        let poisoned = poisoned
            || tokio::select! {
                biased;
                () = app.poisoned.notified() => true,
                () = std::future::ready(()) => false,
            };
        match (poisoned, closed) {
            (true, _) => Err(ServeError::Poisoned),
            (false, Ok(Err(error))) => Err(ServeError::Close(error)),
            (false, _) => Ok(()),
        }
    }
}

/// Takes connections for ever; at most `connections` at once.
async fn accept(
    listener: &TcpListener,
    app: &App,
    told: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let router = routes::router(app.clone());
    let room = Arc::new(Semaphore::new(app.config.connections));
    loop {
        let Ok(place) = room.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file handles, most likely: wait for some to come back.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        let (router, told, header_timeout) = (router.clone(), told.clone(), app.config.header_timeout);
        connections.spawn(async move {
            let _place = place;
            connection(stream, router, told, header_timeout).await;
        });
    }
}

async fn connection(
    stream: TcpStream,
    router: Router,
    mut told: watch::Receiver<bool>,
    header_timeout: Duration,
) {
    // Answers are written whole; waiting for more to fill a packet only delays them.
    let _ = stream.set_nodelay(true);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_timeout)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // A connection's own errors (resets, timeouts, bad heads) concern nobody else.
        _ = serving.as_mut() => return,
        _ = told.wait_for(|stop| *stop) => serving.as_mut().graceful_shutdown(),
    }
    let _ = serving.await;
}

/// Carries out the deletions that are due, and removes what erasures leave behind, in small steps.
async fn sweep(app: App) {
    const STEP: usize = 512;
    loop {
        match app.run_now(Vault::delete_due).await {
            Ok(run) if run.erased + run.left > 0 => {
                tracing::info!(erased = run.erased, left = run.left, "deletions that were due");
            }
            Ok(_) => {}
            Err(problem) => tracing::warn!(code = problem.code, "deletions failed; tried again later"),
        }
        match app.run_now(|vault| vault.sweep_rows(STEP)).await {
            Ok(report) if report.left > 0 => continue,
            Ok(_) => {}
            Err(problem) => tracing::warn!(code = problem.code, "sweeping failed; tried again later"),
        }
        tokio::time::sleep(app.config.sweep_every).await;
    }
}

/// Keeps the escrow up to date, apart from the sweeper: its disk may hang.
async fn escrow(app: App) {
    loop {
        let kept = app.run_now(|vault| {
            vault.escrow().keep_up();
            Ok(())
        });
        let _always_well = kept.await;
        tokio::time::sleep(app.config.sweep_every).await;
    }
}
