//! Backups in a bucket of any service that speaks S3, through `object_store`.
//!
//! The core is synchronous: the runtime that `object_store` wants stands in here and nowhere else. Requests go through `ureq` ([`http`]) and are signed
//! with the hashes that the vault has anyway ([`crypto`]).

mod crypto;
mod http;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{BackoffConfig, ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use tokio::runtime::{Builder, Runtime};
use zeroize::Zeroizing;

use super::store::{BackupStore, failed};
use crate::VaultError;

/// Writes at a time.
const AT_ONCE: usize = 4;

/// How an S3 place is reached. What is not said here is taken from the usual variables (`AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_ACCESS_KEY_ID`,
/// `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`).
#[derive(Clone, Default)]
pub struct S3Options {
    /// Where it answers, such as `https://s3.example.com`.
    pub endpoint: Option<String>,
    /// The region that requests are signed for; `us-east-1` if nobody says.
    pub region: Option<String>,
    /// Who asks.
    pub access_key: Option<String>,
    /// The secret of the access key.
    pub secret_key: Option<Zeroizing<String>>,
    /// Plain HTTP, for a service on the same machine.
    pub allow_http: bool,
}

/// Not the secret.
impl fmt::Debug for S3Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Options")
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// A prefix of a bucket.
pub(super) struct S3Store {
    bucket: AmazonS3,
    prefix: Path,
    name: String,
    runtime: Runtime,
}

impl S3Store {
    /// `location` is what stands after `s3://`.
    pub(super) fn open(location: &str, options: &S3Options) -> Result<Self, VaultError> {
        let (bucket, prefix) = location.split_once('/').unwrap_or((location, ""));
        if bucket.is_empty() {
            return Err(VaultError::invalid("to", "names no bucket; it is s3://bucket/prefix"));
        }
        let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| {
            VaultError::invalid("to", format!("has a prefix that no bucket takes: {error}"))
        })?;
        let name = format!("s3://{location}");
        let unusable = |error| failed(format!("{name} cannot be used: {error}"));
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_allow_http(options.allow_http)
            .with_crypto_provider(Arc::new(crypto::Hashes))
            .with_http_connector(http::Connector);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &options.region {
            builder = builder.with_region(region);
        }
        if let Some(key) = &options.access_key {
            builder = builder.with_access_key_id(key);
        }
        if let Some(secret) = &options.secret_key {
            builder = builder.with_secret_access_key(secret.as_str());
        }
        let impatient = builder.clone().with_retry(at_first()).build().map_err(unusable)?;
        let bucket = builder.with_retry(retries()).build().map_err(unusable)?;
        let runtime = Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| failed(format!("{name}: no runtime: {error}")))?;
        let store = Self { bucket, prefix, name, runtime };
        store.look(&impatient)?;
        Ok(store)
    }

    /// Sees that the place answers.
    fn look(&self, bucket: &AmazonS3) -> Result<(), VaultError> {
        let first = self.runtime.block_on(bucket.list(self.listed()).try_next());
        first.map(drop).map_err(self.told("looking at"))
    }

    /// What listing is asked for.
    fn listed(&self) -> Option<&Path> {
        (!self.prefix.as_ref().is_empty()).then_some(&self.prefix)
    }

    fn path(&self, name: &str) -> Path {
        self.prefix.clone().join(name)
    }

    fn told(&self, doing: &str) -> impl FnOnce(object_store::Error) -> VaultError {
        let (place, doing) = (self.name.clone(), doing.to_owned());
        move |error| {
            failed(format!(
                "{doing} {place} failed ({error}); see that the service answers and the credentials are right, then try again"
            ))
        }
    }
}

/// A service that fails for a minute does not end a backup of hours.
fn retries() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(200),
        max_backoff: Duration::from_secs(10),
        ..BackoffConfig::default()
    };
    RetryConfig { backoff, max_retries: 8, retry_timeout: Duration::from_secs(120) }
}

/// Whoever named a place that does not answer is told within seconds.
fn at_first() -> RetryConfig {
    RetryConfig { max_retries: 2, retry_timeout: Duration::from_secs(10), ..retries() }
}

impl BackupStore for S3Store {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let (path, payload) = (self.path(name), PutPayload::from(bytes.to_vec()));
        let put = self.runtime.block_on(self.bucket.put(&path, payload));
        put.map(drop).map_err(self.told("writing to"))
    }

    fn get(&self, name: &str, part: Option<Range<u64>>) -> Result<Option<Vec<u8>>, VaultError> {
        let path = self.path(name);
        let got = self.runtime.block_on(async {
            match part {
                // Nobody answers a request for no bytes.
                Some(part) if part.is_empty() => self.bucket.head(&path).await.map(|_| Vec::new()),
                Some(part) => self.bucket.get_range(&path, part).await.map(Vec::from),
                None => self.bucket.get(&path).await?.bytes().await.map(Vec::from),
            }
        });
        match got {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.told("reading from")(error)),
        }
    }

    fn list(&self) -> Result<Vec<String>, VaultError> {
        let listed = self.runtime.block_on(self.bucket.list(self.listed()).try_collect::<Vec<_>>());
        let listed = listed.map_err(self.told("listing"))?;
        let name = |path: &Path| path.filename().map(str::to_owned);
        // Not what lies deeper: that is another place's.
        let ours = |path: &Path| path.parts().count() == self.prefix.parts().count() + 1;
        Ok(listed.iter().map(|object| &object.location).filter(|path| ours(path)).filter_map(name).collect())
    }

    fn remove(&self, name: &str) -> Result<(), VaultError> {
        let path = self.path(name);
        match self.runtime.block_on(self.bucket.delete(&path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.told("removing from")(error)),
        }
    }

    fn at_once(&self) -> usize {
        AT_ONCE
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn a_place_that_does_not_answer_is_told_after_three_tries() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (tried, tries) = mpsc::channel();
        // It hangs up on everybody, until nobody counts any more.
        thread::spawn(move || listener.incoming().try_for_each(|_caller| tried.send(())));
        let options = S3Options {
            endpoint: Some(endpoint),
            region: Some("us-east-1".into()),
            access_key: Some("key".into()),
            secret_key: Some(String::from("secret").into()),
            allow_http: true,
        };
        let Err(error) = S3Store::open("bucket/prefix", &options) else { panic!("nobody answered") };
        let told = error.to_string();
        assert!(told.contains("looking at s3://bucket/prefix failed"), "{told}");
        assert!(told.contains("see that the service answers"), "{told}");
        assert_eq!(tries.try_iter().count(), 3);
    }
}
