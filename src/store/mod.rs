//! Finds, reads and writes objects in buckets. Their content does not matter here.
//!
//! In: a [`Uri`], keys. Out: pages of a bucket's listing, an object's bytes, or a written object that appears
//! whole or not at all. The rest of the program has threads and no futures: all waiting for the network
//! happens in the runtime of [`Stores`], which is started with the first bucket. The crate `object_store`
//! makes the requests, retries and signs them; [`courier`] is between it and the network.

mod bucket;
mod courier;
#[cfg(feature = "aws-config")]
mod credentials;
mod explain;
mod fetch;
mod key;
mod list_text;
mod listing;
mod open;
mod ranges;
mod redirect;
mod trust;
mod upload;
mod uri;
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, Semaphore};

pub use bucket::{Bucket, Lookup, ObjectMeta};
pub use fetch::{Fetched, Object};
pub use open::check_endpoint;
pub use ranges::{RANGE_BYTES, RangeReader};
pub use upload::Upload;
pub use uri::Uri;
pub use walk::{Below, Survey, Walk, WalkItem};

/// Options for accessing buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// The address to which requests go instead of the provider's own: another store that supports the S3
    /// API.
    pub endpoint_url: Option<String>,
    /// The region of S3 buckets; without it S3 is asked for the region.
    pub bucket_region: Option<String>,
    /// True to send requests without a signature, for public buckets.
    pub is_unsigned: bool,
    /// True if the requester pays for requests, as some buckets require.
    pub is_requester_pays: bool,
    /// Number of objects fetched at once.
    pub n_concurrent: usize,
    /// Time for which a temporary failure is retried.
    pub retry_time: Duration,
}

/// Default number of concurrent fetches. An object of a few kilobytes arrives after about 20 to 100 ms,
/// nearly all of it waiting, so many fetches are needed to keep the network connection busy.
pub const CONCURRENT_FETCHES: usize = 128;

/// Default time for which a temporary failure is retried, such as a store that asks to slow down, or a
/// connection that ends.
pub const RETRY_TIME: Duration = Duration::from_secs(30);

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            endpoint_url: None,
            bucket_region: None,
            is_unsigned: false,
            is_requester_pays: false,
            n_concurrent: CONCURRENT_FETCHES,
            retry_time: RETRY_TIME,
        }
    }
}

/// Counts of network requests, for progress display.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Requests sent.
    pub n_requests: AtomicU64,
    /// Requests that failed in a way that is retried: temporarily refused, cut off, or timed out.
    pub n_retries: AtomicU64,
}

/// Maximum number of bytes fetched before the scan needs them.
const FETCHED_BYTES: usize = 128 << 20;
/// Maximum number of concurrent lists: they return far more keys per second than objects can be fetched.
const CONCURRENT_LISTS: usize = 64;

/// All buckets of a run, and what they share.
pub struct Stores {
    options: StoreOptions,
    traffic: Arc<Traffic>,
    runtime: OnceLock<io::Result<Runtime>>,
    buckets: std::sync::RwLock<BTreeMap<String, Slot>>,
    limits: Arc<Limits>,
    #[cfg(feature = "aws-config")]
    aws: Arc<OnceCell<io::Result<credentials::Found>>>,
}

type Slot = Arc<OnceCell<Result<Arc<Bucket>, Arc<io::Error>>>>;

/// Limits on the requests in flight, and on the bytes that they bring.
#[derive(Debug)]
pub(crate) struct Limits {
    fetches: Semaphore,
    lists: Semaphore,
    /// Room for fetched bytes, in KiB.
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Stores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stores")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Default for Stores {
    fn default() -> Self {
        Self::new(StoreOptions::default())
    }
}

impl Stores {
    /// Creates stores with these options. No request is sent yet.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        let limits = Limits {
            fetches: Semaphore::new(options.n_concurrent.max(1)),
            lists: Semaphore::new(CONCURRENT_LISTS),
            room: Arc::new(Semaphore::new(FETCHED_BYTES / KIB)),
        };
        Self {
            options,
            traffic: Arc::default(),
            runtime: OnceLock::new(),
            buckets: std::sync::RwLock::default(),
            limits: Arc::new(limits),
            #[cfg(feature = "aws-config")]
            aws: Arc::default(),
        }
    }

    /// Returns how many objects are fetched at once.
    #[must_use]
    pub fn n_concurrent(&self) -> usize {
        self.options.n_concurrent
    }

    /// Returns the counts of network requests so far.
    #[must_use]
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Returns the bucket of an address, which is opened only once.
    ///
    /// # Errors
    ///
    /// Returns an error if there are no credentials, or if the address is invalid.
    pub fn bucket(&self, uri: &Uri) -> io::Result<Arc<Bucket>> {
        let runtime = self.runtime()?;
        let name = uri.bucket_uri();
        let known = self.buckets.read().ok().and_then(|b| b.get(&name).cloned());
        let slot = match known {
            Some(slot) => slot,
            None => match self.buckets.write() {
                Ok(mut buckets) => Arc::clone(buckets.entry(name).or_default()),
                Err(_) => Slot::default(),
            },
        };
        let opened = runtime.block_on(slot.get_or_init(|| async {
            let opened = open::open(self, runtime.handle(), uri).await;
            opened.map(Arc::new).map_err(Arc::new)
        }));
        match opened {
            Ok(bucket) => Ok(Arc::clone(bucket)),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }

    fn runtime(&self) -> io::Result<&Runtime> {
        let runtime = self.runtime.get_or_init(|| {
            // The threads only wait, decrypt and copy: a few are enough for the fastest network.
            let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
            tokio::runtime::Builder::new_multi_thread()
                .worker_threads(n_cores.div_ceil(2).clamp(1, 8))
                .thread_name("store")
                .enable_all()
                .build()
        });
        match runtime {
            Ok(runtime) => Ok(runtime),
            Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
        }
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        if let Some(Ok(runtime)) = self.runtime.take() {
            // A stopped run does not wait for requests that are still in flight.
            runtime.shutdown_background();
        }
    }
}

/// The unit in which room is counted.
const KIB: usize = 1024;
