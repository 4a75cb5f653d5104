//! The entries of a directory, in the order of their paths.

use std::ffi::OsString;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;

/// One entry of a directory.
#[derive(Debug)]
pub struct Entry {
    pub(super) name: OsString,
    pub(super) kind: EntryKind,
}

#[derive(Debug)]
pub(super) enum EntryKind {
    Directory,
    File(io::Result<Metadata>),
    Link,
    /// A link that is followed, and its target.
    Followed(io::Result<Metadata>),
    Other(&'static str),
}

/// Lists a directory's entries in the byte order of their names.
///
/// # Errors
///
/// Returns the I/O error of opening the directory or of reading it.
pub fn list(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = match entry.file_type() {
            Ok(file_type) if file_type.is_dir() => EntryKind::Directory,
            Ok(file_type) if file_type.is_symlink() => EntryKind::Link,
            Ok(file_type) if file_type.is_file() => EntryKind::File(entry.metadata()),
            Ok(file_type) => EntryKind::Other(special(file_type)),
            // The entry may have been deleted meanwhile. The other entries are still listed.
            Err(error) => EntryKind::File(Err(error)),
        };
        entries.push(Entry {
            name: entry.file_name(),
            kind,
        });
    }
    sort(&mut entries);
    Ok(entries)
}

fn sort(entries: &mut [Entry]) {
    entries.sort_unstable_by(|a, b| a.sort_key().cmp(b.sort_key()));
}

impl Entry {
    /// Reports whether it is a directory, or a followed link to one.
    pub(super) fn is_directory(&self) -> bool {
        match &self.kind {
            EntryKind::Directory => true,
            EntryKind::Followed(Ok(metadata)) => metadata.is_dir(),
            _ => false,
        }
    }

    /// Returns the bytes by which it sorts: those that occur in the paths below it.
    fn sort_key(&self) -> impl Iterator<Item = u8> + '_ {
        let slash = self.is_directory().then_some(b'/');
        self.name.as_bytes().iter().copied().chain(slash)
    }
}

/// Resolves the links of a directory. The targets decide the links' places in the order.
pub(super) fn follow(directory: &Path, entries: &mut [Entry]) {
    for entry in &mut *entries {
        if let EntryKind::Link = entry.kind {
            entry.kind = EntryKind::Followed(fs::metadata(directory.join(&entry.name)));
        }
    }
    sort(entries);
}

pub(super) fn special(file_type: FileType) -> &'static str {
    if file_type.is_fifo() {
        "pipe"
    } else if file_type.is_socket() {
        "socket"
    } else {
        "device"
    }
}
