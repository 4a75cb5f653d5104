//! The last stage: the turns are emptied in order into the sink and the report.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::sink::Sink;
use super::worker::SourceReport;
use super::{Message, TICK, Turn};
use crate::config::Progress;
use crate::error::Error;
use crate::report::{Diagnostic, Outcome, PassReport, Stats, Tally};

/// Empties the turns.
pub(super) struct Collector<'a, T, K> {
    pub(super) sink: &'a mut dyn Sink<T, K>,
    pub(super) report: &'a mut PassReport,
    pub(super) progress: &'a Progress,
}

impl<T, K> Collector<'_, T, K> {
    pub(super) fn collect(mut self, turns: &Receiver<Turn<T, K>>) -> Result<(), Error> {
        loop {
            let turn = match turns.recv_timeout(TICK) {
                Ok(turn) => turn,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.sink.tick(true)?;
                    continue;
                }
            };
            // A large source may take long, so finished work is saved now.
            self.sink.tick(matches!(turn, Turn::Large(..)))?;
            self.turn(turn)?;
            self.check_stop()?;
        }
        for id in self.sink.left_to_replay()? {
            self.replay(id)?;
        }
        self.sink.tick(true)
    }

    fn turn(&mut self, turn: Turn<T, K>) -> Result<(), Error> {
        match turn {
            Turn::Batch(messages, tickets) => {
                self.sink.begin(&tickets);
                self.messages(&messages, None)?;
                self.end(&tickets)?;
            }
            Turn::Large(path, pieces, ticket) => {
                self.sink.begin(ticket.as_slice());
                let mut whole = SourceReport::default();
                for messages in pieces {
                    self.messages(&messages, Some(&mut whole))?;
                }
                self.source(&path, whole);
                self.end(ticket.as_slice())?;
            }
            Turn::Known(n_whole, n_partial) => self.report.add_known(n_whole, n_partial),
            Turn::Replay(id, is_whole) => {
                self.report
                    .add_known(u64::from(is_whole), u64::from(!is_whole));
                self.replay(id)?;
            }
            Turn::Failed(error) => return Err(*error),
            Turn::Defect(path, defect) => {
                let mut tally = Tally::default();
                tally.add(Outcome::Failed, Stats::default(), &path);
                self.report.add_sources(&tally);
                self.report_one(Diagnostic::new(&path.to_string_lossy(), defect));
            }
            Turn::Link => self.report.sources.links_not_followed += 1,
            Turn::Repeated => self.report.sources.repeated += 1,
            Turn::PassedOver => self.report.sources.folders_passed_over += 1,
            Turn::Excluded => self.report.sources.excluded += 1,
        }
        Ok(())
    }

    fn messages(
        &mut self,
        messages: &Receiver<Message<T>>,
        mut whole: Option<&mut SourceReport>,
    ) -> Result<(), Error> {
        let mut is_closed = false;
        for message in messages {
            self.check_stop()?;
            is_closed = matches!(message, Message::Tally(_) | Message::Piece(_));
            match message {
                Message::Outputs(outputs, _permit) => {
                    for output in outputs {
                        self.sink.take(output)?;
                    }
                }
                Message::Tally(tally) => self.tally(&tally),
                Message::Source(path, source) => self.source(&path, *source),
                Message::Piece(piece) => {
                    if let Some(whole) = &mut whole {
                        whole.add(*piece);
                    }
                }
            }
        }
        // A thread that died has not said what came of its sources: these are not done. The run ends with its panic.
        is_closed.then_some(()).ok_or(Error::Interrupted)
    }

    fn check_stop(&self) -> Result<(), Error> {
        match self.progress.stop.load(Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// Ends a turn whose work is done.
    fn end(&mut self, tickets: &[K]) -> Result<(), Error> {
        // A turn that was interrupted is not complete.
        self.check_stop()?;
        self.sink.end(tickets)
    }

    /// Takes the outputs that an earlier run found but could not write.
    fn replay(&mut self, id: i64) -> Result<(), Error> {
        let reported = self.sink.replay(id)?;
        reported.into_iter().for_each(|one| self.report_one(one));
        Ok(())
    }

    fn tally(&mut self, tally: &Tally) {
        self.sink.events(tally.n_events());
        self.report.add_sources(tally);
    }

    fn source(&mut self, path: &Path, source: SourceReport) {
        let (outcome, stats, defects) = source.finish();
        let mut tally = Tally::default();
        tally.add(outcome, stats, path);
        self.tally(&tally);
        let name = path.to_string_lossy();
        let diagnostics = defects
            .into_iter()
            .map(|defect| Diagnostic::new(&name, defect));
        let diagnostics: Vec<_> = diagnostics.collect();
        self.sink.source(path, outcome, &diagnostics);
        diagnostics.into_iter().for_each(|one| self.report_one(one));
    }

    fn report_one(&mut self, diagnostic: Diagnostic) {
        self.sink.diagnostic(&diagnostic);
        self.report.add_diagnostic(diagnostic);
    }
}
