//! Objects in buckets: found, read and written; what is in them is no concern of this.
//!
//! In: a [`Uri`], keys. Out: pages of a bucket's listing, an object's bytes, an object that appears whole or not at
//! all. The rest of the program has threads and no futures: all that waits for a network waits in the runtime that
//! [`Stores`] holds, which is started with the first bucket. Requests, their retries and their signing are the crate
//! `object_store`'s; [`courier`] stands between it and the network.

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

/// How buckets are reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// Where requests go, if not to the provider's own address: another store that speaks S3.
    pub endpoint_url: Option<String>,
    /// The region of S3 buckets; asked of S3 without it.
    pub bucket_region: Option<String>,
    /// Whether requests are sent without a signature, for public buckets.
    pub is_unsigned: bool,
    /// Whether the asker pays for requests, as some buckets demand.
    pub is_requester_pays: bool,
    /// How many objects are fetched at once.
    pub n_concurrent: usize,
    /// How long what fails for the moment is tried again.
    pub retry_time: Duration,
}

/// Fetches at once by default: an object of some kilobytes comes after some 20 to 100 ms, nearly all of it waiting, so
/// that many are needed to keep a line busy.
pub const CONCURRENT_FETCHES: usize = 128;

/// How long what fails for the moment is tried again, by default: a store that asks to slow down, a connection that ends.
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

/// What went over the network, for whoever shows it.
#[derive(Debug, Default)]
pub struct Traffic {
    /// Requests sent.
    pub n_requests: AtomicU64,
    /// Requests that failed in a way that is tried again: refused for now, cut off, timed out.
    pub n_retries: AtomicU64,
}

/// Bytes that are fetched ahead of the scan, at most.
const FETCHED_BYTES: usize = 128 << 20;
/// Lists in flight at once: far more keys a second than objects can be fetched.
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

/// What bounds the requests in flight, and the bytes that they bring.
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
    /// Stores that are reached so. Nothing is asked of them yet.
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

    /// How many objects are fetched at once.
    #[must_use]
    pub fn n_concurrent(&self) -> usize {
        self.options.n_concurrent
    }

    /// What went over the network so far.
    #[must_use]
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// The bucket of an address; it is opened once.
    ///
    /// # Errors
    ///
    /// If there are no credentials, or the address makes no sense.
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
            // What they do is to wait, to decrypt and to copy: few are enough for the fastest network.
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
            // A run that was stopped does not wait for what is still on its way.
            runtime.shutdown_background();
        }
    }
}

/// The unit in which room is counted.
const KIB: usize = 1024;
