//! The passes of an investigation: each is a hunt through the same archive with different search terms.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::path::Path;
use std::time::Instant;

use jiff::{SignedDuration, Timestamp};

use super::about::{LookedFor, Round};
use super::analyzer::{CaseAnalyzer, Found};
use super::archive::Archive;
use crate::config::ScanConfig;
use crate::coverage::{self, CoverageMap, Survey};
use crate::engine::{self, Either, ReadAll, RunOptions, Sink};
use crate::error::Error;
use crate::follow::{PassQuery, PassTarget};
use crate::input::layout::delivered_at;
use crate::output::{Alert, Column};
use crate::report::{Code, DIAGNOSTICS_KEPT, Defect, Diagnostic, Outcome, PassReport};
use crate::rule::Rule;

/// The results of the passes so far.
pub(super) struct Rounds<'a> {
    rule: &'a Rule,
    scan: &'a ScanConfig,
    notify: &'a mut dyn FnMut(&Diagnostic),
    /// The sources that the first pass found.
    pub(super) archive: Archive,
    pub(super) done: Vec<Round>,
    /// The report of the first pass, which read everything.
    pub(super) first: Option<PassReport>,
    /// True if each pass read everything that it had to read.
    pub(super) is_whole: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// What the first pass shows of the archive, as a map; nothing if files have other names than CloudTrail's.
    pub(super) map: Option<CoverageMap>,
    /// Messages that were already reported, by hashes of their texts, because each pass finds them again.
    reported: ReportedMessages,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(
        rule: &'a Rule,
        scan: &'a ScanConfig,
        notify: &'a mut dyn FnMut(&Diagnostic),
    ) -> Self {
        Self {
            rule,
            scan,
            notify,
            archive: Archive::default(),
            done: Vec::new(),
            first: None,
            is_whole: true,
            diagnostics: Vec::new(),
            map: None,
            reported: ReportedMessages::default(),
        }
    }

    /// Runs a pass over the sources that may contain events from a time on, and calls `visit` for each event found.
    pub(super) fn run(
        &mut self,
        followed: PassQuery,
        since: Option<Timestamp>,
        visit: &mut dyn FnMut(&Found),
    ) -> Result<(), Error> {
        let looked_for = match followed.sought {
            PassTarget::CaseGraph(_) => LookedFor::Names,
            PassTarget::From { .. } => LookedFor::Addresses,
        };
        let needles = followed.needles.len();
        let mut scan = self.scan.clone();
        scan.wanted.since = scan.wanted.since.max(since);
        scan.progress.begin_again();
        let mut listed = self.first.is_none().then(Vec::new);
        let margin = scan.wanted.margin;
        if self.first.is_some() {
            scan.roots = vec![self.archive.from(since, margin)];
        }
        let mut taker = Taker {
            visit,
            notify: self.notify,
            diagnostics: &mut self.diagnostics,
            reported: &mut self.reported,
            margin,
            names_lie: false,
        };
        let options = RunOptions {
            listed: listed.as_mut(),
            ..RunOptions::default()
        };
        let analyzer = CaseAnalyzer::new(followed, self.rule, &scan.progress);
        let started = Instant::now();
        let mut survey = self.first.is_none().then(Survey::of_delivered);
        let report = match &mut survey {
            None => engine::run_with(&scan, ReadAll, &analyzer, &mut taker, options)?,
            Some(survey) => {
                let both = (&analyzer, survey.analyzer());
                let taker = &mut taker;
                let mut sink = Surveyed { taker, survey };
                engine::run_with(&scan, ReadAll, &both, &mut sink, options)?
            }
        };
        let elapsed = started.elapsed();
        let names_lie = taker.names_lie;
        if let Some(sources) = listed {
            self.archive = Archive::new(sources);
            let is_shown = self.archive.is_delivered() && !names_lie;
            self.map = survey.filter(|_| is_shown).map(Survey::into_map);
            self.report_streams();
        }
        self.archive.names_lie |= names_lie;
        self.done.push(Round {
            looked_for,
            needles,
            sources: report.sources.found,
            events: 0,
            elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        });
        self.is_whole &= report.complete;
        self.first.get_or_insert(report);
        Ok(())
    }

    /// Returns the configuration for another look at all sources.
    pub(super) fn scan_again(&self) -> ScanConfig {
        let mut scan = self.scan.clone();
        scan.progress.begin_again();
        scan.roots = vec![self.archive.from(None, scan.wanted.margin)];
        scan
    }

    /// Reports the sources that can be read only once. If such a source was named in a list, it is missing in all
    /// passes except the first.
    fn report_streams(&mut self) {
        for source in self.archive.streams() {
            let message = "a pipe can be read once, and later rounds go without it; name a file";
            let defect = Defect::new(Code::NotAFile, message.to_owned());
            let diagnostic = Diagnostic::new(&source.path.to_string_lossy(), defect);
            (self.notify)(&diagnostic);
            self.diagnostics.push(diagnostic);
            self.is_whole = false;
        }
    }

    /// Records the number of events that the last pass found.
    pub(super) fn found(&mut self, n_events: u64) {
        if let Some(round) = self.done.last_mut() {
            round.events = n_events;
        }
    }
}

/// Receives the results of one pass.
struct Taker<'a> {
    visit: &'a mut dyn FnMut(&Found),
    notify: &'a mut dyn FnMut(&Diagnostic),
    diagnostics: &'a mut Vec<Diagnostic>,
    reported: &'a mut ReportedMessages,
    margin: SignedDuration,
    /// True if an event is later than the delivery time in the name of its file.
    names_lie: bool,
}

impl Sink<Found> for Taker<'_> {
    fn take(&mut self, found: Found) -> Result<(), Error> {
        self.names_lie |= is_later_than_name(&found.alert, self.margin);
        (self.visit)(&found);
        Ok(())
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        if !self.reported.is_new(&diagnostic.to_string()) {
            return;
        }
        if self.diagnostics.len() < DIAGNOSTICS_KEPT {
            self.diagnostics.push(diagnostic.clone());
        }
        (self.notify)(diagnostic);
    }
}

/// Receives the results of the first pass, and what it shows of the archive.
struct Surveyed<'a, 't> {
    taker: &'a mut Taker<'t>,
    survey: &'a mut Survey,
}

impl Sink<Either<Found, coverage::Surveyed>> for Surveyed<'_, '_> {
    fn take(&mut self, output: Either<Found, coverage::Surveyed>) -> Result<(), Error> {
        match output {
            Either::First(found) => self.taker.take(found),
            Either::Second(surveyed) => self.survey.take(surveyed),
        }
    }

    fn begin(&mut self, _: &[()]) {
        self.survey.begin(&[]);
    }

    fn source(&mut self, path: &Path, outcome: Outcome, diagnostics: &[Diagnostic]) {
        self.survey.source(path, outcome, diagnostics);
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        self.taker.diagnostic(diagnostic);
    }
}

/// Returns whether an event is later than the delivery time in the name of its file. In that case the names say nothing
/// about the content of the files.
fn is_later_than_name(alert: &Alert, margin: SignedDuration) -> bool {
    let delivered = alert
        .text(Column::LogFilePath)
        .and_then(|source| delivered_at(Path::new(source)));
    let latest = delivered.and_then(|at| at.checked_add(margin).ok());
    latest
        .zip(alert.time())
        .is_some_and(|(latest, time)| latest < time)
}

/// Texts that were already reported, by 128 bits of their hashes: a million of them take some megabytes.
#[derive(Debug, Default)]
struct ReportedMessages {
    keys: [RandomState; 2],
    hashes: HashSet<[u64; 2]>,
}

impl ReportedMessages {
    /// Adds a text. Returns true if it is new.
    fn is_new(&mut self, text: &str) -> bool {
        let hash = [0, 1].map(|i| self.keys[i].hash_one(text));
        self.hashes.insert(hash)
    }
}
