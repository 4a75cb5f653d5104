//! The place of `cloud` in a program that was built without it: no bucket can be opened.
//!
//! Nobody can have a value of the types below, except [`Stores`]. So nothing else here can ever run.
#![expect(
    missing_docs,
    reason = "the types are documented where they can be used, in `cloud`"
)]

use std::convert::Infallible;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;

use super::{ObjectMeta, StoreOptions, Survey, Traffic, Uri, WalkItem};
use crate::error::MissingFeature;

/// The feature that is missing.
const CLOUD: MissingFeature = MissingFeature("cloud");

/// Checks that this program can open buckets.
///
/// # Errors
///
/// Returns the missing feature: this program cannot.
pub fn check_support() -> Result<(), MissingFeature> {
    Err(CLOUD)
}

/// Refuses any address: requests cannot be sent to it.
///
/// # Errors
///
/// Returns the missing feature, in words.
pub fn check_endpoint(_: &str) -> Result<(), String> {
    Err(CLOUD.to_string())
}

/// The options of a run for its buckets, none of which can be opened.
#[derive(Debug, Default)]
pub struct Stores {
    options: StoreOptions,
    traffic: Arc<Traffic>,
}

impl Stores {
    /// Creates stores with these options.
    #[must_use]
    pub fn new(options: StoreOptions) -> Self {
        let traffic = Arc::default();
        Self { options, traffic }
    }

    /// Returns how many objects would be fetched at once.
    #[must_use]
    pub fn n_concurrent(&self) -> usize {
        self.options.n_concurrent
    }

    /// Returns the counts of network requests, which stay 0.
    #[must_use]
    pub fn traffic(&self) -> &Arc<Traffic> {
        &self.traffic
    }

    /// Refuses to open a bucket.
    ///
    /// # Errors
    ///
    /// Always returns the missing feature.
    pub fn bucket(&self, _: &Uri) -> io::Result<Arc<Bucket>> {
        Err(io::Error::new(io::ErrorKind::Unsupported, CLOUD))
    }
}

#[derive(Debug, Clone)]
pub struct Bucket(Infallible);

impl Bucket {
    pub fn uri_of(&self, _: &str) -> String {
        match self.0 {}
    }

    pub fn head(&self, _: &str) -> io::Result<Option<ObjectMeta>> {
        match self.0 {}
    }

    pub fn user_metadata(&self, _: &str, _: &str) -> io::Result<Option<String>> {
        match self.0 {}
    }

    pub fn look_up(&self, _: &str) -> Lookup {
        match self.0 {}
    }

    pub fn looked_up(&self, _: Lookup, _: &AtomicBool) -> io::Result<Option<ObjectMeta>> {
        match self.0 {}
    }

    pub fn ends(&self, _: &str, _: u64) -> io::Result<Option<(Bytes, Bytes)>> {
        match self.0 {}
    }

    pub fn remove(&self, _: &str) -> io::Result<()> {
        match self.0 {}
    }

    pub fn walk(self: &Arc<Self>, _: &str, _: Arc<Survey>) -> Walk {
        match self.0 {}
    }
}

#[derive(Debug)]
pub struct Lookup(Infallible);

#[derive(Debug)]
pub struct Walk(Infallible);

impl Walk {
    pub fn next(&mut self, _: &AtomicBool) -> Option<WalkItem> {
        match self.0 {}
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object(Infallible);

impl Object {
    pub fn new(bucket: &Arc<Bucket>, _: ObjectMeta) -> Self {
        match bucket.0 {}
    }

    pub fn meta(&self) -> &ObjectMeta {
        match self.0 {}
    }

    pub fn try_fetch(&self) -> bool {
        match self.0 {}
    }

    pub(crate) fn reopen(&self) -> Self {
        match self.0 {}
    }

    pub fn fetch(&self) {
        match self.0 {}
    }

    pub fn take(&self, _: &AtomicBool) -> io::Result<Fetched> {
        match self.0 {}
    }

    pub fn stream(&self, _: &Arc<AtomicBool>) -> RangeReader {
        match self.0 {}
    }
}

#[derive(Debug)]
pub struct Fetched(Infallible);

impl Fetched {
    pub fn bytes(&self) -> &Bytes {
        match self.0 {}
    }
}

#[derive(Debug)]
pub struct RangeReader(Infallible);

impl Read for RangeReader {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }
}

impl BufRead for RangeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.0 {}
    }

    fn consume(&mut self, _: usize) {
        match self.0 {}
    }
}

#[derive(Debug)]
pub struct Upload(Infallible);

impl Upload {
    pub fn create(bucket: &Arc<Bucket>, _: &str) -> io::Result<Self> {
        match bucket.0 {}
    }

    pub fn has_older(&self) -> bool {
        match self.0 {}
    }

    pub fn commit(self) -> io::Result<()> {
        match self.0 {}
    }
}

impl Write for Upload {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        match self.0 {}
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn opening_a_bucket_names_the_missing_feature() {
        let uri = Uri::of(Path::new("s3://logs/a")).unwrap().unwrap();
        let opened = Stores::default().bucket(&uri);
        assert_eq!(
            opened.unwrap_err().to_string(),
            r#"this trailsift was built without the feature "cloud""#
        );
        assert!(check_support().is_err() && check_endpoint("https://localhost").is_err());
    }
}
