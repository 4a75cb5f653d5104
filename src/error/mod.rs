//! The errors that end a run. Bad *input* never ends a run: it is a [`crate::report::Defect`].

mod feature;
mod ledger;
mod page;

use std::path::PathBuf;

pub use feature::MissingFeature;
pub use ledger::LedgerError;
pub use page::PageError;

/// An error that ends the run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The alerts or the report cannot be written to the requested path.
    #[error("{path}: cannot be written", path = path.display())]
    Output {
        /// The requested path.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The alerts cannot be encoded as Parquet or NDJSON.
    #[error("{path}: alerts cannot be encoded", path = path.display())]
    Encode {
        /// The requested path.
        path: PathBuf,
        /// The error of the encoder.
        source: arrow_schema::ArrowError,
    },
    /// The ledger cannot be used.
    #[error("{path}", path = path.display())]
    Ledger {
        /// Its path.
        path: PathBuf,
        /// The reason.
        source: LedgerError,
    },
    /// An output contains alerts of an earlier run, and would be replaced.
    #[error(
        "{path}: it holds alerts of an earlier run with this ledger, which are in no other place, and there are new ones; name \
         another output",
        path = path.display()
    )]
    OutputTaken {
        /// The output.
        path: PathBuf,
    },
    /// An output for related events is requested, and no rule has related events.
    #[error(
        "{path}: no rule of this hunt has related events, so there is nothing to write to it; leave out --related",
        path = path.display()
    )]
    NoRelated {
        /// The output.
        path: PathBuf,
    },
    /// A temporary file for the events of rules over several events cannot be written or read.
    #[error("the events of rules over several events cannot be kept in a temporary file")]
    Temporary {
        /// The I/O error.
        source: std::io::Error,
    },
    /// An output for the events of rules over several events is requested, and there is no such rule.
    #[error(
        "{path}: this hunt has no rule over several events, so there is nothing to write to it; leave out --events",
        path = path.display()
    )]
    NoOverTime {
        /// The output.
        path: PathBuf,
    },
    /// A file of a dataset is still there, although the other files did not get their names.
    #[error(
        "{path}: it is left of an output that was broken off, and cannot be taken away; remove it by hand, since its alerts will be \
         written again",
        path = path.display()
    )]
    LeftOver {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: std::io::Error,
    },
    /// The reader of standard output closed it.
    #[error("the reader of standard output closed it")]
    OutputClosed,
    /// The threads could not be started.
    #[error("cannot start {n_threads} threads")]
    Threads {
        /// The requested number of threads.
        n_threads: usize,
        /// The error of rayon.
        source: rayon::ThreadPoolBuildError,
    },
    /// The run was stopped before its end. No output was written.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// Returns the error of a temporary file for rules over several events.
    pub(crate) fn temporary(source: std::io::Error) -> Self {
        Self::Temporary { source }
    }
}
