//! The output files of a hunt. Groups of rows are encoded in parallel with the scan.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use arrow_schema::ArrowError;
use crossbeam_channel::{Receiver, bounded};
use rayon::ThreadPool;

use super::journal::{Held, failed};
use crate::engine::panic_message;
use crate::error::Error;
use crate::input::source::Identity;
use crate::ledger::Ledger;
use crate::output::fate::Verdict;
use crate::output::opened::{Closed, Output};
use crate::output::{Alert, Encoded, Encoder, Group, Written};
use crate::report::{Fate, Placed};

/// The files that are written.
pub(super) struct Tables {
    pub(super) alerts: Table,
    /// The related events, if they are requested.
    pub(super) related: Option<Table>,
    /// The events of what rules over several events find, if they are requested.
    pub(super) events: Option<Table>,
}

/// A file of rows.
pub(super) struct Table {
    output: Output,
    /// True if the existing file of this name has rows of earlier runs that are in no other place.
    is_held: bool,
    encoder: Encoder,
    /// Groups that are being encoded, in order.
    groups: VecDeque<Receiver<Result<Encoded, ArrowError>>>,
}

impl Tables {
    /// Writes the groups that are still being encoded.
    pub(super) fn write_all(&mut self) -> Result<(), Error> {
        let tables = std::iter::once(&mut self.alerts).chain(&mut self.related);
        let mut tables = tables.chain(&mut self.events);
        tables.try_for_each(|table| table.write_groups(0))
    }

    /// Returns the identities of the files.
    pub(super) fn identities(&self) -> Result<Vec<Identity>, Error> {
        let tables = std::iter::once(&self.alerts).chain(&self.related);
        let tables = tables.chain(&self.events);
        let identities = tables.map(|table| table.output.identity());
        Ok(identities
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Writes the ends of the files, and decides what happens to them. No file has its final name yet.
    pub(super) fn close(self, verdict: Verdict, held: &Held<'_>) -> Result<Endings, Error> {
        let mut endings = Endings::default();
        // The alerts come last: if they are there, everything is there.
        let beside = Verdict {
            is_of_dataset: false,
            ..verdict
        };
        let tables = self.events.into_iter().chain(self.related);
        let tables = tables.map(|table| (table, beside));
        for (table, verdict) in tables.chain([(self.alerts, verdict)]) {
            let is_held = table.is_held;
            let (closed, placed) = table.output.close()?.settle(verdict, is_held)?;
            if placed.fate == Fate::Incomplete {
                closed.written().iter().try_for_each(|f| held.refuse(f))?;
            }
            endings.closed.push(closed);
            endings.placed.insert(0, placed);
        }
        Ok(endings)
    }
}

/// Files that are complete but do not have their final names yet.
#[derive(Default)]
pub(super) struct Endings {
    closed: Vec<Closed>,
    /// The fate of each file, the alerts first.
    pub(super) placed: Vec<Placed>,
}

impl Endings {
    /// Gives the files their final names, and records this in the ledger.
    pub(super) fn finish(mut self, ledger: Option<&Ledger>) -> Result<(), Error> {
        self.closed.iter_mut().try_for_each(Closed::sync)?;
        if let Some(ledger) = ledger {
            let files: Vec<Written> = self.closed.iter().flat_map(Closed::written).collect();
            ledger.intend(&files).map_err(failed(ledger.path()))?;
        }
        self.closed.into_iter().try_for_each(Closed::commit)?;
        ledger.map_or(Ok(()), |ledger| {
            ledger.delivered().map_err(failed(ledger.path()))
        })
    }
}

impl Table {
    pub(super) fn new(output: Output, is_held: bool) -> Self {
        Self {
            encoder: output.encoder(),
            output,
            is_held,
            groups: VecDeque::new(),
        }
    }

    pub(super) fn append(&mut self, alert: Alert, pool: &ThreadPool) -> Result<(), Error> {
        if self.is_held {
            let path = self.output.path().to_owned();
            return Err(Error::OutputTaken { path });
        }
        match self.output.append(alert) {
            Some(group) => self.encode(group, pool),
            None => Ok(()),
        }
    }

    /// Encodes a group in the pool. At most as many groups are encoded at the same time as it has threads.
    fn encode(&mut self, group: Group, pool: &ThreadPool) -> Result<(), Error> {
        self.write_groups(pool.current_num_threads().saturating_sub(1))?;
        let (encoded, receiver) = bounded(1);
        self.groups.push_back(receiver);
        let encoder = self.encoder.clone();
        pool.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| encoder.encode(group)));
            let result = result.unwrap_or_else(|panic| {
                Err(ArrowError::ComputeError(panic_message(panic.as_ref())))
            });
            // If the table is gone, it has ended the run and knows the reason.
            encoded.send(result).ok();
        });
        Ok(())
    }

    /// Writes encoded groups until only `n_left` groups are left to wait for.
    fn write_groups(&mut self, n_left: usize) -> Result<(), Error> {
        while self.groups.len() > n_left {
            let group = self.groups.pop_front().and_then(|group| group.recv().ok());
            self.output
                .write(group.expect("every group is encoded, or told why not"))?;
        }
        Ok(())
    }
}
