//! A hunt: one pass over an archive with a set of rules, and its outputs.
//!
//! ```text
//! engine, with the analyzer on its threads ─▶ writer ─▶ tables ─▶ output
//!                                               ▲ │
//!                        rows of earlier runs   │ ▼  what is done
//!                                              journal ◀─▶ ledger
//! ```

mod analyzer;
mod broken;
pub(crate) mod companion;
mod finding;
mod journal;
mod judge;
mod known;
mod no_events;
mod over_time;
mod rows;
mod surveyed;
mod tables;
mod tally;
pub mod trial;
mod undecided;
mod unseen;
mod writer;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Instant;

use crate::config::HuntConfig;
use crate::coverage::Survey;
use crate::engine::{self, Candidate, Location, OwnFiles};
use crate::error::Error;
use crate::input::source::Identity;
use crate::ledger::Ledger;
use crate::output::fate::Verdict;
use crate::output::opened::{Output, OutputOptions};
use crate::output::{Alert, Destination, Kind, Place, RowEvent, RunIdentity, Schema, Target};
use crate::report::{Defect, Diagnostic, PassReport, Report};
use journal::{Held, Journal, LedgerGate};
use tables::{Table, Tables};
use unseen::{NotingGate, Origins};
use writer::{Finished, Writer};

pub use analyzer::HuntAnalyzer;
pub use finding::{Finding, FoundOverTime};

/// A notice of a hunt while it runs, in the order of the output.
#[derive(Debug)]
pub enum Notice<'a> {
    /// An alert that is being written; its `sighting` and what is proved of its log are not set yet.
    Alert(&'a Alert),
    /// A related event: each one if related events are requested, otherwise the first failed attachments and
    /// detachments.
    Related(&'a Alert),
    /// A diagnostic.
    Diagnostic(&'a Diagnostic),
}

/// The options of a run for its outputs, in addition to their paths.
#[derive(Debug, Default)]
pub struct RunOptions<'a> {
    /// The destination of the report, as JSON. It gets its name after the outputs.
    pub report: Option<Target>,
    /// True if a run does not replace an older output when it read nothing, or when it read less than everything and
    /// has fewer rows. If it is false, an older output is always replaced.
    pub spares_older: bool,
    /// True if the output is one of many files of a folder. It is then not written if it has no rows.
    pub is_of_dataset: bool,
    /// Takes what the archive holds, from the same pass, and judges the logs if it has public keys. All rows then wait
    /// until the pass has ended.
    pub survey: Option<&'a mut Survey>,
}

/// Runs a hunt: reads the roots, and writes a file of alerts and a report.
///
/// # Errors
///
/// Returns an error if the output cannot be written, if no thread can be started, or if the run was stopped. The
/// output is then unchanged. Input that cannot be read is not an error: it is a diagnostic in the report.
pub fn run(config: &HuntConfig, notify: &mut dyn FnMut(Notice<'_>)) -> Result<Report, Error> {
    run_with(config, RunOptions::default(), notify)
}

/// Runs a hunt with options, and writes a report.
///
/// # Errors
///
/// Returns the same errors as [`run`].
pub fn run_with(
    config: &HuntConfig,
    options: RunOptions<'_>,
    notify: &mut dyn FnMut(Notice<'_>),
) -> Result<Report, Error> {
    let started = Instant::now();
    refuse_related(config)?;
    refuse_events(config)?;
    let ledger = journal::open(config)?;
    let held = Held::new(config, ledger.as_ref())?;
    let RunOptions {
        report: target,
        spares_older,
        is_of_dataset,
        survey,
    } = options;
    let own_file = target.as_ref().map(Target::identity).transpose()?.flatten();
    let run = Run {
        config,
        ledger: ledger.as_ref(),
        held: &held,
        own_file,
    };
    let (tables, mut report) = run.hunt(survey, notify)?;
    let verdict = Verdict {
        has_read_nothing: has_read_nothing(&report),
        is_complete: report.complete,
        spares_older,
        is_of_dataset,
    };
    let endings = tables.close(verdict, &held)?;
    report.outputs.clone_from(&endings.placed);
    report.finished_at = crate::report::now();
    report.elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    // All of it is written before the first file gets its name. So a run that fails before that has written nothing.
    let target = target.map(|target| target.with_json(&report));
    let target = target.transpose()?;
    endings.finish(ledger.as_ref())?;
    target.map_or(Ok(()), Target::commit_last)?;
    Ok(report)
}

/// Returns an error if an output for related events is requested, and no rule has any.
fn refuse_related(config: &HuntConfig) -> Result<(), Error> {
    let mut rules = config.rules.iter();
    match &config.output.related {
        Some((to, _)) if !rules.any(|(_, one)| companion::is_of(&one.rule)) => {
            let path = PathBuf::from(to.place().unwrap_or_default());
            Err(Error::NoRelated { path })
        }
        _ => Ok(()),
    }
}

/// Returns an error if an output for events is requested without rules over several events.
fn refuse_events(config: &HuntConfig) -> Result<(), Error> {
    match &config.output.events {
        Some((to, _)) if config.rules.over_time().is_empty() => Err(Error::NoOverTime {
            path: PathBuf::from(to.place().unwrap_or_default()),
        }),
        _ => Ok(()),
    }
}

/// Returns true if a run read no event at all.
fn has_read_nothing(report: &Report) -> bool {
    report.alerts == 0 && report.stats.events_read == 0
}

/// A run and its settings.
struct Run<'a> {
    config: &'a HuntConfig,
    ledger: Option<&'a Ledger>,
    held: &'a Held<'a>,
    /// A file that the run writes and that is not one of the outputs.
    own_file: Option<Identity>,
}

impl Run<'_> {
    /// Reads everything, and returns the findings in files that are not complete yet.
    fn hunt(
        &self,
        mut survey: Option<&mut Survey>,
        notify: &mut dyn FnMut(Notice<'_>),
    ) -> Result<(Tables, Report), Error> {
        let (config, ledger) = (self.config, self.ledger);
        let scan = &config.scan;
        let run = RunIdentity {
            run_id: config.run_id.clone(),
            rules: config.rules.names(),
        };
        let tables = self.open_tables(&run)?;
        let mut own = OwnFiles {
            files: tables.identities()?,
            folder: own_folder(config),
        };
        own.files.extend(self.own_file);
        let analyzer = HuntAnalyzer::new(config);
        // For what is done beside the scan: directories are listed, groups of rows encoded.
        let side_pool = engine::threads(scan.n_threads)?;
        let journal = ledger.map(Journal::new);
        let mut writer = Writer::new(tables, journal, &analyzer, &side_pool, notify)?;
        if survey.as_ref().is_some_and(|survey| survey.is_proving()) {
            writer.hold_rows();
        }
        let (mut origins, mut known_partial) = (Origins::new(scan), BTreeSet::new());
        let gate = NotingGate {
            gate: LedgerGate::new(ledger, &mut known_partial),
            origins: &mut origins,
        };
        let options = engine::RunOptions {
            own,
            side_pool: Some(&side_pool),
            ..engine::RunOptions::default()
        };
        let pass = surveyed::run(
            scan,
            gate,
            &analyzer,
            &mut writer,
            survey.as_deref_mut(),
            options,
        );
        let pass = pass.and_then(|pass| {
            let has_read_all = pass.complete && known_partial.is_empty();
            surveyed::end_rows(&mut writer, survey.as_deref_mut(), has_read_all)?;
            Ok(pass)
        });
        if let (Err(_), Some(ledger)) = (&pass, ledger) {
            // Finished work stays finished. If the ledger itself failed, this is already reported.
            ledger.commit().ok();
        }
        let mut pass: PassReport = pass?;
        let Finished {
            tables,
            tally,
            related,
            defects,
        } = writer.finish();
        self.report_ledger(defects, &mut pass, notify);
        let rules = tally.reports(config);
        let n_alerts = rules.rules.iter().map(|rule| rule.alerts).sum();
        no_events::report(config, ledger, &mut pass, n_alerts, notify)?;
        origins.report(config, &mut pass, notify);
        known::report(ledger, &known_partial, &mut pass, notify)?;
        let mut report = Report::new(run.run_id, rules, pass);
        report.related = related;
        report.evidence = survey.as_ref().and_then(|survey| survey.evidence());
        report.affected = tally.affected();
        report.command.clone_from(&config.command);
        report.inputs = scan.roots.iter().map(|root| root.name()).collect();
        Ok((tables, report))
    }

    /// Reports what a ledger has to say of rules over several events.
    fn report_ledger(
        &self,
        defects: Vec<Defect>,
        report: &mut PassReport,
        notify: &mut dyn FnMut(Notice<'_>),
    ) {
        let path = self.ledger.map(|ledger| ledger.path().to_string_lossy());
        for defect in defects {
            let diagnostic = Diagnostic::new(path.as_deref().unwrap_or_default(), defect);
            notify(Notice::Diagnostic(&diagnostic));
            report.add_diagnostic(diagnostic);
        }
    }

    /// Opens the output files.
    fn open_tables(&self, run: &RunIdentity) -> Result<Tables, Error> {
        let (config, ledger) = (self.config, self.ledger);
        let to = &config.output;
        let open = |destination: &Destination, format, kind| {
            let options = OutputOptions {
                format,
                kind,
                rules: &config.rules,
                run,
                is_hashed: ledger.is_some(),
            };
            let mut output = Output::open(destination, &config.scan.stores, options)?;
            if let Some(ledger) = ledger {
                let sightings = ledger.sightings(kind == Kind::Related);
                output.seed(sightings.map_err(journal::failed(ledger.path()))?);
            }
            let is_held = self.held.holds(destination.place().as_deref())?;
            Ok::<_, Error>(Table::new(output, is_held))
        };
        let kind = match (to.schema, config.rules.over_time()) {
            (Schema::Flat, [_, ..]) => Kind::OverTime,
            (schema, _) => Kind::Alerts(schema),
        };
        let alerts = open(&to.destination, to.format, kind)?;
        let related = to.related.as_ref();
        let related = related.map(|(to, format)| open(to, *format, Kind::Related));
        let events = to.events.as_ref();
        let events = events.map(|(to, format)| open(to, *format, Kind::Alerts(Schema::Flat)));
        Ok(Tables {
            alerts,
            related: related.transpose()?,
            events: events.transpose()?,
        })
    }
}

/// Returns the name of the folder that contains the run's own files until they are complete, if that folder may be
/// inside a root.
fn own_folder(config: &HuntConfig) -> Option<OsString> {
    match &config.output.destination {
        Destination::Dataset(dataset) => Some(dataset.staging_name().into()),
        _ => None,
    }
}

/// Returns an event that was found at a place, for its row.
pub(crate) fn row_event<'a>(found: &'a Candidate<'_>, at: &Location<'a>) -> RowEvent<'a> {
    let source = at.log.source;
    RowEvent {
        event: &found.event,
        fields: &found.event,
        raw: found.raw,
        place: Place {
            source: &source.path,
            below_root: &source.below_root,
            member: at.log.member.map(|member| member.path.as_str()),
            record_index: at.record_index,
            byte_offset: at.byte_offset,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;
    use crate::config::{OutputConfig, ScanConfig};
    use crate::input::Root;
    use crate::output::{Column, Format};
    use crate::report::Code;

    fn config(folder: &Path) -> HuntConfig {
        HuntConfig {
            scan: ScanConfig {
                roots: vec![Root::Path(folder.join("logs"))],
                n_threads: 2,
                map_from_bytes: None,
                ..ScanConfig::default()
            },
            output: OutputConfig {
                destination: Destination::File(folder.join("alerts.ndjson")),
                format: Format::Ndjson,
                ..OutputConfig::default()
            },
            ..HuntConfig::default()
        }
    }

    const MATCH: &str = concat!(
        r#"{"eventTime":"2024-05-01T12:00:00Z","eventName":"AttachUserPolicy","eventID":"1","#,
        r#""requestParameters":{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantine"}}"#
    );

    #[test]
    fn a_panic_over_one_file_is_its_diagnostic_and_the_others_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        for name in ["a.json", "panics.json", "z.json"] {
            std::fs::write(logs.join(name), MATCH).unwrap();
        }
        let report = run(&config(folder.path()), &mut |_| ()).unwrap();
        assert_eq!(
            (report.alerts, report.sources.read, report.sources.failed),
            (2, 2, 1)
        );
        assert!(!report.complete);
        assert_eq!(report.diagnostics[0].code, Code::Panic);
        assert!(
            report.diagnostics[0]
                .to_string()
                .contains("panics.json: the program failed")
        );
    }

    #[test]
    fn a_run_that_is_stopped_is_an_error_and_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        std::fs::write(logs.join("a.json"), MATCH).unwrap();
        let config = config(folder.path());
        config.scan.progress.stop.store(true, Relaxed);
        assert!(matches!(run(&config, &mut |_| ()), Err(Error::Interrupted)));
        let names = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["logs"]);
    }

    #[test]
    fn alerts_come_in_the_order_of_sources_though_their_channels_fill_up() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        // Each file gives more batches than may wait for their turn, and there are more files than threads. Large
        // records do that with few of them.
        let agent = format!(r#"{{"userAgent":"{}","#, "x".repeat(8 * 1024));
        let record = MATCH.replacen('{', &agent, 1);
        let n_alerts = engine::outputs_that_wait(2) / record.len();
        for name in ["a", "b", "c", "d"] {
            std::fs::write(logs.join(name), record.repeat(n_alerts)).unwrap();
        }
        let mut places = Vec::new();
        let report = run(&config(folder.path()), &mut |notice| {
            if let Notice::Alert(alert) = notice {
                places.push((
                    alert.text(Column::LogFilePath).map(str::to_owned),
                    alert.byte_offset,
                ));
            }
        });
        assert_eq!(report.unwrap().alerts, places.len() as u64);
        assert_eq!(places.len(), 4 * n_alerts);
        assert!(places.is_sorted());
    }
}
