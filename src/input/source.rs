//! A file or object that the walk found, and how it is read.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::store::Object;

/// How a source is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A regular file.
    File,
    /// A pipe or device given as a root, such as `<(zcat …)`.
    Stream,
    /// Standard input.
    Stdin,
    /// An object in a bucket.
    Object(Object),
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, as reached from the root on the command line.
    pub path: PathBuf,
    /// Its path below the root, or its name if it is the root.
    pub below_root: PathBuf,
    /// The way in which it is read.
    pub kind: SourceKind,
    /// Its size when it was found; 0 for streams.
    pub stored_bytes: u64,
    /// Time of a file's last modification (mtime), in nanoseconds since 1970. `None` if it is not a file.
    pub modified: Option<i64>,
    /// Time of the last change to anything about the file (ctime), also in nanoseconds since 1970. A file
    /// that replaced another of the same size may have the other's `modified` time, but not this time, which
    /// cannot be set.
    pub changed: Option<i64>,
}

impl Source {
    /// Returns a copy that can be read again.
    #[must_use]
    pub(crate) fn reopen(&self) -> Self {
        let kind = match &self.kind {
            SourceKind::Object(object) => SourceKind::Object(object.reopen()),
            kind => kind.clone(),
        };
        Self {
            kind,
            ..self.clone()
        }
    }
}

/// Reports whether a file still exists and has not changed since it was found.
#[must_use]
pub(crate) fn is_as_found(source: &Source) -> bool {
    fs::metadata(&source.path).is_ok_and(|metadata| {
        metadata.len() == source.stored_bytes && Some(modified(&metadata)) == source.modified
    })
}

/// Returns the time of a file's last modification, in nanoseconds since 1970.
pub(super) fn modified(metadata: &Metadata) -> i64 {
    nanoseconds(metadata.mtime(), metadata.mtime_nsec())
}

/// Returns the time of the last change to anything about a file: its content, name, or permissions.
pub(super) fn changed(metadata: &Metadata) -> i64 {
    nanoseconds(metadata.ctime(), metadata.ctime_nsec())
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    // The value fits until the year 2262.
    let seconds = seconds.wrapping_mul(1_000_000_000);
    seconds.wrapping_add(nanoseconds)
}

/// Device and inode, which identify a file whatever its path.
pub type Identity = (u64, u64);

/// Returns the identity of a file.
#[must_use]
pub fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}
