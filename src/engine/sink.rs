//! The destination of the outputs of a pass: on one thread, in the order of the sources.

use std::path::Path;

use crate::error::Error;
use crate::report::{Diagnostic, Outcome};

/// Takes the results of a pass. An error of any method ends the run, and the run returns it.
///
/// Sources come in turns: a turn is a small number of small sources, or one large source. In each turn,
/// [`begin`](Self::begin) is called first, then the outputs and the results of its sources, then [`end`](Self::end).
pub trait Sink<T, K = ()> {
    /// Takes an output.
    ///
    /// # Errors
    ///
    /// Returns an error that ends the run.
    fn take(&mut self, output: T) -> Result<(), Error>;

    /// Begins a turn. `_tickets` are the [tickets](super::Gate::Ticket) of its sources.
    fn begin(&mut self, _tickets: &[K]) {}

    /// Ends a turn that was not interrupted.
    ///
    /// # Errors
    ///
    /// Returns an error that ends the run.
    fn end(&mut self, _tickets: &[K]) -> Result<(), Error> {
        Ok(())
    }

    /// Records a source that has something to report.
    fn source(&mut self, _path: &Path, _outcome: Outcome, _diagnostics: &[Diagnostic]) {}

    /// Adds to the number of events that were read.
    fn events(&mut self, _n_events: u64) {}

    /// Records a diagnostic, of a source or of anything else.
    fn diagnostic(&mut self, _diagnostic: &Diagnostic) {}

    /// Takes the outputs of a source from an earlier run. Returns the diagnostics of that run.
    ///
    /// # Errors
    ///
    /// Returns an error that ends the run.
    fn replay(&mut self, _id: i64) -> Result<Vec<Diagnostic>, Error> {
        Ok(Vec::new())
    }

    /// Returns the ids that are left to replay after the turns of all sources.
    ///
    /// # Errors
    ///
    /// Returns an error that ends the run.
    fn left_to_replay(&mut self) -> Result<Vec<i64>, Error> {
        Ok(Vec::new())
    }

    /// Runs between turns, and at least every [`TICK`](super::TICK) while none begins. If `now` is set, finished work must be saved in any case.
    ///
    /// # Errors
    ///
    /// Returns an error that ends the run.
    fn tick(&mut self, _now: bool) -> Result<(), Error> {
        Ok(())
    }
}

impl<T, K, F: FnMut(T) -> Result<(), Error>> Sink<T, K> for F {
    fn take(&mut self, output: T) -> Result<(), Error> {
        self(output)
    }
}
