//! The choice of the sources that are read. Each source that is found is passed to a [`Gate`], on one thread, in
//! order.

use std::path::PathBuf;

use crate::error::Error;
use crate::input::Source;

/// Decides for each source if it is read.
pub trait Gate: Send {
    /// The data kept about a source that is read, until all its outputs are in the [`Sink`](super::Sink).
    type Ticket: Send;

    /// Decides on a source.
    ///
    /// # Errors
    ///
    /// Returns an error that ends the run.
    fn admit(&mut self, source: &Source) -> Result<Admission<Self::Ticket>, Error>;

    /// Returns the paths of the sources that should have been found but were not, once the walk has ended.
    ///
    /// # Errors
    ///
    /// Returns an error that ends the run.
    fn missing(&mut self) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }
}

/// The decision about a source.
#[derive(Debug)]
pub enum Admission<K> {
    /// The source is read.
    Read(Option<K>),
    /// The source is already done.
    Done {
        /// True if it was read completely.
        is_whole: bool,
    },
    /// The source is done, but the sink must still take its outputs.
    Replay {
        /// The id by which the sink knows it.
        id: i64,
        /// True if it was read completely.
        is_whole: bool,
    },
}

/// Admits every source.
#[derive(Debug, Clone, Copy)]
pub struct ReadAll;

impl Gate for ReadAll {
    type Ticket = ();

    fn admit(&mut self, _: &Source) -> Result<Admission<()>, Error> {
        Ok(Admission::Read(None))
    }
}
