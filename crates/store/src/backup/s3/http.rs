//! Requests to S3 over `ureq`, each on a blocking thread. Who answers over TLS is judged by the certificates that the machine trusts.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use http_body_util::BodyExt;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpResponseBody,
    HttpService,
};
use object_store::{ClientConfigKey, ClientOptions};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

/// No object is longer, nor a list.
const LONGEST: u64 = super::super::segment::LONGEST;

#[derive(Debug)]
pub(super) struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let in_clear =
            options.get_config_value(&ClientConfigKey::AllowHttp).is_some_and(|said| said == "true");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .timeout_per_write(Some(Duration::from_secs(60)))
            .build()
            .new_agent();
        Ok(HttpClient::new(Requests { agent, in_clear }))
    }
}

#[derive(Debug)]
struct Requests {
    agent: Agent,
    /// Plain HTTP will do. Whoever reads along learns nothing of the content, but who may write where, and could answer in the place's stead.
    in_clear: bool,
}

/// Nothing was sent.
#[derive(Debug, thiserror::Error)]
#[error(
    "it is named by http://, and nothing is sent in clear; name it by https://, or set s3_allow_http for a service on the same machine"
)]
struct InClear;

#[async_trait]
impl HttpService for Requests {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        if parts.uri.scheme_str() != Some("https") && !self.in_clear {
            return Err(HttpError::new(HttpErrorKind::Unknown, InClear));
        }
        let body = body.collect().await?.to_bytes();
        let agent = self.agent.clone();
        let asked = move || {
            let sent = agent.run(ureq::http::Request::from_parts(parts, body.to_vec()));
            let (parts, mut body) = sent.map_err(told)?.into_parts();
            let bytes = body.with_config().limit(LONGEST).read_to_vec().map_err(told)?;
            Ok(HttpResponse::from_parts(parts, HttpResponseBody::from(bytes)))
        };
        match tokio::task::spawn_blocking(asked).await {
            Ok(answer) => answer,
            Err(error) => Err(HttpError::new(HttpErrorKind::Unknown, error)),
        }
    }
}

/// Without the URL: the kind decides whether it is tried again.
fn told(error: ureq::Error) -> HttpError {
    let kind = match &error {
        ureq::Error::Timeout(_) => HttpErrorKind::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => HttpErrorKind::Connect,
        ureq::Error::Io(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    };
    HttpError::new(kind, error)
}
