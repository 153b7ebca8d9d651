//! Receipts and the log of deletions, as text that `oubliette receipt verify` and `oubliette log verify` check without the service.

use ureq::http::Method;

use crate::{
    error::ClientError,
    http::{Client, path, with_query},
};

/// None of these is longer.
const MAX_TEXT: u64 = 1 << 20;

impl Client {
    /// A receipt, a signed note.
    pub fn receipt(&self, id: &str) -> Result<String, ClientError> {
        self.text(&path(&["receipts", id]))
    }

    /// The newest checkpoint of the log.
    pub fn log_checkpoint(&self) -> Result<String, ClientError> {
        self.text(&path(&["log", "checkpoint"]))
    }

    /// That a receipt's deletion stands in the log as it is now.
    pub fn log_proof(&self, id: &str) -> Result<String, ClientError> {
        self.text(&path(&["log", "proof", id]))
    }

    /// That the log of now begins with what it was at a size.
    pub fn log_consistency(&self, from: u64) -> Result<String, ClientError> {
        self.text(&with_query(path(&["log", "consistency"]), &[("from", Some(from.to_string()))]))
    }

    /// Gives a checkpoint back that a witness signed; answers the newest one.
    pub fn put_cosigned(&self, checkpoint: &str) -> Result<String, ClientError> {
        let request = self.request(Method::POST, &path(&["log", "checkpoint"]));
        let request = request.header("Content-Type", "text/plain; charset=utf-8");
        read(self.send(request, checkpoint.as_bytes())?)
    }

    fn text(&self, path: &str) -> Result<String, ClientError> {
        read(self.send(self.request(Method::GET, path), ())?)
    }
}

fn read(response: ureq::http::Response<ureq::Body>) -> Result<String, ClientError> {
    let mut body = response.into_body();
    body.with_config()
        .limit(MAX_TEXT)
        .read_to_string()
        .map_err(|error| ClientError::Transport(error.to_string()))
}
