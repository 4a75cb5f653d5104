//! From what the walk finds to jobs and turns.

use std::collections::HashSet;
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_channel::{Sender, bounded, unbounded};

use super::Turn;
use super::journal::{self, Places, Reached};
use super::schedule::{Job, Large, Schedule};
use crate::config::HuntConfig;
use crate::input::Source;
use crate::input::discover::{DiscoverOptions, Found};
use crate::input::gone;
use crate::input::open::MAP_BYTES;
use crate::input::source::SourceKind;
use crate::ledger::{Known, Ledger};
use crate::report::Outcome;
use crate::worker::large::Cutter;

/// The most small sources of a job: what is done once for a job is then little beside them.
const BATCH_SOURCES: usize = 64;
/// The most stored bytes of a job of several sources: the last jobs end at about the same time.
const BATCH_STORED_BYTES: u64 = 256 * 1024;

/// Gives what was found its turn, and sources also to the threads.
pub(super) struct Feed<'a> {
    config: &'a HuntConfig,
    turns: Sender<Turn>,
    schedule: &'a Schedule,
    ledger: Option<&'a Ledger>,
    places: Places,
    batch: Vec<Source>,
    /// The batch as the ledger knows it, if there is one.
    reached: Vec<Reached>,
    /// Sources that are done: how many were read whole, and how many not.
    known: (u64, u64),
    /// Sources that are there, and that an earlier run could not read.
    unread_before: HashSet<Vec<u8>>,
    batch_bytes: u64,
}

impl<'a> Feed<'a> {
    pub(super) fn new(
        config: &'a HuntConfig,
        turns: Sender<Turn>,
        schedule: &'a Schedule,
        ledger: Option<&'a Ledger>,
    ) -> Self {
        Self {
            config,
            turns,
            schedule,
            ledger,
            places: Places::default(),
            batch: Vec::new(),
            reached: Vec::new(),
            known: (0, 0),
            unread_before: HashSet::new(),
            batch_bytes: 0,
        }
    }

    pub(super) fn take_in(&mut self, found: Found) -> ControlFlow<()> {
        match found {
            Found::Source(source) => {
                let reached = self.ask_ledger(&source)?;
                let ControlFlow::Continue(reached) = reached else {
                    return ControlFlow::Continue(());
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
                    return self.large(source, reached);
                }
                if let SourceKind::Object(object) = &source.kind
                    && !object.try_fetch()
                {
                    // What takes the room must be on its way to the threads before anyone waits for it.
                    self.flush()?;
                    object.fetch();
                }
                self.batch_bytes += source.stored_bytes;
                self.batch.push(source);
                self.reached.extend(reached);
                let is_full =
                    self.batch.len() >= BATCH_SOURCES || self.batch_bytes >= BATCH_STORED_BYTES;
                // A thread that has nothing to do does not wait for a full batch.
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

    /// What the ledger is to remember of a source, if there is one; `Break` inside if it is done.
    fn ask_ledger(&mut self, source: &Source) -> ControlFlow<(), ControlFlow<(), Option<Reached>>> {
        let to_read = |reached| ControlFlow::Continue(ControlFlow::Continue(reached));
        let Some((ledger, mut seen)) = self.ledger.zip(self.places.seen(source)) else {
            return to_read(None);
        };
        match ledger.known(&seen) {
            Ok(Known::ToRead(earlier)) => {
                if earlier.is_some_and(|earlier| earlier.outcome == Outcome::Failed) {
                    self.unread_before.insert(seen.path.clone());
                }
                seen.earlier = earlier;
                return to_read(Some((source.path.clone(), seen)));
            }
            Ok(Known::Done(true)) => self.known.0 += 1,
            Ok(Known::Done(false)) => self.known.1 += 1,
            Ok(Known::Waiting(id, is_whole)) => {
                self.flush()?;
                self.turn(Turn::Waiting(id, is_whole))?;
            }
            Err(error) => {
                let error = journal::failed(ledger.path())(error);
                self.turn(Turn::Failed(Box::new(error)))?;
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(ControlFlow::Break(()))
    }

    /// Tells what the ledger knows as unread and the walk did not find any more.
    pub(super) fn gone(&mut self, options: &DiscoverOptions) -> ControlFlow<()> {
        let Some(ledger) = self.ledger else {
            return ControlFlow::Continue(());
        };
        match ledger.unread() {
            Ok(mut unread) => {
                unread.retain(|path| !self.unread_before.contains(path));
                let paths = unread
                    .into_iter()
                    .map(OsString::from_vec)
                    .map(PathBuf::from);
                let gone = gone::gone(paths.collect(), &self.config.roots, options);
                gone.into_iter().try_for_each(|found| self.take_in(found))
            }
            Err(error) => {
                let error = journal::failed(ledger.path())(error);
                self.turn(Turn::Failed(Box::new(error)))?;
                ControlFlow::Break(())
            }
        }
    }

    /// Sends off what waits for more.
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
        let reached = std::mem::take(&mut self.reached);
        self.turn(Turn::Batch(receiver, reached))?;
        self.schedule.push(Job::Batch { sources, messages });
        ControlFlow::Continue(())
    }

    fn large(&mut self, source: Source, reached: Option<Reached>) -> ControlFlow<()> {
        let (pieces, receiver) = bounded(self.config.n_threads + 2);
        self.turn(Turn::Large(source.path.clone(), receiver, reached))?;
        let cutter = Box::new(Cutter::new(source, self.config.block_bytes));
        self.schedule.push(Job::Large(Large { cutter, pieces }));
        ControlFlow::Continue(())
    }

    fn turn(&self, turn: Turn) -> ControlFlow<()> {
        match self.turns.send(turn) {
            Ok(()) => ControlFlow::Continue(()),
            // The sink has ended the run.
            Err(_) => ControlFlow::Break(()),
        }
    }
}
