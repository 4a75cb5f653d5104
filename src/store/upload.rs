//! An object that appears whole or not at all.

use std::io::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use object_store::{
    MultipartUpload, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, UpdateVersion,
};

use super::bucket::Bucket;

/// What is larger than this goes up in parts of this size: 10,000 of them are allowed, of 5 MiB at least (S3's
/// documentation, "Multipart upload limits").
const PART_BYTES: usize = 32 << 20;

/// An object on its way up. It is there only once it is [committed](Self::commit).
pub struct Upload {
    bucket: Arc<Bucket>,
    key: String,
    buffer: Vec<u8>,
    /// Where parts go. It is begun at once: whether an object may be written at all is not left for the end.
    parts: Option<Box<dyn MultipartUpload>>,
    n_parts: usize,
    /// What was there when it was begun: it is replaced only if it still is what it was.
    e_tag_before: Option<String>,
    /// Whether the credentials may not see what was there.
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
    /// What the store says, in words.
    pub fn create(bucket: &Arc<Bucket>, key: &str) -> io::Result<Self> {
        if key.is_empty() || key.ends_with('/') {
            return Err(io::Error::other("it names no object"));
        }
        let (before, is_blind) = match bucket.head(key) {
            // To write takes no right to read; where it is refused, too, that is what is to be told.
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

    /// Whether there was an object of its name when it was begun.
    #[must_use]
    pub fn has_older(&self) -> bool {
        self.has_older
    }

    /// Makes it appear.
    ///
    /// # Errors
    ///
    /// What the store says, in words; nothing has appeared then. If something else has appeared there since it was
    /// begun, that stays.
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
            // Parts without an object are invisible, and a lifecycle rule clears them; nothing else can be done.
            self.bucket.wait(async { parts.abort().await }).ok();
        }
    }
}
