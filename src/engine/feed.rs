//! Turns the results of the walk into jobs and turns.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_channel::{Sender, bounded, unbounded};

use super::Turn;
use super::gate::{Admission, Gate};
use super::schedule::{Job, Large, Schedule};
use super::worker::large::Cutter;
use crate::config::ScanConfig;
use crate::error::Error;
use crate::input::Source;
use crate::input::gone;
use crate::input::open::MAP_BYTES;
use crate::input::source::SourceKind;
use crate::input::walk::{DiscoverOptions, Found};

/// Largest number of small sources in a job. The fixed cost of a job is then small compared with theirs.
const BATCH_SOURCES: usize = 64;
/// Largest number of stored bytes in a job of several sources. The last jobs then end at about the same time.
const BATCH_STORED_BYTES: u64 = 256 * 1024;

/// Gives each result of the walk its turn, and passes sources to the threads.
pub(super) struct Feed<'a, T, G: Gate> {
    config: &'a ScanConfig,
    turns: Sender<Turn<T, G::Ticket>>,
    schedule: &'a Schedule<T>,
    gate: G,
    /// Returns true if a large source is divided among the threads.
    divides: &'a dyn Fn(&Source) -> bool,
    batch: Vec<Source>,
    /// The tickets of the batch.
    tickets: Vec<G::Ticket>,
    /// Sources that are already done: the number read completely, and the number not read completely.
    known: (u64, u64),
    batch_bytes: u64,
}

impl<'a, T, G: Gate> Feed<'a, T, G> {
    pub(super) fn new(
        config: &'a ScanConfig,
        turns: Sender<Turn<T, G::Ticket>>,
        schedule: &'a Schedule<T>,
        gate: G,
        divides: &'a dyn Fn(&Source) -> bool,
    ) -> Self {
        Self {
            config,
            turns,
            schedule,
            gate,
            divides,
            batch: Vec::new(),
            tickets: Vec::new(),
            known: (0, 0),
            batch_bytes: 0,
        }
    }

    pub(super) fn take_in(&mut self, found: Found) -> ControlFlow<()> {
        match found {
            Found::Source(source) => {
                let ticket = match self.gate.admit(&source) {
                    Ok(Admission::Read(ticket)) => ticket,
                    Ok(Admission::Done { is_whole }) => {
                        self.known.0 += u64::from(is_whole);
                        self.known.1 += u64::from(!is_whole);
                        return ControlFlow::Continue(());
                    }
                    Ok(Admission::Replay { id, is_whole }) => {
                        self.flush()?;
                        return self.turn(Turn::Replay(id, is_whole));
                    }
                    Err(error) => return self.fail(error),
                };
                let progress = &self.config.progress;
                progress.n_found.fetch_add(1, Relaxed);
                progress.found_bytes.fetch_add(source.stored_bytes, Relaxed);
                let is_large = match source.kind {
                    SourceKind::File => source.stored_bytes >= self.config.block_bytes as u64,
                    SourceKind::Object(_) => source.stored_bytes >= MAP_BYTES,
                    SourceKind::Stream | SourceKind::Stdin => true,
                };
                if is_large {
                    self.flush()?;
                    if (self.divides)(&source) {
                        return self.large(source, ticket);
                    }
                } else if let SourceKind::Object(object) = &source.kind
                    && !object.try_fetch()
                {
                    // The sources that use up the room must be on their way to the threads before this waits for it.
                    self.flush()?;
                    object.fetch();
                }
                self.batch_bytes += source.stored_bytes;
                self.batch.push(source);
                self.tickets.extend(ticket);
                let is_full = is_large
                    || self.batch.len() >= BATCH_SOURCES
                    || self.batch_bytes >= BATCH_STORED_BYTES;
                // An idle thread does not wait for a full batch.
                if is_full || self.schedule.is_empty() {
                    return self.flush();
                }
                ControlFlow::Continue(())
            }
            Found::Defect { path, defect } => {
                self.flush()?;
                self.turn(Turn::Defect(path, defect))
            }
            Found::Link => self.turn(Turn::Link),
            Found::Repeated => self.turn(Turn::Repeated),
            Found::PassedOver => self.turn(Turn::PassedOver),
            Found::Excluded => self.turn(Turn::Excluded),
        }
    }

    /// Reports the sources that should have been found but were not.
    pub(super) fn missing(&mut self, options: &DiscoverOptions) -> ControlFlow<()> {
        match self.gate.missing() {
            Ok(paths) => {
                let gone = gone::gone(paths, &self.config.roots, options);
                gone.into_iter().try_for_each(|found| self.take_in(found))
            }
            Err(error) => self.fail(error),
        }
    }

    /// Ends the run with this error.
    fn fail(&self, error: Error) -> ControlFlow<()> {
        self.turn(Turn::Failed(Box::new(error)))?;
        ControlFlow::Break(())
    }

    /// Sends the sources that wait for a full batch.
    pub(super) fn flush(&mut self) -> ControlFlow<()> {
        if self.known != (0, 0) {
            let (n_whole, n_partial) = std::mem::take(&mut self.known);
            self.turn(Turn::Known(n_whole, n_partial))?;
        }
        if self.batch.is_empty() {
            return ControlFlow::Continue(());
        }
        self.batch_bytes = 0;
        let sources = std::mem::take(&mut self.batch);
        let (messages, receiver) = unbounded();
        let tickets = std::mem::take(&mut self.tickets);
        self.turn(Turn::Batch(receiver, tickets))?;
        self.schedule.push(Job::Batch { sources, messages });
        ControlFlow::Continue(())
    }

    fn large(&mut self, source: Source, ticket: Option<G::Ticket>) -> ControlFlow<()> {
        let (pieces, receiver) = bounded(self.config.n_threads + 2);
        self.turn(Turn::Large(source.path.clone(), receiver, ticket))?;
        let cutter = Box::new(Cutter::new(source, self.config.block_bytes));
        self.schedule.push(Job::Large(Large { cutter, pieces }));
        ControlFlow::Continue(())
    }

    fn turn(&self, turn: Turn<T, G::Ticket>) -> ControlFlow<()> {
        match self.turns.send(turn) {
            Ok(()) => ControlFlow::Continue(()),
            // The collector has ended the run.
            Err(_) => ControlFlow::Break(()),
        }
    }
}
