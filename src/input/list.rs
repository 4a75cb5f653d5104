//! Lists of paths, one after the other. They are read while the hunt runs, because they may be larger than
//! memory.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// A list of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The file; `None` for standard input.
    pub file: Option<PathBuf>,
    /// True if a zero byte ends a path, instead of a line end.
    pub is_zero_separated: bool,
}

impl List {
    /// Returns the list's name for messages.
    #[must_use]
    pub fn name(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("-"))
    }

    /// Returns the paths as they are read. Empty paths are skipped.
    ///
    /// # Errors
    ///
    /// Returns the I/O error of opening the list. An I/O error while reading is yielded in the place of a
    /// path.
    pub fn paths(&self) -> io::Result<impl Iterator<Item = io::Result<PathBuf>>> {
        let reader: Box<dyn Read> = match &self.file {
            Some(path) => Box::new(File::open(path)?),
            None => Box::new(io::stdin()),
        };
        let is_zero_separated = self.is_zero_separated;
        let separator = if is_zero_separated { 0 } else { b'\n' };
        let paths = BufReader::new(reader).split(separator);
        let paths = paths.map(move |path| {
            let mut path = path?;
            if !is_zero_separated && path.last() == Some(&b'\r') {
                path.pop();
            }
            Ok(PathBuf::from(OsString::from_vec(path)))
        });
        let is_path =
            |path: &io::Result<PathBuf>| !matches!(path, Ok(path) if path.as_os_str().is_empty());
        Ok(paths.filter(is_path))
    }
}
