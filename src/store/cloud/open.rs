//! From an address to an open bucket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AwsCredentialProvider, Checksum, resolve_bucket_region};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::HttpClient;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use tokio::runtime::Handle;

use super::bucket::Bucket;
use super::courier::{CourierConnector, Notes, Signer};
use super::explain::{Act, explain};
use super::trust::{self, Trust};
use super::{Scheme, Stores, Uri};

/// Region of S3 if none is configured.
const REGION: &str = "us-east-1";

/// Retries for this time, without a limit on the number of attempts. The pauses are random and grow, as AWS
/// advises.
fn retries(retry_time: Duration) -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100).min(retry_time / 8),
            max_backoff: (retry_time / 6).max(Duration::from_millis(1)),
            base: 3.0,
        },
        max_retries: usize::MAX,
        retry_timeout: retry_time,
    }
}

/// Opens a bucket. The only request sent is one for its region.
pub(super) async fn open(stores: &Stores, runtime: &Handle, uri: &Uri) -> io::Result<Bucket> {
    trust::choose_crypto();
    let mut opening = Opening {
        stores,
        runtime,
        uri,
        notes: Arc::default(),
    };
    let retry_time = stores.options.retry_time;
    match uri.scheme {
        Scheme::S3 => {
            let s3 = s3(stores, uri).await?;
            opening.notes = Arc::new(Notes::of(s3.endpoint_path));
            let connector = opening.connector(Some(s3.client), s3.signer);
            opening.bucket(s3.builder.with_http_connector(connector).build())
        }
        Scheme::Gcs => opening.bucket(
            GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(uri.bucket())
                .with_skip_signature(stores.options.is_unsigned)
                .with_client_options(Trust::default().client_options(retry_time)?)
                .with_retry(retries(retry_time))
                .with_http_connector(opening.connector(None, None))
                .build(),
        ),
        Scheme::Azure => opening.bucket(
            MicrosoftAzureBuilder::from_env()
                .with_container_name(uri.bucket())
                .with_skip_signature(stores.options.is_unsigned)
                .with_client_options(Trust::default().client_options(retry_time)?)
                .with_retry(retries(retry_time))
                .with_http_connector(opening.connector(None, None))
                .build(),
        ),
    }
}

/// The inputs that are the same for a bucket of any provider.
struct Opening<'a> {
    stores: &'a Stores,
    runtime: &'a Handle,
    uri: &'a Uri,
    notes: Arc<Notes>,
}

impl Opening<'_> {
    fn connector(
        &self,
        client: Option<HttpClient>,
        signer: Option<Arc<Signer>>,
    ) -> CourierConnector {
        CourierConnector {
            client,
            signer,
            traffic: Arc::clone(&self.stores.traffic),
            notes: Arc::clone(&self.notes),
        }
    }

    fn bucket<S>(&self, store: object_store::Result<S>) -> io::Result<Bucket>
    where
        S: ObjectStore + PaginatedListStore,
    {
        let store = store.map_err(|error| explain(&error, Act::Read, &self.notes))?;
        let store = Arc::new(store);
        Ok(Bucket {
            uri: self.uri.bucket_uri(),
            store: Arc::clone(&store) as Arc<dyn ObjectStore>,
            lister: store,
            notes: Arc::clone(&self.notes),
            runtime: self.runtime.clone(),
            limits: Arc::clone(&self.stores.limits),
            traffic: Arc::clone(&self.stores.traffic),
            retry_time: self.stores.options.retry_time,
        })
    }
}

/// A bucket of S3, with the client and the signer of its requests.
struct S3 {
    builder: AmazonS3Builder,
    client: HttpClient,
    signer: Option<Arc<Signer>>,
    /// The path of the endpoint, if it has one.
    endpoint_path: Option<String>,
}

async fn s3(stores: &Stores, uri: &Uri) -> io::Result<S3> {
    let aws = found_aws(stores, uri).await?;
    let retry_time = stores.options.retry_time;
    let client_options = aws.trust.client_options(retry_time)?;
    let endpoint = stores.options.endpoint_url.clone().or(aws.endpoint);
    if let Some(endpoint) = &endpoint {
        check_endpoint(endpoint).map_err(io::Error::other)?;
    }
    let region = match (&stores.options.bucket_region, &endpoint) {
        (Some(region), _) => region.clone(),
        (None, Some(_)) => aws.region.unwrap_or_else(|| REGION.to_owned()),
        (None, None) => region(uri, aws.region, &client_options).await?,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(uri.bucket())
        .with_region(&region)
        // The courier signs the requests.
        .with_skip_signature(true)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(client_options)
        .with_retry(retries(retry_time));
    let url = endpoint.as_ref().and_then(|url| url::Url::parse(url).ok());
    let path = url.map(|url| url.path().trim_end_matches('/').to_owned());
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint);
    } else if region.starts_with("cn-") {
        builder = builder.with_endpoint(format!("https://s3.{region}.amazonaws.com.cn"));
    }
    let signer = aws.credentials.map(|credentials| Signer {
        credentials,
        region,
        is_requester_pays: stores.options.is_requester_pays,
    });
    Ok(S3 {
        builder,
        client: aws.trust.client(retry_time)?,
        signer: signer.map(Arc::new),
        endpoint_path: path.filter(|path| !path.is_empty()),
    })
}

/// Checks that requests can be sent to this address. The crate that signs them assumes that it is valid.
///
/// # Errors
///
/// Returns what is wrong with it, in words.
pub fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let url = url::Url::parse(endpoint).ok();
    let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    let Some(url) = url else {
        return Err(format!(
            "the endpoint {endpoint:?} is no address such as https://host:port"
        ));
    };
    let surplus = match (url.query(), url.fragment()) {
        (Some(_), _) => "a query behind the `?`",
        (None, Some(_)) => "a part behind the `#`",
        (None, None) if !url.username().is_empty() || url.password().is_some() => {
            "a name or password; keys come from AWS_PROFILE or the environment"
        }
        _ => return Ok(()),
    };
    let place = url.origin().ascii_serialization();
    Err(format!(
        "the endpoint {endpoint:?} has {surplus}: it is an address such as {place}"
    ))
}

/// Settings from the environment and the files of the AWS command line.
struct Aws {
    /// `None` if requests are not to be signed.
    credentials: Option<AwsCredentialProvider>,
    region: Option<String>,
    endpoint: Option<String>,
    trust: Trust,
}

#[cfg(feature = "aws-config")]
async fn found_aws(stores: &Stores, _: &Uri) -> io::Result<Aws> {
    let profile = stores.options.profile.as_deref();
    let find = || super::credentials::find(profile);
    let found = stores.aws.get_or_init(find).await;
    let found = found
        .as_ref()
        .map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Aws {
        credentials: (!stores.options.is_unsigned).then(|| Arc::clone(&found.provider)),
        region: found.region.clone(),
        endpoint: found.endpoint.clone(),
        trust: found.trust.clone(),
    })
}

#[cfg(not(feature = "aws-config"))]
async fn found_aws(stores: &Stores, uri: &Uri) -> io::Result<Aws> {
    use object_store::aws::AmazonS3ConfigKey;

    if stores.options.profile.is_some() {
        return Err(io::Error::other(
            r#"credentials of a profile: this trailsift was built without the feature "aws-config""#,
        ));
    }

    let builder = AmazonS3Builder::from_env().with_bucket_name(uri.bucket());
    let region = builder.get_config_value(&AmazonS3ConfigKey::Region);
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    let credentials = match stores.options.is_unsigned {
        true => None,
        false => {
            let store = builder.build().map_err(io::Error::other)?;
            Some(Arc::clone(store.credentials()))
        }
    };
    // The profile's `ca_bundle` is read only in builds with AWS's own crate.
    let bundle = std::env::var_os("AWS_CA_BUNDLE").filter(|bundle| !bundle.is_empty());
    let trust = bundle
        .map(|bundle| Trust::of(bundle.as_ref()))
        .transpose()?;
    Ok(Aws {
        credentials,
        region,
        endpoint,
        trust: trust.unwrap_or_default(),
    })
}

/// Returns the region of a bucket.
async fn region(
    uri: &Uri,
    hint: Option<String>,
    client_options: &ClientOptions,
) -> io::Result<String> {
    // The public partition, which receives the request, does not know the other partitions.
    let is_elsewhere = |hint: &String| {
        ["cn-", "us-iso", "us-gov-", "eusc-"]
            .iter()
            .any(|p| hint.starts_with(p))
    };
    if let Some(hint) = hint.as_ref().filter(|hint| is_elsewhere(hint)) {
        return Ok(hint.clone());
    }
    match resolve_bucket_region(uri.bucket(), client_options).await {
        Ok(region) => Ok(region),
        Err(error) if error.to_string().contains("not found") => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "there is no bucket of this name (in AWS's public regions)",
        )),
        // The first request will show what is wrong, with more details.
        Err(_) => Ok(hint.unwrap_or_else(|| REGION.to_owned())),
    }
}
