//! Which sources are read. Each that is found is taken to a [`Gate`], on one thread, in their order.

use std::path::PathBuf;

use crate::error::Error;
use crate::input::Source;

/// Decides for each source whether it is read.
pub trait Gate: Send {
    /// What it remembers of a source that is read, until all of that is in the [`Sink`](super::Sink).
    type Ticket: Send;

    /// Decides on a source.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn admit(&mut self, source: &Source) -> Result<Admission<Self::Ticket>, Error>;

    /// Returns the paths of what should have been found and was not, once everything is found.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn missing(&mut self) -> Result<Vec<PathBuf>, Error> {
        Ok(Vec::new())
    }
}

/// What becomes of a source.
#[derive(Debug)]
pub enum Admission<K> {
    /// It is read.
    Read(Option<K>),
    /// It is done. Was it read whole?
    Done {
        /// Whether it was.
        is_whole: bool,
    },
    /// It is done, and the sink still has to take what came of it.
    Replay {
        /// What the sink knows it by.
        id: i64,
        /// Whether it was read whole.
        is_whole: bool,
    },
}

/// Has everything read.
#[derive(Debug, Clone, Copy)]
pub struct ReadAll;

impl Gate for ReadAll {
    type Ticket = ();

    fn admit(&mut self, _: &Source) -> Result<Admission<()>, Error> {
        Ok(Admission::Read(None))
    }
}
