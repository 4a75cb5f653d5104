//! An open bucket.

use std::future::Future;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::list::PaginatedListStore;
use object_store::path::Path;
use object_store::{Attribute, GetOptions, ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::courier::Notes;
use super::explain::{Act, CHANGED, explain};
use super::fetch::{PATIENCE, STOPPED};
use super::{Limits, ObjectMeta, Traffic, key};

/// An open bucket. Its requests run in the runtime of its [`Stores`](super::Stores).
#[derive(Clone)]
pub struct Bucket {
    /// Its address, without a slash at the end.
    pub(super) uri: String,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) lister: Arc<dyn PaginatedListStore>,
    pub(super) notes: Arc<Notes>,
    pub(super) runtime: Handle,
    pub(super) limits: Arc<Limits>,
    pub(super) traffic: Arc<Traffic>,
    /// Time for which a temporary failure is retried.
    pub(super) retry_time: Duration,
}

/// Why an object, or the rest of a range of it, was not received.
enum NotHad {
    /// A permanent failure: another attempt would end in the same way.
    ForGood(io::Error),
    /// A temporary failure, for example a response that ended early.
    ForNow(io::Error),
}

/// Pause before another attempt for bytes that were not received. `object_store` itself pauses between
/// attempts of a request.
const PAUSE: Duration = Duration::from_millis(200);

impl std::fmt::Debug for Bucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bucket")
            .field("uri", &self.uri)
            .finish_non_exhaustive()
    }
}

/// A running request for an object's metadata, while other requests run.
#[derive(Debug)]
pub struct Lookup(JoinHandle<io::Result<Option<ObjectMeta>>>);

impl From<object_store::ObjectMeta> for ObjectMeta {
    fn from(meta: object_store::ObjectMeta) -> Self {
        Self {
            key: key::of_path(meta.location.as_ref()).into_owned(),
            size: meta.size,
            e_tag: meta.e_tag,
            modified: meta.last_modified.timestamp_micros(),
        }
    }
}

impl Bucket {
    /// Returns the address of an object in the bucket.
    #[must_use]
    pub fn uri_of(&self, key: &str) -> String {
        format!("{}/{key}", self.uri)
    }

    /// Requests the metadata of an object. Returns `None` if no object has this key.
    ///
    /// # Errors
    ///
    /// Returns the store's error, in words.
    pub fn head(&self, key: &str) -> io::Result<Option<ObjectMeta>> {
        self.wait(self.ask_head(key))
    }

    /// Returns a value of the metadata that a user gave an object, such as `x-amz-meta-NAME`. Returns `None` if no
    /// object has this key, or if it has no such value.
    ///
    /// # Errors
    ///
    /// Returns the store's error, in words.
    pub fn user_metadata(&self, key: &str, name: &str) -> io::Result<Option<String>> {
        let path = Self::path(key)?;
        let options = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        let attribute = Attribute::Metadata(name.to_owned().into());
        match self.wait(self.store.get_opts(&path, options)) {
            Ok(got) => {
                let value = got.attributes.get(&attribute);
                Ok(value.map(|value| value.as_ref().to_owned()))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Starts a request as [`Bucket::head`] does, while other requests run.
    #[must_use]
    pub fn look_up(&self, key: &str) -> Lookup {
        let (bucket, key) = (self.clone(), key.to_owned());
        let asked = async move { bucket.ask_head(&key).await };
        Lookup(self.runtime.spawn(asked))
    }

    /// Waits for the answer to a request.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Bucket::head`], or that the run was stopped.
    pub fn looked_up(&self, lookup: Lookup, stop: &AtomicBool) -> io::Result<Option<ObjectMeta>> {
        let mut asked = lookup.0;
        self.wait(async {
            loop {
                match tokio::time::timeout(PATIENCE, &mut asked).await {
                    Ok(answer) => return answer.map_err(io::Error::other)?,
                    Err(_) if stop.load(Relaxed) => return Err(io::Error::other(STOPPED)),
                    Err(_) => {}
                }
            }
        })
    }

    /// Returns the first and the last bytes of an object, at most `n_bytes` of each. Returns `None` if no
    /// object has this key.
    ///
    /// # Errors
    ///
    /// Returns the store's error, in words.
    pub fn ends(&self, key: &str, n_bytes: u64) -> io::Result<Option<(Bytes, Bytes)>> {
        self.wait(async {
            let Some(meta) = self.ask_head(key).await? else {
                return Ok(None);
            };
            if meta.size == 0 {
                return Ok(Some((Bytes::new(), Bytes::new())));
            }
            let start = self.get(&meta, 0..meta.size.min(n_bytes)).await?;
            let end = self
                .get(&meta, meta.size.saturating_sub(n_bytes)..meta.size)
                .await?;
            Ok(Some((start, end)))
        })
    }

    /// Deletes an object.
    ///
    /// # Errors
    ///
    /// Returns the store's error, in words.
    pub fn remove(&self, key: &str) -> io::Result<()> {
        let path = Self::path(key)?;
        let removed = self.wait(self.store.delete(&path));
        removed.map_err(|error| explain(&error, Act::Remove, &self.notes))
    }

    /// Runs a request to the bucket to its end.
    pub(super) fn wait<F: Future>(&self, asked: F) -> F::Output {
        self.runtime.block_on(asked)
    }

    pub(super) fn explain(&self, error: &object_store::Error) -> io::Error {
        explain(error, Act::Read, &self.notes)
    }

    pub(super) fn explain_write(&self, error: &object_store::Error) -> io::Error {
        explain(error, Act::Write, &self.notes)
    }

    pub(super) fn path(key: &str) -> io::Result<Path> {
        // It cannot fail: everything that it would reject is escaped.
        Path::parse(key::to_path(key)).map_err(io::Error::other)
    }

    pub(super) async fn ask_head(&self, key: &str) -> io::Result<Option<ObjectMeta>> {
        let path = Self::path(key)?;
        match self.store.head(&path).await {
            // The key is the requested one, because a store may have shortened it in its answer.
            Ok(meta) => Ok(Some(ObjectMeta {
                key: key.to_owned(),
                ..meta.into()
            })),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Returns the bytes of an object, or of a range of it, if it is still the version that was found. Bytes
    /// received before a connection ended are kept, and the rest is requested again, until nothing has been
    /// received for the retry time.
    pub(super) async fn get(&self, meta: &ObjectMeta, range: Range<u64>) -> io::Result<Bytes> {
        let mut bytes = Vec::new();
        let mut came = Instant::now();
        loop {
            let failed = match self.rest(meta, &range, &mut bytes, &mut came).await {
                Ok(()) => return Ok(bytes.into()),
                Err(NotHad::ForGood(error)) => return Err(error),
                Err(NotHad::ForNow(error)) => error,
            };
            // What another response appends to the received bytes must be of the same object version.
            let cannot_go_on = meta.e_tag.is_none() && !bytes.is_empty();
            if cannot_go_on || came.elapsed() >= self.retry_time {
                let seconds = self.retry_time.as_secs();
                let message = format!("{failed} (tried for {seconds} seconds)");
                return Err(io::Error::new(failed.kind(), message));
            }
            self.traffic.n_retries.fetch_add(1, Relaxed);
            tokio::time::sleep(PAUSE.min(self.retry_time / 4)).await;
        }
    }

    /// Appends the missing bytes to the first bytes of a range.
    async fn rest(
        &self,
        meta: &ObjectMeta,
        range: &Range<u64>,
        bytes: &mut Vec<u8>,
        came: &mut Instant,
    ) -> Result<(), NotHad> {
        let rest = range.start + bytes.len() as u64..range.end;
        let is_whole = rest == (0..meta.size);
        let options = GetOptions {
            if_match: meta.e_tag.clone(),
            range: (!is_whole).then(|| rest.clone().into()),
            ..GetOptions::default()
        };
        let path = Self::path(&meta.key).map_err(NotHad::ForGood)?;
        let got = self.store.get_opts(&path, options).await;
        let got = got.map_err(|error| match is_odd_answer(&error) {
            true => NotHad::ForNow(self.explain(&error)),
            false => NotHad::ForGood(self.explain(&error)),
        })?;
        // Some stores do not support `If-Match`.
        if meta.e_tag.is_some() && got.meta.e_tag.is_some() && got.meta.e_tag != meta.e_tag {
            return Err(NotHad::ForGood(io::Error::other(CHANGED)));
        }
        let other_size = |n: u64| {
            let message = format!("{n} bytes came, where its listing says {}", meta.size);
            NotHad::ForNow(io::Error::other(message))
        };
        if got.meta.size != meta.size {
            return Err(other_size(got.meta.size));
        }
        let n_missing = usize::try_from(rest.end - rest.start).unwrap_or(usize::MAX);
        bytes.reserve_exact(n_missing.min(GET_BYTES));
        let n_expected = bytes.len() + n_missing;
        let mut stream = got.into_stream();
        while let Some(some) = std::future::poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            let some = some.map_err(|error| NotHad::ForNow(self.explain(&error)))?;
            if bytes.len() + some.len() > n_expected {
                return Err(other_size(meta.size.saturating_add(1)));
            }
            bytes.extend_from_slice(&some);
            *came = Instant::now();
        }
        match bytes.len() == n_expected {
            true => Ok(()),
            false => Err(other_size(bytes.len() as u64)),
        }
    }
}

/// Maximum amount of memory that is reserved before the bytes arrive.
const GET_BYTES: usize = 8 << 20;

/// Reports whether the response does not answer the request, for example because it is a proxy's page.
fn is_odd_answer(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { .. })
        && !error.to_string().contains("Error performing ")
}
