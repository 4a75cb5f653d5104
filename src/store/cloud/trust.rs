//! Trusted certificates: the system's, or those of a bundle, which is taken, as AWS's own tools do, from
//! `AWS_CA_BUNDLE` and from `ca_bundle` in a profile.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use object_store::client::HttpClient;
use object_store::{Certificate, ClientOptions};

use super::redirect;

/// The user agent of all requests.
const USER_AGENT: &str = concat!("trailsift/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(300);

/// The certificates that replace the system's own; `None` if the system's are trusted.
#[derive(Debug, Clone, Default)]
pub(super) struct Trust {
    pem: Option<Vec<u8>>,
}

impl Trust {
    /// Reads the certificates of a bundle.
    pub(super) fn of(bundle: &Path) -> io::Result<Self> {
        let said = |words: String| {
            let bundle = bundle.display();
            io::Error::other(format!(
                "the CA bundle {bundle} (AWS_CA_BUNDLE, or ca_bundle in the profile) {words}"
            ))
        };
        let pem = fs::read(bundle).map_err(|error| said(format!("cannot be read: {error}")))?;
        let certificates = Certificate::from_pem_bundle(&pem);
        let certificates = certificates.map_err(|error| said(format!("is damaged: {error}")))?;
        match certificates.is_empty() {
            true => Err(said("holds no certificate in PEM".to_owned())),
            false => Ok(Self { pem: Some(pem) }),
        }
    }

    /// Returns the certificates as they were read.
    #[cfg(feature = "aws-config")]
    pub(super) fn pem(&self) -> Option<&[u8]> {
        self.pem.as_deref()
    }

    /// Returns the options for requests that `object_store` sends itself.
    pub(super) fn client_options(&self, retry_time: Duration) -> io::Result<ClientOptions> {
        let options = ClientOptions::new()
            .with_user_agent(object_store::HeaderValue::from_static(USER_AGENT))
            // For loopback and local networks. The addresses of the clouds themselves use https anyway.
            .with_allow_http(true)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_read_timeout(silence(retry_time))
            .with_timeout(TIMEOUT);
        let Some(pem) = &self.pem else {
            return Ok(options);
        };
        let certificates = Certificate::from_pem_bundle(pem).map_err(io::Error::other)?;
        let options = certificates
            .into_iter()
            .fold(options, ClientOptions::with_root_certificate);
        Ok(options.with_no_system_certificates(true))
    }

    /// Creates the client for requests to S3. It sends credentials to no other host.
    pub(super) fn client(&self, retry_time: Duration) -> io::Result<HttpClient> {
        let builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(silence(retry_time))
            .timeout(TIMEOUT)
            .http1_only()
            .redirect(reqwest::redirect::Policy::custom(redirect::follow));
        let builder = match &self.pem {
            Some(pem) => {
                let certificates = reqwest::Certificate::from_pem_bundle(pem);
                builder.tls_certs_only(certificates.map_err(io::Error::other)?)
            }
            None => builder,
        };
        let client = builder.build().map_err(io::Error::other)?;
        Ok(HttpClient::new(client))
    }
}

/// Makes TLS use the one crypto library that is compiled in, unless the process has chosen another.
pub(super) fn choose_crypto() {
    // An error means that one is already chosen.
    drop(rustls::crypto::ring::default_provider().install_default());
}

/// Returns how long a store may send nothing. A second request must still fit into the retry time.
fn silence(retry_time: Duration) -> Duration {
    (retry_time * 2 / 3).max(Duration::from_millis(500))
}
