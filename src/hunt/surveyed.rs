//! A hunt that also surveys what the archive holds, in the same pass.

use std::path::Path;

use super::finding::Finding;
use super::writer::Writer;
use crate::config::ScanConfig;
use crate::coverage::{Survey, Surveyed};
use crate::engine::{self, Analyzer, Either, Gate, RunOptions, Sink};
use crate::error::Error;
use crate::output::{Alert, Column};
use crate::report::{Diagnostic, Outcome, PassReport};

/// Makes the pass of a hunt, and has the survey take its part.
pub(super) fn run<A: Analyzer<Output = Finding>, G: Gate>(
    scan: &ScanConfig,
    gate: G,
    analyzer: &A,
    writer: &mut dyn Sink<Finding, G::Ticket>,
    survey: Option<&mut Survey>,
    options: RunOptions<'_>,
) -> Result<PassReport, Error> {
    let Some(survey) = survey else {
        return engine::run_with(scan, gate, analyzer, writer, options);
    };
    let both = (analyzer, survey.analyzer());
    engine::run_with(scan, gate, &both, &mut Both { writer, survey }, options)
}

/// Ends the rows after the pass. If a survey proves logs, it judges them first, and the rows that waited for that are
/// written.
pub(super) fn end_rows(
    writer: &mut Writer<'_>,
    survey: Option<&mut Survey>,
    has_read_all: bool,
) -> Result<(), Error> {
    let Some(survey) = survey.filter(|survey| survey.is_proving()) else {
        return writer.end_rows(has_read_all, &|_| None);
    };
    survey.judge();
    let survey = &*survey;
    let status = |row: &Alert| {
        let path = row.text(Column::LogFilePath).unwrap_or_default();
        Some(survey.log_status(path, row.text(Column::LogFileMember)))
    };
    writer.release_rows(&status)?;
    writer.end_rows(has_read_all, &status)
}

/// The writer of a hunt, and a survey.
struct Both<'a, K> {
    writer: &'a mut dyn Sink<Finding, K>,
    survey: &'a mut Survey,
}

impl<K> Sink<Either<Finding, Surveyed>, K> for Both<'_, K> {
    fn take(&mut self, output: Either<Finding, Surveyed>) -> Result<(), Error> {
        match output {
            Either::First(output) => {
                if let (true, Some(row)) = (self.survey.is_proving(), output.row()) {
                    let path = row.text(Column::LogFilePath).unwrap_or_default();
                    self.survey.mark(path, row.text(Column::LogFileMember));
                }
                self.writer.take(output)
            }
            Either::Second(output) => self.survey.take(output),
        }
    }

    fn begin(&mut self, tickets: &[K]) {
        self.writer.begin(tickets);
        self.survey.begin(&[]);
    }

    fn end(&mut self, tickets: &[K]) -> Result<(), Error> {
        self.survey.end_turn();
        self.writer.end(tickets)
    }

    fn source(&mut self, path: &Path, outcome: Outcome, diagnostics: &[Diagnostic]) {
        self.writer.source(path, outcome, diagnostics);
        self.survey.source(path, outcome, diagnostics);
    }

    fn events(&mut self, n_events: u64) {
        self.writer.events(n_events);
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        self.writer.diagnostic(diagnostic);
    }

    fn replay(&mut self, id: i64) -> Result<Vec<Diagnostic>, Error> {
        self.writer.replay(id)
    }

    fn left_to_replay(&mut self) -> Result<Vec<i64>, Error> {
        self.writer.left_to_replay()
    }

    fn tick(&mut self, now: bool) -> Result<(), Error> {
        self.writer.tick(now)
    }
}
