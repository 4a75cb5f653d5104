//! Where the outputs of a pass go: on one thread, in the order of the sources.

use std::path::Path;

use crate::error::Error;
use crate::report::{Diagnostic, Outcome};

/// Takes what comes of a pass. An error of any method ends the run, and is given back by it.
///
/// Sources come in turns: a small number of small ones, or a large one. Of a turn comes [`begin`](Self::begin), then
/// outputs and what its sources came to, then [`end`](Self::end).
pub trait Sink<T, K = ()> {
    /// Takes an output.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn take(&mut self, output: T) -> Result<(), Error>;

    /// Begins a turn. It has the [tickets](super::Gate::Ticket) of its sources.
    fn begin(&mut self, _tickets: &[K]) {}

    /// Ends a turn of which nothing was broken off.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn end(&mut self, _tickets: &[K]) -> Result<(), Error> {
        Ok(())
    }

    /// Takes note of a source of which there is something to report.
    fn source(&mut self, _path: &Path, _outcome: Outcome, _diagnostics: &[Diagnostic]) {}

    /// Takes note of so many more events that were read.
    fn events(&mut self, _n_events: u64) {}

    /// Takes note of a diagnostic, of a source or of anything else.
    fn diagnostic(&mut self, _diagnostic: &Diagnostic) {}

    /// Takes what came of a source in an earlier run, and gives back what that reported.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn replay(&mut self, _id: i64) -> Result<Vec<Diagnostic>, Error> {
        Ok(Vec::new())
    }

    /// Returns what is left to replay once all sources had their turn.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn left_to_replay(&mut self) -> Result<Vec<i64>, Error> {
        Ok(Vec::new())
    }

    /// Called at least every [`TICK`](super::TICK). With `now` what is done is to be kept in any case.
    ///
    /// # Errors
    ///
    /// What ends the run.
    fn tick(&mut self, _now: bool) -> Result<(), Error> {
        Ok(())
    }
}

impl<T, K, F: FnMut(T) -> Result<(), Error>> Sink<T, K> for F {
    fn take(&mut self, output: T) -> Result<(), Error> {
        self(output)
    }
}
