//! Requests to buckets. The rest of the program has threads and no futures: all waiting for the network happens
//! in the runtime of [`Stores`], which is started with the first bucket. The crate `object_store` makes the
//! requests, retries and signs them; [`courier`] is between it and the network.

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
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};

use tokio::runtime::Runtime;
use tokio::sync::{OnceCell, Semaphore};

use super::uri::Scheme;
use super::{Below, ObjectMeta, RANGE_BYTES, StoreOptions, Survey, Traffic, Uri, WalkItem};
use crate::error::MissingFeature;

pub use bucket::{Bucket, Lookup};
pub use fetch::{Fetched, Object};
pub use open::check_endpoint;
pub use ranges::RangeReader;
pub use upload::Upload;
pub use walk::Walk;

/// Checks that this program can open buckets.
///
/// # Errors
///
/// Returns the missing feature if the program was built without `cloud`.
pub fn check_support() -> Result<(), MissingFeature> {
    Ok(())
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
