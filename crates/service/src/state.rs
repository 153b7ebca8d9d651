//! What every handler has at hand, and the gate through which each call into the vault passes.

use std::sync::Arc;

use oubliette_store::{Subject, Vault, VaultError};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::{config::Config, problem::Problem, tokens::Tokens};

/// Exports at a time.
const EXPORTS: usize = 4;

/// Shared by all requests; cheap to clone.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) vault: Vault,
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) config: Config,
    /// Permits for large uploads.
    pub(crate) uploads: Semaphore,
    /// Permits for exports, each of which reads all of a person.
    pub(crate) exports: Arc<Semaphore>,
    /// Told once the vault refuses work for good, so that the server stops and the process can start afresh.
    pub(crate) poisoned: Arc<Notify>,
    workers: Semaphore,
    waiting: Semaphore,
}

impl std::ops::Deref for App {
    type Target = Shared;
    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(vault: Vault, tokens: Arc<Tokens>, config: Config) -> Self {
        Self(Arc::new(Shared {
            uploads: Semaphore::new(config.uploads),
            exports: Arc::new(Semaphore::new(EXPORTS)),
            workers: Semaphore::new(config.workers),
            waiting: Semaphore::new(config.queue),
            poisoned: Arc::default(),
            vault,
            tokens,
            config,
        }))
    }

    /// Runs one call about a person on a blocking thread.
    pub(crate) async fn with_subject<T: Send + 'static>(
        &self,
        user: String,
        call: impl FnOnce(Subject) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.run(move |vault| call(vault.subject(&user)?)).await
    }

    /// Runs one call on a blocking thread, when its turn comes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Problem> {
        let _turn = self.turn().await?;
        self.run_now(call).await
    }

    /// Runs one call on a blocking thread at once, for callers that hold a permit of their own.
    pub(crate) async fn run_now<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Vault) -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, Problem> {
        let vault = self.vault.clone();
        match tokio::task::spawn_blocking(move || call(&vault)).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if let VaultError::Poisoned { reason } = &error {
                    tracing::error!(reason, "the vault is poisoned; stopping");
                    self.poisoned.notify_one();
                }
                Err(error.into())
            }
            Err(_panicked) => Err(Problem::internal()),
        }
    }

    /// A worker's permit; waits in a queue of bounded length.
    pub(crate) async fn turn(&self) -> Result<SemaphorePermit<'_>, Problem> {
        if let Ok(permit) = self.workers.try_acquire() {
            return Ok(permit);
        }
        let _place = self.waiting.try_acquire().map_err(|_| Problem::overloaded())?;
        self.workers.acquire().await.map_err(|_| Problem::overloaded())
    }
}
