//! Destinations of the alerts: a file, an object, the files of a dataset, or standard output; and their names.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::dataset::Dataset;
use crate::store::Uri;

/// The destination of the alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A file, which appears complete or not at all.
    File(PathBuf),
    /// An object in a bucket, which appears complete or not at all.
    Object(Uri),
    /// Files of a dataset, each of which appears complete or not at all.
    Dataset(Dataset),
    /// Standard output; alerts are written as they come.
    Stdout,
    /// Nowhere: alerts are reported but not written.
    Nowhere,
}

impl Destination {
    /// Returns the file or object that has this path or address.
    pub(super) fn from_path(path: &Path) -> io::Result<Self> {
        match Uri::of(path) {
            Some(Ok(uri)) => Ok(Self::Object(uri)),
            Some(Err(message)) => Err(io::Error::other(message)),
            None => Ok(Self::File(path.to_owned())),
        }
    }

    /// Returns the name of this place in the ledger. Returns nothing for standard output, and for a dataset, because
    /// the names of its files are unique.
    pub(crate) fn place(&self) -> Option<String> {
        match self {
            Self::File(path) => Some(place_of(path)),
            Self::Object(uri) => Some(uri.to_string()),
            Self::Dataset(_) | Self::Stdout | Self::Nowhere => None,
        }
    }

    /// Returns the name used in messages.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Object(uri) => uri.to_string(),
            Self::Dataset(dataset) => dataset.folder.display().to_string(),
            Self::Stdout => "standard output".to_owned(),
            Self::Nowhere => "nothing".to_owned(),
        }
    }
}

/// Returns the name of a path or address in the ledger.
pub(super) fn place_of(path: &Path) -> String {
    if let Some(Ok(uri)) = Uri::of(path) {
        return uri.to_string();
    }
    let absolute = std::path::absolute(path);
    let absolute = absolute.as_deref().unwrap_or(path);
    absolute.to_string_lossy().into_owned()
}

/// Returns the path or address, beside an output, for the output of a run that read less: `alerts.incomplete.parquet`.
#[must_use]
pub fn incomplete_name(output: &Path) -> PathBuf {
    let bytes = output.as_os_str().as_bytes();
    let n_folder = bytes
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |n| n + 1);
    let (folder, name) = bytes.split_at(n_folder);
    let name = incomplete(OsStr::from_bytes(name));
    PathBuf::from(OsString::from_vec([folder, name.as_bytes()].concat()))
}

/// Returns the same for a file name.
pub(super) fn incomplete(name: &OsStr) -> OsString {
    let name = Path::new(name);
    let mut made = name.file_stem().unwrap_or_default().to_owned();
    made.push(".incomplete");
    if let Some(extension) = name.extension() {
        made.push(".");
        made.push(extension);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_output_has_a_name_beside_that_of_the_whole_one() {
        for (name, beside) in [
            ("alerts.parquet", "alerts.incomplete.parquet"),
            ("/a.b/alerts", "/a.b/alerts.incomplete"),
            ("s3://b//x//a.ndjson", "s3://b//x//a.incomplete.ndjson"),
            (".hidden", ".hidden.incomplete"),
        ] {
            assert_eq!(incomplete_name(Path::new(name)), Path::new(beside));
        }
    }
}
