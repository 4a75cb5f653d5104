//! Small objects, fetched before their readers need them.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use tokio::sync::{OwnedSemaphorePermit, TryAcquireError};

use super::bucket::Bucket;
use super::ranges::RangeReader;
use super::{FETCHED_BYTES, KIB, ObjectMeta};

/// An object that was found.
#[derive(Clone)]
pub struct Object(Arc<Inner>);

struct Inner {
    bucket: Arc<Bucket>,
    meta: ObjectMeta,
    /// Channel for its bytes, once it is being fetched.
    coming: OnceLock<Receiver<io::Result<Fetched>>>,
}

/// The bytes of an object. The memory budget that they use is returned when this is dropped.
#[derive(Debug)]
pub struct Fetched {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl Fetched {
    /// Returns the bytes.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }
}

impl std::fmt::Debug for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Object").field(&self.0.meta).finish()
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.0.bucket.uri == other.0.bucket.uri && self.0.meta == other.0.meta
    }
}

impl Eq for Object {}

/// Interval at which a waiting caller checks whether the run should stop.
pub(super) const PATIENCE: Duration = Duration::from_millis(100);
/// Message that a waiting caller then gets.
pub(super) const STOPPED: &str = "the run was stopped";

impl Object {
    /// Creates an object of a bucket.
    #[must_use]
    pub fn new(bucket: &Arc<Bucket>, meta: ObjectMeta) -> Self {
        Self(Arc::new(Inner {
            bucket: Arc::clone(bucket),
            meta,
            coming: OnceLock::new(),
        }))
    }

    /// Returns the object's metadata, as the store reported it.
    #[must_use]
    pub fn meta(&self) -> &ObjectMeta {
        &self.0.meta
    }

    /// Starts to fetch it, if there is room for its bytes. Returns false if there is none.
    #[must_use]
    pub fn try_fetch(&self) -> bool {
        let room = Arc::clone(&self.0.bucket.limits.room);
        match room.try_acquire_many_owned(self.n_kib()) {
            Ok(room) => self.fetch_into(room),
            Err(TryAcquireError::NoPermits) => return false,
            Err(TryAcquireError::Closed) => unreachable!("nobody closes it"),
        }
        true
    }

    /// Returns the same object, with nothing of it fetched yet.
    #[must_use]
    pub(crate) fn reopen(&self) -> Self {
        Self::new(&self.0.bucket, self.0.meta.clone())
    }

    /// Starts to fetch it, once there is room.
    pub fn fetch(&self) {
        let room = Arc::clone(&self.0.bucket.limits.room);
        let room = self.0.bucket.wait(room.acquire_many_owned(self.n_kib()));
        self.fetch_into(room.expect("nobody closes it"));
    }

    fn n_kib(&self) -> u32 {
        let n_bytes = usize::try_from(self.0.meta.size).unwrap_or(FETCHED_BYTES);
        let n_kib = n_bytes.min(FETCHED_BYTES).div_ceil(KIB).max(1);
        u32::try_from(n_kib).expect("the room is counted so")
    }

    fn fetch_into(&self, room: OwnedSemaphorePermit) {
        let (coming, receiver) = bounded(1);
        if self.0.coming.set(receiver).is_err() {
            return;
        }
        let (bucket, meta) = (Arc::clone(&self.0.bucket), self.0.meta.clone());
        let runtime = bucket.runtime.clone();
        runtime.spawn(async move {
            let got = match meta.size {
                0 => Ok(Bytes::new()),
                size => {
                    let permit = bucket.limits.fetches.acquire().await;
                    let got = bucket.get(&meta, 0..size).await;
                    drop(permit);
                    got
                }
            };
            let fetched = got.map(|bytes| Fetched { bytes, _room: room });
            // If the receiver is gone, nobody needs the bytes.
            coming.send(fetched).ok();
        });
    }

    /// Returns its bytes, and fetches them first if that has not been started. They can be taken only once.
    ///
    /// # Errors
    ///
    /// Returns the store's error, in words, or that the run was stopped.
    pub fn take(&self, stop: &AtomicBool) -> io::Result<Fetched> {
        if self.0.coming.get().is_none() {
            self.fetch();
        }
        let coming = self.0.coming.get().expect("it is being fetched");
        wait(coming, stop)
    }

    /// Returns its bytes as they arrive, in ranges.
    #[must_use]
    pub fn stream(&self, stop: &Arc<AtomicBool>) -> RangeReader {
        RangeReader::new(
            Arc::clone(&self.0.bucket),
            self.0.meta.clone(),
            Arc::clone(stop),
        )
    }
}

/// Waits for a result, as long as the run continues.
pub(super) fn wait<T>(coming: &Receiver<io::Result<T>>, stop: &AtomicBool) -> io::Result<T> {
    loop {
        match coming.recv_timeout(PATIENCE) {
            Ok(got) => return got,
            Err(RecvTimeoutError::Timeout) if !stop.load(Relaxed) => {}
            Err(RecvTimeoutError::Timeout) => return Err(io::Error::other(STOPPED)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(io::Error::other(
                    "it was given out before, or its fetch ended",
                ));
            }
        }
    }
}
