//! What every handler has at hand, and the gate through which each call into the vault passes.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use oubliette_store::{Once, Subject, Vault, VaultError};
use tokio::sync::{Notify, Semaphore, SemaphorePermit};

use crate::{
    audit::Strangers, backups::Jobs, config::Config, idempotency::UnderWay as SameKeys, metrics::Metrics,
    problem::Problem, tokens::Tokens,
};

tokio::task_local! {
    /// The request of this task, if it is to take effect once. Handlers need not know: every call into the vault passes here.
    pub(crate) static ONCE: Once;
}

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
    /// What becomes of refusals without a token in the audit log.
    pub(crate) strangers: Strangers,
    /// Requests with an `Idempotency-Key` that are being carried out.
    pub(crate) same_keys: SameKeys,
    /// What was answered so far.
    pub(crate) metrics: Metrics,
    /// Permits for exports, each of which reads all of a person.
    pub(crate) exports: Arc<Semaphore>,
    /// Told once the vault refuses work for good, so that the server stops and the process can start afresh.
    pub(crate) poisoned: Arc<Notify>,
    /// Backups that this service makes.
    pub(crate) backups: Jobs,
    workers: Semaphore,
    waiting: Semaphore,
    under_way: AtomicUsize,
}

/// A request that is being seen to its end.
pub(crate) struct UnderWay(App);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::SeqCst);
    }
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
            metrics: Metrics::default(),
            workers: Semaphore::new(config.workers),
            waiting: Semaphore::new(config.queue),
            poisoned: Arc::default(),
            strangers: Strangers::default(),
            same_keys: SameKeys::default(),
            backups: Jobs::default(),
            under_way: AtomicUsize::new(0),
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
        let once = ONCE.try_with(Once::clone).ok();
        let work = move || match once {
            Some(once) => once.carry_out(|| call(&vault)),
            None => call(&vault),
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                self.look_at(&error);
                Err(error.into())
            }
            Err(_panicked) => Err(Problem::internal()),
        }
    }

    /// Counts a request until it is dropped.
    pub(crate) fn see_to_its_end(&self) -> UnderWay {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(self.clone())
    }

    /// Requests that did not come to their end yet, whether anybody waits for their answers or not.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::SeqCst)
    }

    /// Stops the service if this error means that the vault refuses work from now on.
    pub(crate) fn look_at(&self, error: &VaultError) {
        if let VaultError::Poisoned { reason } | VaultError::AuditFailed { detail: reason } = error {
            tracing::error!(reason, "the vault is poisoned; stopping");
            self.poisoned.notify_one();
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
