//! Lists of paths, one after the other, which are read while the hunt goes on: they may be longer than memory.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// A list of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// Where it is; nothing for standard input.
    pub file: Option<PathBuf>,
    /// Whether a zero byte ends a path, and not a line end.
    pub is_zero_separated: bool,
}

impl List {
    /// What it is called in messages.
    #[must_use]
    pub fn name(&self) -> &Path {
        self.file.as_deref().unwrap_or(Path::new("-"))
    }

    /// The paths, as they are read. Empty ones are passed over.
    ///
    /// # Errors
    ///
    /// What the system says; of reading on, in the place of a path.
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
