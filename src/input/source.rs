//! A file or object that was found, and how it is read.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use crate::store::Object;

/// How a source is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// A regular file.
    File,
    /// A pipe or device that was typed as a root, such as `<(zcat …)`.
    Stream,
    /// Standard input.
    Stdin,
    /// An object of a bucket.
    Object(Object),
}

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, as reached from the root that was typed.
    pub path: PathBuf,
    /// Its path below the root; its name, if it is the root.
    pub below_root: PathBuf,
    /// How it is read.
    pub kind: SourceKind,
    /// Its size when it was found; 0 for streams.
    pub stored_bytes: u64,
    /// When a file was last changed, in nanoseconds since 1970; nothing for what is no file.
    pub modified: Option<i64>,
    /// When anything about it was last changed, likewise: a file that was put in the place of another of the same size may
    /// have its time, but not this one, which cannot be set.
    pub changed: Option<i64>,
}

impl Source {
    /// The same, to be read once more.
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

/// Whether a file is still there, and not changed since it was found.
#[must_use]
pub(crate) fn is_as_found(source: &Source) -> bool {
    fs::metadata(&source.path).is_ok_and(|metadata| {
        metadata.len() == source.stored_bytes && Some(modified(&metadata)) == source.modified
    })
}

/// When a file was last changed, in nanoseconds since 1970.
pub(super) fn modified(metadata: &Metadata) -> i64 {
    nanoseconds(metadata.mtime(), metadata.mtime_nsec())
}

/// When anything about a file was last changed: its content, its name, its permissions.
pub(super) fn changed(metadata: &Metadata) -> i64 {
    nanoseconds(metadata.ctime(), metadata.ctime_nsec())
}

fn nanoseconds(seconds: i64, nanoseconds: i64) -> i64 {
    // It fits until the year 2262.
    let seconds = seconds.wrapping_mul(1_000_000_000);
    seconds.wrapping_add(nanoseconds)
}
