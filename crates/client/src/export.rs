//! A person's own copy.

use std::io::{Read, Write};

use ureq::http::Method;
use zeroize::Zeroizing;

use crate::{
    error::ClientError,
    http::{Client, path, with_query},
};

/// How an export is made.
#[derive(Debug, Clone, Default)]
pub struct ExportAsked {
    /// Language of the README (`en`, `zh`); both if `None`.
    pub language: Option<String>,
    /// Where it is taken to; the vault's own region if `None`.
    pub region: Option<String>,
}

impl Client {
    /// Writes everything the vault holds of the person as a ZIP, as it comes; answers its bytes. What was written before an error is no whole
    /// archive: throw it away.
    pub fn export(&self, user: &str, asked: &ExportAsked, to: &mut dyn Write) -> Result<u64, ClientError> {
        let query = [("lang", asked.language.clone()), ("region", asked.region.clone())];
        let path = with_query(path(&["subjects", user, "export"]), &query);
        let body = self.send(self.request(Method::GET, &path), ())?.into_body();
        let mut body = body.into_with_config().limit(u64::MAX).reader();
        let mut buffer = Zeroizing::new(vec![0; 64 << 10]);
        let mut written = 0;
        loop {
            let read = body.read(&mut buffer).map_err(|error| ClientError::Transport(error.to_string()))?;
            let Some(bytes) = buffer.get(..read).filter(|bytes| !bytes.is_empty()) else {
                return Ok(written);
            };
            to.write_all(bytes).map_err(ClientError::Content)?;
            written += read as u64;
        }
    }
}
