//! AWS credentials from all usual sources: the environment, `AWS_PROFILE` with its files, SSO, assumed roles,
//! processes, web identities, containers and instances, all through AWS's own crate.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::meta::region::ProvideRegion as _;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, ConfigLoader, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, ConnectorBuilder};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_types::service_config::ServiceConfigKey;
use object_store::CredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use tokio::sync::RwLock;

use super::explain::NO_CREDENTIALS;
use super::trust::Trust;

/// Time before their expiry at which credentials are renewed.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// Settings from the environment and the files.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) provider: AwsCredentialProvider,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
    pub(super) trust: Trust,
}

/// Finds the settings, if a profile is named, of this profile. No network request is sent before credentials are needed.
pub(super) async fn find(profile: Option<&str>) -> io::Result<Found> {
    let mut config = loader(profile, client(None)?).await.load().await;
    let trust = match ca_bundle(&config) {
        Some(bundle) => Trust::of(&bundle)?,
        None => Trust::default(),
    };
    if let Some(pem) = trust.pem() {
        // AWS's crate does not use the bundle by itself.
        let loader = loader(profile, client(Some(pem))?).await;
        let region = config.region().cloned();
        config = loader.region(region).load().await;
    }
    Ok(Found {
        provider: Arc::new(Chain {
            provider: config.credentials_provider(),
            kept: RwLock::new(None),
        }),
        region: config.region().map(|region| region.as_ref().to_owned()),
        endpoint: endpoint(&config),
        trust,
    })
}

/// Returns what loads the settings. Credentials of a profile that is named win over those of the environment, as in AWS's
/// own tools.
async fn loader(profile: Option<&str>, client: SharedHttpClient) -> ConfigLoader {
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(client.clone());
    let Some(profile) = profile else {
        return loader;
    };
    let region = ProfileFileRegionProvider::builder()
        .profile_name(profile)
        .build()
        .region()
        .await;
    let provider = ProviderConfig::without_region()
        .with_region(region)
        .with_http_client(client);
    let credentials = ProfileFileCredentialsProvider::builder()
        .profile_name(profile)
        .configure(&provider)
        .build();
    loader
        .profile_name(profile)
        .credentials_provider(credentials)
}

/// Returns the path of the certificates that replace the system's.
fn ca_bundle(config: &SdkConfig) -> Option<PathBuf> {
    let bundle = of_s3(config, "AWS_CA_BUNDLE", "ca_bundle")?;
    let bundle = Some(bundle.trim()).filter(|bundle| !bundle.is_empty())?;
    Some(PathBuf::from(bundle))
}

/// Creates the client for the requests of AWS's own crate, such as those for credentials. It trusts the
/// system's certificates, or the given ones in their place.
fn client(pem: Option<&[u8]>) -> io::Result<SharedHttpClient> {
    let store = match pem {
        Some(pem) => TrustStore::empty().with_pem_certificate(pem),
        None => TrustStore::default(),
    };
    let context = TlsContext::builder().with_trust_store(store).build();
    let context = context.map_err(io::Error::other)?;
    Ok(
        Builder::new().build_with_connector_fn(move |settings, components| {
            let provider = Provider::Rustls(CryptoMode::Ring);
            let mut builder = ConnectorBuilder::default()
                .tls_provider(provider)
                .tls_context(context.clone())
                .proxy_config(ProxyConfig::from_env());
            builder.set_connector_settings(settings.cloned());
            builder.set_sleep_impl(components.and_then(|components| components.sleep_impl()));
            builder.build()
        }),
    )
}

/// Returns the configured endpoint of S3, if there is one: for S3 alone, or for all services.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let of_s3 = of_s3(config, "AWS_ENDPOINT_URL", "endpoint_url");
    of_s3.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// Returns the value of a variable, or of a line of the profile: for S3 alone, or for all services.
fn of_s3(config: &SdkConfig, variable: &str, line: &str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env(variable)
        .profile(line)
        .build();
    let (config, key) = config.service_config().zip(key.ok())?;
    config.load_config(key)
}

/// AWS's chain of providers, called again only when the credentials that it returned expire.
#[derive(Debug)]
struct Chain {
    provider: Option<SharedCredentialsProvider>,
    kept: RwLock<Option<Kept>>,
}

#[derive(Debug, Clone)]
struct Kept {
    credential: Arc<AwsCredential>,
    expiry: Option<SystemTime>,
}

impl Kept {
    fn is_fresh(&self) -> bool {
        let soon = SystemTime::now() + MARGIN;
        self.expiry.is_none_or(|expiry| expiry > soon)
    }
}

#[async_trait::async_trait]
impl CredentialProvider for Chain {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let fresh = |kept: &Option<Kept>| {
            let kept = kept.as_ref().filter(|kept| kept.is_fresh());
            kept.map(|kept| Arc::clone(&kept.credential))
        };
        if let Some(credential) = fresh(&*self.kept.read().await) {
            return Ok(credential);
        }
        // One task requests credentials, and the others wait for the result.
        let mut kept = self.kept.write().await;
        if let Some(credential) = fresh(&kept) {
            return Ok(credential);
        }
        let none = || refused("none is configured".to_owned());
        let provider = self.provider.as_ref().ok_or_else(none)?;
        let given = provider.provide_credentials().await;
        let given = given.map_err(|error| refused(words(&error)))?;
        let credential = Arc::new(AwsCredential {
            key_id: given.access_key_id().to_owned(),
            secret_key: given.secret_access_key().to_owned(),
            token: given.session_token().map(str::to_owned),
        });
        *kept = Some(Kept {
            credential: Arc::clone(&credential),
            expiry: given.expiry(),
        });
        Ok(credential)
    }
}

fn refused(words: String) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: format!("{NO_CREDENTIALS}{words}").into(),
    }
}

/// Explains what to do if there are no credentials.
fn words(error: &CredentialsError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    let causes = match causes.is_empty() {
        true => error.to_string(),
        false => causes.join(": "),
    };
    match error {
        CredentialsError::CredentialsNotLoaded(_) => format!(
            "none were found; set AWS_PROFILE and run `aws sso login`, or set AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY; --no-sign-request reads a public bucket without ({causes})"
        ),
        _ => format!(
            "they could not be had ({causes}); if they are of SSO, run `aws sso login` with the same profile"
        ),
    }
}
