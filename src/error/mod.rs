//! What ends a run. Bad *input* never does: that is a [`crate::report::Defect`].

mod ledger;

use std::path::PathBuf;

pub use ledger::LedgerError;

/// The run could not be carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The alerts or the report cannot be written where they were asked for.
    #[error("{path}: cannot be written", path = path.display())]
    Output {
        /// The path that was asked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The alerts cannot be laid out as Parquet or NDJSON.
    #[error("{path}: alerts cannot be encoded", path = path.display())]
    Encode {
        /// The path that was asked for.
        path: PathBuf,
        /// What the encoder said.
        source: arrow_schema::ArrowError,
    },
    /// The ledger cannot be used.
    #[error("{path}", path = path.display())]
    Ledger {
        /// Its path.
        path: PathBuf,
        /// What is wrong.
        source: LedgerError,
    },
    /// An output holds alerts of an earlier run, and would be replaced.
    #[error(
        "{path}: it holds alerts of an earlier run with this ledger, which are in no other place, and there are new ones; name \
         another output",
        path = path.display()
    )]
    OutputTaken {
        /// The output.
        path: PathBuf,
    },
    /// A file of a dataset whose others did not get their names is still there.
    #[error(
        "{path}: it is left of an output that was broken off, and cannot be taken away; remove it by hand, since its alerts will be \
         written again",
        path = path.display()
    )]
    LeftOver {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The reader of standard output went away.
    #[error("the reader of standard output closed it")]
    OutputClosed,
    /// No threads could be started.
    #[error("cannot start {n_threads} threads")]
    Threads {
        /// How many were asked for.
        n_threads: usize,
        /// What rayon said.
        source: rayon::ThreadPoolBuildError,
    },
    /// The run was asked to stop before its end; no output was written.
    #[error("interrupted")]
    Interrupted,
}
