//! The sink's side: the turns, emptied in their order.

use std::collections::{BTreeSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use arrow::error::ArrowError;
use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use rayon::ThreadPool;

use super::journal::{self, Held, Journal, Reached, failed};
use super::{Message, Notice, Turn, panic_message};
use crate::config::HuntConfig;
use crate::error::Error;
use crate::input::discover::Identity;
use crate::ledger::Ledger;
use crate::output::destination::{Closed, Output};
use crate::output::fate::Verdict;
use crate::output::{Alert, Written};
use crate::output::{Encoded, Encoder, Group};
use crate::report::{Defect, Diagnostic, Fate, Outcome, Placed, Report, Stats, Tally};
use crate::worker::{RELATED_SHOWN, SourceReport};

/// Writes the alerts and tells the defects of all turns. Full groups of alerts are encoded in `pool`.
pub(super) fn collect(
    turns: Receiver<Turn>,
    tables: &mut Tables,
    report: &mut Report,
    config: &HuntConfig,
    pool: &ThreadPool,
    journal: Option<Journal<'_>>,
    notify: &mut dyn FnMut(Notice<'_>),
) -> Result<(), Error> {
    let mut left_over = match &journal {
        Some(journal) => journal.all_waiting()?.into_iter().collect(),
        None => BTreeSet::new(),
    };
    let mut sink = Sink {
        tables,
        journal,
        n_related: 0,
        pool,
        report,
        config,
        notify,
    };
    loop {
        let turn = match turns.recv_timeout(journal::COMMIT_EVERY) {
            Ok(turn) => turn,
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                sink.commit(true)?;
                continue;
            }
        };
        // A large source may take its time.
        sink.commit(matches!(turn, Turn::Large(..)))?;
        match turn {
            Turn::Batch(messages, reached) => {
                sink.begin(&reached);
                sink.messages(&messages, None)?;
                sink.end(&reached)?;
            }
            Turn::Large(path, pieces, reached) => {
                sink.begin(reached.as_slice());
                let mut whole = SourceReport::default();
                for messages in pieces {
                    sink.messages(&messages, Some(&mut whole))?;
                }
                sink.source(&path, whole);
                sink.end(reached.as_slice())?;
            }
            Turn::Known(n_whole, n_partial) => sink.report.add_known(n_whole, n_partial),
            Turn::Waiting(id, is_whole) => {
                left_over.remove(&id);
                sink.report
                    .add_known(u64::from(is_whole), u64::from(!is_whole));
                sink.waiting(id)?;
            }
            Turn::Failed(error) => return Err(*error),
            Turn::Defect(path, defect) => {
                let mut tally = Tally::default();
                tally.add(Outcome::Failed, Stats::default(), &path);
                sink.report.add_sources(&tally);
                sink.tell(&path, defect);
            }
            Turn::Link => sink.report.sources.links_not_followed += 1,
            Turn::Repeated => sink.report.sources.repeated += 1,
            Turn::PassedOver => sink.report.sources.folders_passed_over += 1,
            Turn::Excluded => sink.report.sources.excluded += 1,
        }
        sink.check_stop()?;
    }
    // Alerts of sources that were not met again, and are in no output yet.
    let still_there: BTreeSet<i64> = match &sink.journal {
        Some(journal) if !left_over.is_empty() => journal.all_waiting()?.into_iter().collect(),
        _ => BTreeSet::new(),
    };
    for id in left_over.intersection(&still_there) {
        sink.waiting(*id)?;
    }
    sink.commit(true)?;
    sink.tables.write_all()
}

/// The files that are written.
pub(super) struct Tables {
    pub(super) alerts: Table,
    /// The events beside the alerts, where they are asked for.
    pub(super) related: Option<Table>,
}

/// A file of rows.
pub(super) struct Table {
    output: Output,
    /// Whether the file of its name has rows of earlier runs that are in no other place.
    is_held: bool,
    encoder: Encoder,
    /// Groups that are being encoded, in their order.
    groups: VecDeque<Receiver<Result<Encoded, ArrowError>>>,
}

impl Tables {
    /// Writes what is still being encoded.
    fn write_all(&mut self) -> Result<(), Error> {
        let mut tables = std::iter::once(&mut self.alerts).chain(&mut self.related);
        tables.try_for_each(|table| table.write_groups(0))
    }

    /// Which files these are.
    pub(super) fn identities(&self) -> Result<Vec<Identity>, Error> {
        let tables = std::iter::once(&self.alerts).chain(&self.related);
        let identities = tables.map(|table| table.output.identity());
        Ok(identities
            .collect::<Result<Vec<_>, _>>()?
            .into_iter()
            .flatten()
            .collect())
    }

    /// Writes the ends, and decides what becomes of the files, of which none has its name yet.
    pub(super) fn close(self, verdict: Verdict, held: &Held<'_>) -> Result<Endings, Error> {
        let mut endings = Endings::default();
        // The alerts last: where they are, all is there.
        let related = Verdict {
            is_of_dataset: false,
            ..verdict
        };
        let tables = self.related.into_iter().map(|table| (table, related));
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

/// Files that are written to their ends.
#[derive(Default)]
pub(super) struct Endings {
    closed: Vec<Closed>,
    /// What becomes of them, the alerts first.
    pub(super) placed: Vec<Placed>,
}

impl Endings {
    /// Gives the files their names, and has the ledger know it.
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

    fn append(&mut self, alert: Alert, pool: &ThreadPool, n_threads: usize) -> Result<(), Error> {
        if self.is_held {
            let path = self.output.path().to_owned();
            return Err(Error::OutputTaken { path });
        }
        match self.output.append(alert) {
            Some(group) => self.encode(group, pool, n_threads),
            None => Ok(()),
        }
    }

    /// Has a group encoded, as many at once as there are threads.
    fn encode(&mut self, group: Group, pool: &ThreadPool, n_threads: usize) -> Result<(), Error> {
        self.write_groups(n_threads.saturating_sub(1))?;
        let (encoded, receiver) = bounded(1);
        self.groups.push_back(receiver);
        let encoder = self.encoder.clone();
        pool.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| encoder.encode(group)));
            let result = result.unwrap_or_else(|panic| {
                Err(ArrowError::ComputeError(panic_message(panic.as_ref())))
            });
            // A sink that is gone has ended the run, and knows why.
            encoded.send(result).ok();
        });
        Ok(())
    }

    /// Writes groups that are encoded, until only so many are left to wait for.
    fn write_groups(&mut self, n_left: usize) -> Result<(), Error> {
        while self.groups.len() > n_left {
            let group = self.groups.pop_front().and_then(|group| group.recv().ok());
            self.output
                .write(group.expect("every group is encoded, or told why not"))?;
        }
        Ok(())
    }
}

struct Sink<'a> {
    tables: &'a mut Tables,
    journal: Option<Journal<'a>>,
    /// Rows of events beside the alerts that came.
    n_related: u64,
    pool: &'a ThreadPool,
    report: &'a mut Report,
    config: &'a HuntConfig,
    notify: &'a mut dyn FnMut(Notice<'_>),
}

impl Sink<'_> {
    fn messages(
        &mut self,
        messages: &Receiver<Message>,
        mut whole: Option<&mut SourceReport>,
    ) -> Result<(), Error> {
        for message in messages {
            self.check_stop()?;
            match message {
                Message::Alerts(alerts, _room) => {
                    for alert in alerts {
                        self.alert(alert)?;
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
        Ok(())
    }

    fn check_stop(&self) -> Result<(), Error> {
        match self.config.progress.stop.load(Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    /// A turn begins; its sources are named where there is a ledger.
    fn begin(&mut self, reached: &[Reached]) {
        if let Some(journal) = &mut self.journal {
            journal.begin(reached);
        }
    }

    /// All of a turn is done.
    fn end(&mut self, reached: &[Reached]) -> Result<(), Error> {
        // Of one that was broken off something is missing.
        self.check_stop()?;
        self.journal
            .as_mut()
            .map_or(Ok(()), |journal| journal.end(reached))
    }

    /// Commits what is done, if it is time to, or now.
    fn commit(&mut self, now: bool) -> Result<(), Error> {
        self.journal
            .as_mut()
            .map_or(Ok(()), |journal| journal.commit(now))
    }

    /// Takes what an earlier run found and could not write any more.
    fn waiting(&mut self, id: i64) -> Result<(), Error> {
        let Some(journal) = self.journal.take() else {
            return Ok(());
        };
        let told = journal.waiting(id, &mut |alert| self.row(alert));
        self.journal = Some(journal);
        for diagnostic in told? {
            self.say(diagnostic);
        }
        Ok(())
    }

    fn alert(&mut self, alert: Alert) -> Result<(), Error> {
        let is_row = alert.relation().is_none() || self.tables.related.is_some();
        if let Some(journal) = self.journal.as_mut().filter(|_| is_row)
            && !journal.take(&alert)?
        {
            return Ok(());
        }
        self.row(alert)
    }

    fn row(&mut self, alert: Alert) -> Result<(), Error> {
        let (pool, n_threads) = (self.pool, self.config.n_threads);
        if alert.relation().is_some() {
            (self.notify)(Notice::Related(&alert));
            // The ones before it came before it: no later one is among the first any more.
            self.n_related += 1;
            if self.n_related == RELATED_SHOWN {
                self.config.progress.has_shown_related.store(true, Relaxed);
            }
            let table = self.tables.related.as_mut();
            return table.map_or(Ok(()), |table| table.append(alert, pool, n_threads));
        }
        (self.notify)(Notice::Alert(&alert));
        self.report.alerts += 1;
        self.tables.alerts.append(alert, pool, n_threads)
    }

    fn tally(&mut self, tally: &Tally) {
        if let Some(journal) = &mut self.journal {
            journal.count_events(tally.n_events());
        }
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
        if let Some(journal) = &mut self.journal {
            journal.tell(path, outcome, diagnostics.clone());
        }
        for diagnostic in diagnostics {
            self.say(diagnostic);
        }
    }

    fn tell(&mut self, path: &Path, defect: Defect) {
        self.say(Diagnostic::new(&path.to_string_lossy(), defect));
    }

    fn say(&mut self, diagnostic: Diagnostic) {
        (self.notify)(Notice::Diagnostic(&diagnostic));
        self.report.add_diagnostic(diagnostic);
    }
}
