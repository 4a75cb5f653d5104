//! AWS credentials as people have them: the environment, `AWS_PROFILE` with its files, SSO, assumed roles, processes,
//! web identities, containers and instances, all by AWS's own crate.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_types::service_config::ServiceConfigKey;
use object_store::CredentialProvider;
use object_store::aws::{AwsCredential, AwsCredentialProvider};
use tokio::sync::RwLock;

use super::explain::NO_CREDENTIALS;

/// Credentials are renewed so long before they expire.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// What the environment and the files say.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) provider: AwsCredentialProvider,
    pub(super) region: Option<String>,
    pub(super) endpoint: Option<String>,
}

/// Looks for them. Nothing is asked over the network before credentials are needed.
pub(super) async fn find() -> Found {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    Found {
        provider: Arc::new(Chain {
            provider: config.credentials_provider(),
            kept: RwLock::new(None),
        }),
        region: config.region().map(|region| region.as_ref().to_owned()),
        endpoint: endpoint(&config),
    }
}

/// Where S3 is, if that is told: for S3 alone, or for all services.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id("S3")
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let of_s3 = config.service_config().zip(key.ok());
    let of_s3 = of_s3.and_then(|(config, key)| config.load_config(key));
    of_s3.or_else(|| config.endpoint_url().map(str::to_owned))
}

/// AWS's chain of providers, asked again only when what it gave expires.
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
        // One asks, and the others wait for what it gets.
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

/// What to do where there are no credentials.
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
