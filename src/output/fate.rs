//! Decides what to do with a finished output if an older output with the same name exists.
//!
//! An older output is evidence too. A run that read everything replaces it. A run that read nothing leaves it. A run
//! that read only a part replaces it only if the new output has at least as many rows; otherwise the new output is
//! written beside it.

use std::path::Path;

use super::opened::Closed;
use super::target::Target;
use crate::error::Error;
use crate::report::{Fate, Placed};

/// The result of a run, as far as its outputs need it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verdict {
    /// True if the run read no event.
    pub(crate) has_read_nothing: bool,
    /// True if the run read everything.
    pub(crate) is_complete: bool,
    /// True if a run that read less must not replace an older output.
    pub(crate) spares_older: bool,
    /// True if the file is one of many in a folder. Such a file is not needed if it has no rows.
    pub(crate) is_of_dataset: bool,
}

impl Closed {
    /// Decides what to do with an output. `is_held` is true if the older output has rows of earlier runs that are in no
    /// other place; in that case the new output has none of them.
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
    mut target: Box<Target>,
    n_rows: u64,
    verdict: Verdict,
    is_held: bool,
) -> Result<(Closed, Placed), Error> {
    let name = target.path().display().to_string();
    let placed = |fate| placed(name.clone(), fate, n_rows);
    if verdict.is_of_dataset && n_rows == 0 {
        // A file of this name never exists, and its folder does.
        let folder = target.path().parent().unwrap_or(Path::new(""));
        let placed = Placed {
            name: format!("{}/", folder.display()),
            ..placed(Fate::NoRows)
        };
        return Ok((Closed::Nothing, placed));
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
    // If the older rows cannot be counted, the older output may have more.
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
