//! An object that appears whole or not at all.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use object_store::{
    MultipartUpload, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use super::bucket::Bucket;

/// Size of a part, and size above which an object is uploaded in parts. S3 allows 10,000 parts, each of at
/// least 5 MiB (S3's documentation, "Multipart upload limits").
const PART_BYTES: usize = 32 << 20;

/// An object that is being uploaded. It exists only once it is [committed](Self::commit).
pub struct Upload {
    bucket: Arc<Bucket>,
    key: String,
    buffer: Vec<u8>,
    /// The multipart upload. It is begun immediately, so that a missing write permission shows at the start
    /// and not at the end.
    parts: Option<Box<dyn MultipartUpload>>,
    n_parts: usize,
    /// The `ETag` of the object that existed at the beginning. The object is replaced only if it is
    /// unchanged.
    e_tag_before: Option<String>,
    /// True if the credentials may not see what existed before.
    is_blind: bool,
    has_older: bool,
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl Upload {
    /// Begins an object.
    ///
    /// # Errors
    ///
    /// Returns the store's error, in words.
    pub fn create(bucket: &Arc<Bucket>, key: &str) -> io::Result<Self> {
        if key.is_empty() || key.ends_with('/') {
            return Err(io::Error::other("it names no object"));
        }
        let (before, is_blind) = match bucket.head(key) {
            // Writing needs no read permission. If writing is refused too, that is the error to report.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (None, true),
            before => (before?, false),
        };
        let path = Bucket::path(key)?;
        let parts = bucket.wait(bucket.store.put_multipart(&path));
        let parts = parts.map_err(|error| bucket.explain_write(&error))?;
        Ok(Self {
            bucket: Arc::clone(bucket),
            key: key.to_owned(),
            buffer: Vec::new(),
            parts: Some(parts),
            n_parts: 0,
            has_older: before.is_some(),
            e_tag_before: before.and_then(|meta| meta.e_tag),
            is_blind,
        })
    }

    /// Reports whether an object with its name existed when the upload was begun.
    #[must_use]
    pub fn has_older(&self) -> bool {
        self.has_older
    }

    /// Makes the object appear.
    ///
    /// # Errors
    ///
    /// Returns the store's error, in words; then nothing has appeared. If another object has appeared there
    /// since the upload was begun, that one stays.
    pub fn commit(mut self) -> io::Result<()> {
        let bucket = Arc::clone(&self.bucket);
        let path = Bucket::path(&self.key)?;
        let rest = PutPayload::from(Bytes::from(std::mem::take(&mut self.buffer)));
        bucket.wait(async {
            let done = match &mut self.parts {
                Some(parts) if self.n_parts > 0 => match parts.put_part(rest).await {
                    Ok(()) => parts.complete().await.map(drop),
                    Err(error) => Err(error),
                },
                _ => {
                    let mode = match self.e_tag_before.take() {
                        None => PutMode::Create,
                        Some(e_tag) => PutMode::Update(UpdateVersion {
                            e_tag: Some(e_tag),
                            version: None,
                        }),
                    };
                    let put = bucket.store.put_opts(&path, rest, PutOptions::from(mode));
                    put.await.map(drop)
                }
            };
            match done {
                Ok(()) => {
                    if self.n_parts > 0 {
                        self.parts = None;
                    }
                    Ok(())
                }
                Err(
                    object_store::Error::AlreadyExists { .. }
                    | object_store::Error::Precondition { .. },
                ) => {
                    let message = match self.is_blind {
                        true => {
                            "an object is there, and stays: to replace one the credentials need s3:GetObject and \
                             s3:ListBucket, too"
                        }
                        false => "another object has appeared there meanwhile, and stays",
                    };
                    Err(io::Error::new(io::ErrorKind::AlreadyExists, message))
                }
                Err(error) => Err(bucket.explain_write(&error)),
            }
        })
    }

    fn put_part(&mut self) -> io::Result<()> {
        let part = PutPayload::from(Bytes::from(std::mem::take(&mut self.buffer)));
        let Some(parts) = &mut self.parts else {
            return Ok(());
        };
        self.n_parts += 1;
        let put = self.bucket.wait(parts.put_part(part));
        put.map_err(|error| self.bucket.explain_write(&error))
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= PART_BYTES {
            self.put_part()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut parts) = self.parts.take() {
            // Parts without an object are invisible, and a lifecycle rule removes them. Nothing else can be
            // done.
            self.bucket.wait(async { parts.abort().await }).ok();
        }
    }
}
