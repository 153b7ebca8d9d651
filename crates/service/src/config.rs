//! What an operator may set about serving.

use std::time::Duration;

/// Limits and switches of the service; `Config::default()` suits one machine.
#[derive(Debug, Clone)]
pub struct Config {
    /// Most vault calls at once; each has a blocking thread.
    pub workers: usize,
    /// Most requests waiting for a worker; beyond it 503 `overloaded`.
    pub queue: usize,
    /// Most large saves being received at once; each holds a blocking thread as long as its client sends.
    pub uploads: usize,
    /// Most open connections; more wait in the system's backlog.
    pub connections: usize,
    /// Most bytes of one save.
    pub max_save: u64,
    /// A save is only written with `If-Match` or `If-None-Match` (otherwise 428).
    pub require_precondition: bool,
    /// How long a request's head may take to arrive.
    pub header_timeout: Duration,
    /// How long a body may stand still, in either direction.
    pub idle_timeout: Duration,
    /// How long requests in flight may take to end once a stop was asked for.
    pub drain_timeout: Duration,
    /// How often what erasures left behind is swept.
    pub sweep_every: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            workers: 128,
            queue: 1024,
            uploads: 64,
            connections: 4096,
            max_save: 256 << 20,
            require_precondition: false,
            header_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(20),
            sweep_every: Duration::from_secs(2),
        }
    }
}
