//! From an address to an open bucket.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AwsCredentialProvider, Checksum, resolve_bucket_region};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::list::PaginatedListStore;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};
use tokio::runtime::Handle;

use super::Stores;
use super::bucket::Bucket;
use super::courier::{CourierConnector, Notes, Signer};
use super::explain::explain;
use super::uri::{Scheme, Uri};

/// Where S3 is if nothing tells.
const REGION: &str = "us-east-1";

fn client_options() -> ClientOptions {
    ClientOptions::new()
        .with_user_agent(object_store::HeaderValue::from_static(concat!(
            "trailsift/",
            env!("CARGO_PKG_VERSION")
        )))
        // Loopback and local networks; addresses of the clouds themselves are https anyway.
        .with_allow_http(true)
        .with_connect_timeout(Duration::from_secs(5))
        .with_read_timeout(Duration::from_secs(20))
        .with_timeout(Duration::from_secs(300))
}

/// Some 30 seconds of trying.
fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(10),
            base: 2.0,
        },
        max_retries: 8,
        retry_timeout: Duration::from_secs(60),
    }
}

/// Opens a bucket. Nothing is asked of it yet but its region.
pub(super) async fn open(stores: &Stores, runtime: &Handle, uri: &Uri) -> io::Result<Bucket> {
    let opening = Opening {
        stores,
        runtime,
        uri,
        notes: Arc::default(),
    };
    match uri.scheme {
        Scheme::S3 => {
            let (builder, signer) = s3(stores, uri).await?;
            let connector = opening.connector(signer);
            opening.bucket(builder.with_http_connector(connector).build())
        }
        Scheme::Gcs => opening.bucket(
            GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(uri.bucket())
                .with_skip_signature(stores.options.is_unsigned)
                .with_client_options(client_options())
                .with_retry(retries())
                .with_http_connector(opening.connector(None))
                .build(),
        ),
        Scheme::Azure => opening.bucket(
            MicrosoftAzureBuilder::from_env()
                .with_container_name(uri.bucket())
                .with_skip_signature(stores.options.is_unsigned)
                .with_client_options(client_options())
                .with_retry(retries())
                .with_http_connector(opening.connector(None))
                .build(),
        ),
    }
}

/// What is the same for a bucket of any provider.
struct Opening<'a> {
    stores: &'a Stores,
    runtime: &'a Handle,
    uri: &'a Uri,
    notes: Arc<Notes>,
}

impl Opening<'_> {
    fn connector(&self, signer: Option<Arc<Signer>>) -> CourierConnector {
        CourierConnector {
            signer,
            traffic: Arc::clone(&self.stores.traffic),
            notes: Arc::clone(&self.notes),
        }
    }

    fn bucket<S>(&self, store: object_store::Result<S>) -> io::Result<Bucket>
    where
        S: ObjectStore + PaginatedListStore,
    {
        let store = store.map_err(|error| explain(&error, &self.notes))?;
        let store = Arc::new(store);
        Ok(Bucket {
            uri: self.uri.bucket_uri(),
            store: Arc::clone(&store) as Arc<dyn ObjectStore>,
            lister: store,
            notes: Arc::clone(&self.notes),
            runtime: self.runtime.clone(),
            limits: Arc::clone(&self.stores.limits),
        })
    }
}

/// A bucket of S3, and who signs what is asked of it.
async fn s3(stores: &Stores, uri: &Uri) -> io::Result<(AmazonS3Builder, Option<Arc<Signer>>)> {
    let aws = found_aws(stores, uri).await?;
    let endpoint = stores.options.endpoint_url.clone().or(aws.endpoint);
    if let Some(endpoint) = &endpoint {
        check_endpoint(endpoint).map_err(io::Error::other)?;
    }
    let region = match (&stores.options.bucket_region, &endpoint) {
        (Some(region), _) => region.clone(),
        (None, Some(_)) => aws.region.unwrap_or_else(|| REGION.to_owned()),
        (None, None) => region(uri, aws.region).await?,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(uri.bucket())
        .with_region(&region)
        // The courier signs.
        .with_skip_signature(true)
        .with_checksum_algorithm(Checksum::SHA256)
        .with_client_options(client_options())
        .with_retry(retries());
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
    Ok((builder, signer.map(Arc::new)))
}

/// Whether requests can be sent to this address; the crate that signs them takes for granted that it is one.
///
/// # Errors
///
/// What is wrong with it, in words.
pub fn check_endpoint(endpoint: &str) -> Result<(), String> {
    let is_address = url::Url::parse(endpoint)
        .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    match is_address {
        true => Ok(()),
        false => Err(format!(
            "the endpoint {endpoint:?} is no address such as https://host:port"
        )),
    }
}

/// What the environment and the files of the AWS command line say.
struct Aws {
    /// Nothing if requests are not to be signed.
    credentials: Option<AwsCredentialProvider>,
    region: Option<String>,
    endpoint: Option<String>,
}

#[cfg(feature = "aws-config")]
async fn found_aws(stores: &Stores, _: &Uri) -> io::Result<Aws> {
    let found = stores.aws.get_or_init(super::credentials::find).await;
    Ok(Aws {
        credentials: (!stores.options.is_unsigned).then(|| Arc::clone(&found.provider)),
        region: found.region.clone(),
        endpoint: found.endpoint.clone(),
    })
}

#[cfg(not(feature = "aws-config"))]
async fn found_aws(stores: &Stores, uri: &Uri) -> io::Result<Aws> {
    use object_store::aws::AmazonS3ConfigKey;

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
    Ok(Aws {
        credentials,
        region,
        endpoint,
    })
}

/// The region that a bucket is in.
async fn region(uri: &Uri, hint: Option<String>) -> io::Result<String> {
    // The other partitions are not known to the public one, which is asked.
    let is_elsewhere = |hint: &String| {
        ["cn-", "us-iso", "us-gov-", "eusc-"]
            .iter()
            .any(|p| hint.starts_with(p))
    };
    if let Some(hint) = hint.as_ref().filter(|hint| is_elsewhere(hint)) {
        return Ok(hint.clone());
    }
    match resolve_bucket_region(uri.bucket(), &client_options()).await {
        Ok(region) => Ok(region),
        Err(error) if error.to_string().contains("not found") => Err(io::Error::new(
            io::ErrorKind::NotFound,
            "there is no bucket of this name (in AWS's public regions)",
        )),
        // What is wrong will show in the first request, with more to say of it.
        Err(_) => Ok(hint.unwrap_or_else(|| REGION.to_owned())),
    }
}
