//! Finds, reads and writes objects in buckets. Their content does not matter here.
//!
//! In: a [`Uri`], keys. Out: pages of a bucket's listing, an object's bytes, or a written object that appears
//! whole or not at all. Here are addresses, options and what a listing consists of; `cloud` makes the requests.
//! Without the feature `cloud` its place is taken by `absent`, in which no bucket can be opened.

#[cfg(feature = "cloud")]
mod cloud;
#[cfg(not(feature = "cloud"))]
#[path = "absent.rs"]
mod cloud;
mod listed;
mod uri;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

pub use cloud::{
    Bucket, Fetched, Lookup, Object, RangeReader, Stores, Upload, Walk, check_endpoint,
    check_support,
};
pub use listed::{Below, ObjectMeta, Survey, WalkItem};
pub use uri::Uri;

/// Options for accessing buckets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreOptions {
    /// The address to which requests go instead of the provider's own: another store that supports the S3
    /// API.
    pub endpoint_url: Option<String>,
    /// The region of S3 buckets; without it S3 is asked for the region.
    pub bucket_region: Option<String>,
    /// The profile in AWS's files whose credentials are used; without it `AWS_PROFILE` and the environment are. It needs the
    /// feature `aws-config`.
    pub profile: Option<String>,
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

/// Length of the ranges in which a large object is read: large enough that the fixed cost of a request is small compared to it.
pub const RANGE_BYTES: u64 = 8 << 20;

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            endpoint_url: None,
            bucket_region: None,
            profile: None,
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
