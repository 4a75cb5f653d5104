//! The destination of the findings of a hunt: its files, through the ledger if there is one.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::ThreadPool;

use super::Notice;
use super::analyzer::HuntAnalyzer;
use super::finding::Finding;
use super::journal::{Journal, Reached};
use super::over_time::{Answer, Answers, leave};
use super::tables::Tables;
use super::tally::Tally;
use crate::engine::Sink;
use crate::error::Error;
use crate::output::Alert;
use crate::output::waiting::WaitingRows;
use crate::report::evidence::LogStatus;
use crate::report::{Defect, Diagnostic, Outcome, RelatedCounts};

/// Returns what AWS signed about the log of a row; nothing if no keys are given.
pub(super) type Status<'s> = &'s dyn Fn(&Alert) -> Option<LogStatus>;

/// Writes the findings of a hunt.
pub(super) struct Writer<'a> {
    pub(super) tables: Tables,
    journal: Option<Journal<'a>>,
    /// Sources of earlier runs whose rows are in no output yet, and that this run has not found so far.
    left_over: BTreeSet<i64>,
    analyzer: &'a HuntAnalyzer<'a>,
    /// The threads that encode full groups of rows.
    pool: &'a ThreadPool,
    notify: &'a mut dyn FnMut(Notice<'_>),
    tally: Tally,
    /// The rows, if they wait for the verdicts on their logs.
    waiting: Option<WaitingRows>,
    /// The number of rows that a rule may have.
    max_per_rule: u64,
    /// Number of rows of related events that were received.
    n_related: u64,
    /// Counts of all related events, if the rule has any.
    related: Option<RelatedCounts>,
    /// Collects the events of rules over several events, if there are such rules.
    answers: Option<Answers<'a>>,
    /// What is to be reported of the ledger.
    defects: Vec<Defect>,
}

/// What is left when all findings were written.
pub(super) struct Finished {
    pub(super) tables: Tables,
    pub(super) tally: Tally,
    pub(super) related: Option<RelatedCounts>,
    /// What is to be reported of the ledger.
    pub(super) defects: Vec<Defect>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(
        tables: Tables,
        journal: Option<Journal<'a>>,
        analyzer: &'a HuntAnalyzer<'a>,
        pool: &'a ThreadPool,
        notify: &'a mut dyn FnMut(Notice<'_>),
    ) -> Result<Self, Error> {
        let left_over = match &journal {
            Some(journal) => journal.all_waiting()?.into_iter().collect(),
            None => BTreeSet::new(),
        };
        let ledger = journal.as_ref().map(Journal::ledger);
        let (answers, left) = match (analyzer.over_time(), ledger) {
            (Some(over_time), _) => (Some(over_time.answers(ledger)?), None),
            (None, Some(ledger)) => (None, leave(ledger)?),
            (None, None) => (None, None),
        };
        Ok(Self {
            tables,
            journal,
            left_over,
            analyzer,
            pool,
            notify,
            tally: analyzer.tally(),
            waiting: None,
            max_per_rule: analyzer.max_per_rule(),
            n_related: 0,
            related: analyzer.companion().map(|_| RelatedCounts::default()),
            answers,
            defects: left.into_iter().collect(),
        })
    }

    /// Ends the rows: those of what fires of rules over several events come after all others. `has_read_all` is false if
    /// a source could not be read completely, so that a later run may read it; `status` returns what is proved of the log
    /// of an event.
    pub(super) fn end_rows(&mut self, has_read_all: bool, status: Status<'_>) -> Result<(), Error> {
        if let Some(answers) = self.answers.take() {
            let defects = answers.finish(has_read_all, &mut |mut answer| {
                for event in &mut answer.events {
                    event.log_status = status(event);
                }
                self.answer(answer)
            })?;
            self.defects.extend(defects);
        }
        self.tables.write_all()
    }

    fn answer(&mut self, answer: Answer) -> Result<(), Error> {
        let rule = answer.row.rule();
        if self.tally.n_alerts(rule) < self.max_per_rule
            && let Some(table) = &mut self.tables.events
        {
            let mut events = answer.events.into_iter();
            events.try_for_each(|event| table.append(event, self.pool))?;
        }
        if let Some(journal) = &self.journal {
            journal.add_decided(&answer.row)?;
        }
        self.row(answer.row)
    }

    /// Has all rows wait until they are [released](Self::release_rows).
    pub(super) fn hold_rows(&mut self) {
        self.waiting = Some(WaitingRows::new());
    }

    /// Writes the rows that waited. `status` returns what is proved of the log of a row.
    pub(super) fn release_rows(&mut self, status: Status<'_>) -> Result<(), Error> {
        let waiting = self.waiting.take();
        waiting.map_or(Ok(()), |waiting| {
            waiting.each(&mut |mut row| {
                row.log_status = status(&row);
                self.append(row)
            })
        })
    }

    /// Writes a row to its table, or has it wait.
    fn append(&mut self, row: Alert) -> Result<(), Error> {
        if let Some(waiting) = &mut self.waiting {
            return waiting.push(&row);
        }
        match row.relation() {
            None => self.tables.alerts.append(row, self.pool),
            Some(_) => {
                let table = self.tables.related.as_mut();
                table.map_or(Ok(()), |table| table.append(row, self.pool))
            }
        }
    }

    /// Ends the work.
    pub(super) fn finish(self) -> Finished {
        Finished {
            tables: self.tables,
            tally: self.tally,
            related: self.related,
            defects: self.defects,
        }
    }

    /// Writes a row, unless an earlier run wrote it.
    fn row_once(&mut self, row: Alert) -> Result<(), Error> {
        let is_row = row.relation().is_none() || self.tables.related.is_some();
        if let Some(journal) = self.journal.as_mut().filter(|_| is_row)
            && !journal.take(&row)?
        {
            return Ok(());
        }
        self.row(row)
    }

    fn row(&mut self, row: Alert) -> Result<(), Error> {
        if row.relation().is_some() {
            (self.notify)(Notice::Related(&row));
            // Rows arrive in order, so no later row can be among the first ones.
            self.n_related += 1;
            if let Some(companion) = self.analyzer.companion() {
                companion.has_shown(self.n_related);
            }
            return match self.tables.related {
                Some(_) => self.append(row),
                None => Ok(()),
            };
        }
        if self.tally.n_alerts(row.rule()) >= self.max_per_rule {
            self.tally.leave_out(&row);
            return Ok(());
        }
        (self.notify)(Notice::Alert(&row));
        self.tally
            .add(&row, self.analyzer.rules().severity(row.rule()));
        self.append(row)
    }
}

impl Sink<Finding, Reached> for Writer<'_> {
    fn take(&mut self, finding: Finding) -> Result<(), Error> {
        match finding {
            Finding::Alert(row) | Finding::Related(row) => self.row_once(row),
            Finding::Counts(source, counts) => {
                if let Some(journal) = &mut self.journal {
                    journal.count_related(&source, *counts);
                }
                *self.related.get_or_insert_default() += *counts;
                Ok(())
            }
            Finding::OverTime(found) => match &mut self.answers {
                Some(answers) => answers.take(*found),
                None => Ok(()),
            },
            Finding::Suppressed(counts) => {
                self.tally.suppress(&counts);
                Ok(())
            }
        }
    }

    fn begin(&mut self, reached: &[Reached]) {
        if let Some(journal) = &mut self.journal {
            journal.begin(reached);
        }
    }

    fn end(&mut self, reached: &[Reached]) -> Result<(), Error> {
        self.answers.as_ref().map_or(Ok(()), Answers::end_turn)?;
        let journal = self.journal.as_mut();
        journal.map_or(Ok(()), |journal| journal.end(reached))
    }

    fn source(&mut self, path: &Path, outcome: Outcome, diagnostics: &[Diagnostic]) {
        if let Some(journal) = &mut self.journal {
            journal.report(path, outcome, diagnostics.to_vec());
        }
    }

    fn events(&mut self, n_events: u64) {
        if let Some(journal) = &mut self.journal {
            journal.count_events(n_events);
        }
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        (self.notify)(Notice::Diagnostic(diagnostic));
    }

    fn replay(&mut self, id: i64) -> Result<Vec<Diagnostic>, Error> {
        self.left_over.remove(&id);
        let Some(journal) = self.journal.take() else {
            return Ok(Vec::new());
        };
        let n_rules = self.analyzer.n_rules();
        let waiting = journal.waiting(id, n_rules, &mut |row| self.row(row));
        self.journal = Some(journal);
        let waiting = waiting?;
        if let Some(counts) = waiting.related {
            *self.related.get_or_insert_default() += counts;
        }
        Ok(waiting.diagnostics)
    }

    /// Returns the sources whose alerts are in no output yet, and that this run did not find again.
    fn left_to_replay(&mut self) -> Result<Vec<i64>, Error> {
        let still_there: BTreeSet<i64> = match &self.journal {
            Some(journal) if !self.left_over.is_empty() => {
                journal.all_waiting()?.into_iter().collect()
            }
            _ => BTreeSet::new(),
        };
        let left = self.left_over.intersection(&still_there);
        Ok(left.copied().collect())
    }

    fn tick(&mut self, now: bool) -> Result<(), Error> {
        let journal = self.journal.as_mut();
        journal.map_or(Ok(()), |journal| journal.commit(now))
    }
}
