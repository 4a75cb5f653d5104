//! The report of a hunt: counts that balance, and a diagnostic for everything that was not read.
//!
//! In: the result for each source ([`Outcome`]). Out: a [`Report`], which serializes to the JSON of `--report`. A
//! [`Defect`] is bad *input*; it is a value and never control flow. An error that ends the run is a [`crate::Error`].
//! This module prints nothing, and does not use files or rules.

mod defect;
pub mod evidence;
mod events;
mod placed;
mod related;
mod rules;

use std::collections::BTreeMap;
use std::ops::AddAssign;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use defect::{Code, Defect, Diagnostic, Member, Severity, Space};
pub(crate) use events::LogEvents;
pub use events::{EventCounts, TimeFields, TimeSpan};
pub use placed::{Fate, Placed};
pub use related::{RelatedCounts, Relation};
pub use rules::{
    BUILTIN_PACK, ExceptionReport, RefusedRule, RuleName, RuleReport, RuleReports, SeverityReport,
};

/// The result for a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Read to its end, every candidate decided.
    Read,
    /// Read to its end; it is empty.
    Empty,
    /// Opened, but a part of it was not read or not decided.
    Partial,
    /// Nothing of it was read.
    Failed,
}

/// Counts of one worker or one run, merged by value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Stats {
    /// Bytes read, as stored.
    pub stored_bytes: u64,
    /// Bytes searched, after decompression.
    pub text_bytes: u64,
    /// Events that may match: regions of text that contain a search term and were extracted for parsing.
    pub candidates: u64,
    /// Candidates that were parsed.
    pub candidates_parsed: u64,
    /// Candidates that could not be parsed; each has a diagnostic.
    pub candidates_defective: u64,
    /// CloudTrail events read. The count is exact for files as AWS delivers them and for tables; otherwise events are
    /// counted by their time keys.
    pub events_read: u64,
    /// The first and the last time of these events.
    #[serde(flatten)]
    #[schemars(with = "TimeFields")]
    pub event_times: TimeSpan,
    /// CloudTrail events found in the candidates and judged by the rule.
    pub events_judged: u64,
    /// Documents known to contain no event (digest and Insight files, other services' notifications).
    pub documents_without_events: u64,
    /// Judged events outside the requested times, accounts or regions; these events are left out.
    pub events_outside: u64,
    /// Entries of archives that were left out by their names.
    pub entries_excluded: u64,
}

impl AddAssign for Stats {
    fn add_assign(&mut self, other: Self) {
        // Without `..`: if a new counter is not merged, the code does not compile.
        let Self {
            stored_bytes,
            text_bytes,
            candidates,
            candidates_parsed,
            candidates_defective,
            events_read,
            event_times,
            events_judged,
            documents_without_events,
            events_outside,
            entries_excluded,
        } = other;
        self.stored_bytes += stored_bytes;
        self.text_bytes += text_bytes;
        self.candidates += candidates;
        self.candidates_parsed += candidates_parsed;
        self.candidates_defective += candidates_defective;
        self.events_read += events_read;
        self.event_times += event_times;
        self.events_judged += events_judged;
        self.documents_without_events += documents_without_events;
        self.events_outside += events_outside;
        self.entries_excluded += entries_excluded;
    }
}

/// The number of sources with each outcome, and their bytes as stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Sources {
    /// Sources found.
    pub found: u64,
    /// Sources that were read to their end, every candidate decided.
    pub read: u64,
    /// Sources that are empty.
    pub empty: u64,
    /// Sources that were opened, but a part was not read or not decided.
    pub partial: u64,
    /// Sources from which nothing was read.
    pub failed: u64,
    /// Stored bytes of the sources that were read completely.
    pub read_bytes: u64,
    /// Stored bytes that were read of the partial sources.
    pub partial_bytes: u64,
    /// Symbolic links that were not followed; they are not sources.
    pub links_not_followed: u64,
    /// Files found again under another path; they are read once.
    pub repeated: u64,
    /// Sources that are done according to the ledger; they were not read again.
    pub known: u64,
    /// Number of these that could not be read completely at that time.
    pub known_partial: u64,
    /// Folders that were not listed because, by the layout of the archive, nothing inside them is selected.
    pub folders_passed_over: u64,
    /// Sources that were read completely and contain no event.
    pub without_events: u64,
    /// Files, and folders with everything in them, that were left out by their names; they are not sources.
    #[serde(default)]
    pub excluded: u64,
}

/// The results of sources.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    sources: Sources,
    stats: Stats,
    /// The names of the first sources without events.
    without_events: Vec<String>,
}

/// Maximum number of files without events that are named.
pub const WITHOUT_EVENTS_NAMED: usize = 20;

/// Folders whose files are known to contain no events; these files are not named.
const FOLDERS_WITHOUT_EVENTS: [&str; 2] = ["CloudTrail-Digest", "CloudTrail-Insight"];

impl Tally {
    /// Adds the result of one source.
    pub fn add(&mut self, outcome: Outcome, stats: Stats, path: &Path) {
        let sources = &mut self.sources;
        sources.found += 1;
        match outcome {
            Outcome::Read => {
                sources.read += 1;
                sources.read_bytes += stats.stored_bytes;
                if stats.events_read == 0 {
                    sources.without_events += 1;
                    let is_usual =
                        |part| FOLDERS_WITHOUT_EVENTS.iter().any(|folder| part == *folder);
                    let is_usual = path.iter().any(is_usual);
                    if !is_usual && self.without_events.len() < WITHOUT_EVENTS_NAMED {
                        self.without_events
                            .push(path.to_string_lossy().into_owned());
                    }
                }
            }
            Outcome::Empty => sources.empty += 1,
            Outcome::Partial => {
                sources.partial += 1;
                sources.partial_bytes += stats.stored_bytes;
            }
            Outcome::Failed => sources.failed += 1,
        }
        self.stats += stats;
    }
}

impl Tally {
    /// Returns the number of events in them.
    #[must_use]
    pub fn n_events(&self) -> u64 {
        self.stats.events_read
    }
}

impl AddAssign for Sources {
    fn add_assign(&mut self, other: Self) {
        let Self {
            found,
            read,
            empty,
            partial,
            failed,
            read_bytes,
            partial_bytes,
            links_not_followed,
            repeated,
            known,
            known_partial,
            folders_passed_over,
            without_events,
            excluded,
        } = other;
        self.found += found;
        self.read += read;
        self.empty += empty;
        self.partial += partial;
        self.failed += failed;
        self.read_bytes += read_bytes;
        self.partial_bytes += partial_bytes;
        self.links_not_followed += links_not_followed;
        self.repeated += repeated;
        self.known += known;
        self.known_partial += known_partial;
        self.folders_passed_over += folders_passed_over;
        self.without_events += without_events;
        self.excluded += excluded;
    }
}

/// Number of diagnostics that are kept with their text. Further ones are only counted, so that a million bad files do
/// not fill the memory.
pub const DIAGNOSTICS_KEPT: usize = 10_000;

/// The report of a pass over an archive: what was read, and what could not be read.
#[derive(Debug, Clone)]
pub struct PassReport {
    /// The start of the pass, UTC.
    pub started_at: jiff::Timestamp,
    /// True if everything was read and every candidate decided.
    pub complete: bool,
    /// Sources by outcome.
    pub sources: Sources,
    /// Counts over all sources.
    pub stats: Stats,
    /// The first [`WITHOUT_EVENTS_NAMED`] files that were read and contain no event.
    pub files_without_events: Vec<String>,
    /// The number of diagnostics for each code.
    pub diagnostics_by_code: BTreeMap<Code, u64>,
    /// The first [`DIAGNOSTICS_KEPT`] diagnostics, in source order.
    pub diagnostics: Vec<Diagnostic>,
}

impl Default for PassReport {
    /// Creates an empty report of a pass that starts now.
    fn default() -> Self {
        Self {
            started_at: now(),
            complete: true,
            sources: Sources::default(),
            stats: Stats::default(),
            files_without_events: Vec::new(),
            diagnostics_by_code: BTreeMap::new(),
            diagnostics: Vec::new(),
        }
    }
}

impl PassReport {
    /// Adds the results of sources.
    pub fn add_sources(&mut self, tally: &Tally) {
        self.sources += tally.sources;
        self.stats += tally.stats;
        let n_left = WITHOUT_EVENTS_NAMED - self.files_without_events.len();
        let named = tally.without_events.iter().take(n_left);
        self.files_without_events.extend(named.cloned());
    }

    /// Adds sources that are already done; some of them could not be read completely.
    pub fn add_known(&mut self, n_whole: u64, n_partial: u64) {
        self.sources.found += n_whole + n_partial;
        self.sources.known += n_whole + n_partial;
        self.sources.known_partial += n_partial;
        self.complete &= n_partial == 0;
    }

    /// Adds one diagnostic.
    pub fn add_diagnostic(&mut self, diagnostic: Diagnostic) {
        self.complete &= diagnostic.severity < Severity::Error;
        *self.diagnostics_by_code.entry(diagnostic.code).or_default() += 1;
        if self.diagnostics.len() < DIAGNOSTICS_KEPT {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Checks that the counts balance.
    ///
    /// # Panics
    ///
    /// If they do not: then a source or a candidate was lost without a message, which must never happen.
    pub fn check(&self) {
        let Sources {
            found,
            read,
            empty,
            partial,
            failed,
            read_bytes,
            partial_bytes,
            known,
            ..
        } = self.sources;
        assert_eq!(
            found,
            read + empty + partial + failed + known,
            "a source has no outcome"
        );
        assert_eq!(
            self.stats.stored_bytes,
            read_bytes + partial_bytes,
            "bytes have no outcome"
        );
        assert_eq!(
            self.stats.candidates,
            self.stats.candidates_parsed + self.stats.candidates_defective,
            "a candidate has no outcome"
        );
        assert!(
            self.stats.events_judged <= self.stats.events_read,
            "an event was judged and not counted"
        );
        assert!(
            !self.complete || partial + failed == 0,
            "a source was not read whole, and no diagnostic says so"
        );
    }
}

/// The version of the report's form. It grows when a field gets another meaning or goes away, not when one is added.
pub const REPORT_SCHEMA_VERSION: u32 = 1;

/// Returns the present time, to the millisecond.
pub(crate) fn now() -> jiff::Timestamp {
    let now = jiff::Timestamp::now();
    jiff::Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// Whom the alerts are about. Sightings of one event count once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Affected {
    /// Number of distinct events among the alerts, for each rule.
    pub distinct_events: u64,
    /// Number of distinct users that the events acted on, by account and name.
    pub distinct_users: u64,
    /// Number of accounts that got the events.
    pub distinct_accounts: u64,
}

/// The full report of a hunt.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Report {
    /// The version of the report's form. It grows when a field goes away or gets another meaning.
    pub schema_version: u32,
    /// The program's version.
    pub version: &'static str,
    /// This run's id, which is also in the alerts' file.
    pub run_id: String,
    /// The rules, each with the number of its alerts.
    #[serde(flatten)]
    pub rules: RuleReports,
    /// The command line, word by word; empty if a library's caller started the run.
    pub command: Vec<String>,
    /// The paths and addresses that were named: files, folders, lists and manifests.
    pub inputs: Vec<String>,
    /// The start of the run, UTC, to the millisecond.
    #[schemars(with = "String")]
    pub started_at: jiff::Timestamp,
    /// Its end, before the outputs got their names.
    #[schemars(with = "String")]
    pub finished_at: jiff::Timestamp,
    /// The duration of the run.
    pub elapsed_ms: u64,
    /// True if everything was read and every candidate decided: the exit code is then 0, otherwise 3.
    pub complete: bool,
    /// Number of alert rows written.
    pub alerts: u64,
    /// Whom they are about.
    #[serde(flatten)]
    pub affected: Affected,
    /// The fate of each output.
    pub outputs: Vec<Placed>,
    /// Sources by outcome.
    pub sources: Sources,
    /// Counts over all sources.
    #[serde(flatten)]
    pub stats: Stats,
    /// The number of events that name the policy but are not alerts, by their relation to a quarantine. Absent if no
    /// rule finds quarantines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub related: Option<RelatedCounts>,
    /// What AWS's digest files prove of the archive. Absent if no public keys were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<evidence::Evidence>,
    /// The first 20 files that were read and contain no event.
    pub files_without_events: Vec<String>,
    /// The number of diagnostics for each code.
    pub diagnostics_by_code: BTreeMap<Code, u64>,
    /// The first 10,000 diagnostics, in source order.
    pub diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Creates the report of a run with this single pass.
    #[must_use]
    pub fn new(run_id: String, rules: RuleReports, pass: PassReport) -> Self {
        let PassReport {
            started_at,
            complete,
            sources,
            stats,
            files_without_events,
            diagnostics_by_code,
            diagnostics,
        } = pass;
        Self {
            schema_version: REPORT_SCHEMA_VERSION,
            version: env!("CARGO_PKG_VERSION"),
            run_id,
            alerts: rules.rules.iter().map(|rule| rule.alerts).sum(),
            rules,
            command: Vec::new(),
            inputs: Vec::new(),
            started_at,
            finished_at: started_at,
            elapsed_ms: 0,
            complete,
            affected: Affected::default(),
            outputs: Vec::new(),
            sources,
            stats,
            related: None,
            evidence: None,
            files_without_events,
            diagnostics_by_code,
            diagnostics,
        }
    }

    /// Returns the total number of diagnostics.
    #[must_use]
    pub fn n_diagnostics(&self) -> u64 {
        self.diagnostics_by_code.values().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_leaves_the_run_complete_and_an_error_does_not() {
        let mut report = PassReport::default();
        report.add_diagnostic(Diagnostic::new(
            "a",
            Defect::new(Code::DuplicateKeys, "twice"),
        ));
        assert!(report.complete);
        report.add_diagnostic(Diagnostic::new(
            "a",
            Defect::text(Code::RecordCut, 7, "cut off"),
        ));
        assert!(!report.complete);
        assert_eq!(report.diagnostics_by_code[&Code::RecordCut], 1);
        assert_eq!(
            report.diagnostics[1].to_string(),
            "a@7 of the text: cut off"
        );
    }

    #[test]
    #[should_panic(expected = "a candidate has no outcome")]
    fn a_lost_candidate_is_noticed() {
        let mut report = PassReport::default();
        let mut tally = Tally::default();
        tally.add(
            Outcome::Read,
            Stats {
                candidates: 1,
                ..Stats::default()
            },
            Path::new("a"),
        );
        report.add_sources(&tally);
        report.check();
    }

    #[test]
    fn diagnostics_beyond_the_kept_ones_are_still_counted() {
        let mut report = PassReport::default();
        for _ in 0..DIAGNOSTICS_KEPT + 5 {
            report.add_diagnostic(Diagnostic::new("a", Defect::new(Code::Unreadable, "x")));
        }
        assert_eq!(report.diagnostics.len(), DIAGNOSTICS_KEPT);
        let report = Report::new("r".into(), RuleReports::default(), report);
        assert_eq!(report.n_diagnostics(), DIAGNOSTICS_KEPT as u64 + 5);
    }
}
