//! What becomes of an output that is written to its end, beside an older one of its name.
//!
//! An older output is evidence as well. A run that read everything replaces it; one that read nothing leaves it; one that
//! read less than all replaces it only by at least as many rows, and is else written beside it.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use super::destination::Closed;
use super::target::Target;
use crate::error::Error;
use crate::report::{Fate, Placed};

/// What a run came to, as far as its outputs are concerned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    /// Whether it read no event.
    pub(crate) has_read_nothing: bool,
    /// Whether it read everything.
    pub(crate) is_complete: bool,
    /// Whether an older output is to be spared by a run that read less.
    pub(crate) spares_older: bool,
    /// Whether the file is one of many of a folder, where one without rows says nothing.
    pub(crate) is_of_dataset: bool,
}

impl Closed {
    /// Decides what becomes of an output. `is_held` tells whether the older one has rows of earlier runs that are in no
    /// other place; then this one has none.
    ///
    /// # Errors
    ///
    /// If the output cannot be written beside the older one.
    pub(crate) fn settle(self, verdict: Verdict, is_held: bool) -> Result<(Self, Placed), Error> {
        match self {
            Self::One(target, n_rows) => settle(target, n_rows, verdict, is_held),
            Self::Parts(files) => {
                let name = files.folder().display().to_string();
                let fate = match files.len() {
                    0 => Fate::NoRows,
                    _ => Fate::Written,
                };
                let rows = files.written().map(|file| file.n_rows).sum();
                Ok((Self::Parts(files), placed(name, fate, rows)))
            }
            Self::Nothing => Ok((self, placed(String::new(), Fate::NoRows, 0))),
        }
    }
}

fn placed(name: String, fate: Fate, rows: u64) -> Placed {
    Placed {
        name,
        fate,
        rows,
        written_to: None,
    }
}

fn settle(
    mut target: Target,
    n_rows: u64,
    verdict: Verdict,
    is_held: bool,
) -> Result<(Closed, Placed), Error> {
    let name = target.path().display().to_string();
    let placed = |fate| placed(name.clone(), fate, n_rows);
    if verdict.is_of_dataset && n_rows == 0 {
        return Ok((Closed::Nothing, placed(Fate::NoRows)));
    }
    if is_held {
        return Ok((Closed::Nothing, placed(Fate::UpToDate)));
    }
    if !target.has_older() {
        return Ok((Closed::One(target, n_rows), placed(Fate::Written)));
    }
    if verdict.spares_older && verdict.has_read_nothing {
        return Ok((Closed::Nothing, placed(Fate::Kept)));
    }
    let is_spared = verdict.spares_older && !verdict.is_complete;
    // What cannot be counted may have more.
    if is_spared && target.older_rows().is_none_or(|older| n_rows < older) {
        target.write_beside()?;
        let placed = Placed {
            written_to: Some(target.path().display().to_string()),
            ..placed(Fate::Incomplete)
        };
        return Ok((Closed::One(target, n_rows), placed));
    }
    Ok((Closed::One(target, n_rows), placed(Fate::Replaced)))
}

/// The path or address beside an output where that of a run goes that read less: `alerts.incomplete.parquet`.
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

/// The same of a name.
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
