//! The whole way on one screen: the only file that knows threads and the order of the stages.
//!
//! ```text
//! roots ─discover─▶ sources ─open, decompress─▶ text ─scan─▶ candidates ─rule─▶ alerts ─sink─▶ file
//!        1 thread            └─────── `worker`: each source on one of n threads ────┘  1 thread
//! ```
//!
//! Each source has a channel of its own for its alerts, and the sink empties the channels in the order in
//! which the sources are discovered, so that the output is the same for any number of threads.
//! Everything in flight is bounded: [`SOURCES_IN_FLIGHT`] sources, [`BATCHES_IN_FLIGHT`] batches of alerts
//! for each. A thread whose channel is full waits for its turn; the source whose turn it is always has a
//! thread, since sources are taken up in their order.

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rayon::prelude::*;

use crate::config::{HuntConfig, Progress};
use crate::error::Error;
use crate::input::Source;
use crate::input::discover::{self, DiscoverOptions, Found, Identity};
use crate::output::destination::Output;
use crate::output::{Alert, RunIdentity};
use crate::report::{Code, Defect, Diagnostic, Outcome, Report, Stats};
use crate::rule::Needles;
use crate::scan::Prefilter;
use crate::worker::{SourceReport, Worker};

/// Sources that are being scanned or wait to be: enough that a large one does not hold up the threads.
const SOURCES_IN_FLIGHT: usize = 1024;
/// Batches of alerts that wait for their source's turn.
const BATCHES_IN_FLIGHT: usize = 2;
/// Alerts of a batch, in bytes.
const BATCH_BYTES: usize = 256 * 1024;

/// What a run tells while it runs, in the order of the output.
#[derive(Debug)]
pub enum Notice<'a> {
    /// An alert that is being written; its `sighting` is not set yet.
    Alert(&'a Alert),
    /// A diagnostic.
    Diagnostic(&'a Diagnostic),
}

/// Hunts: from roots to a file of alerts and a report.
///
/// # Errors
///
/// If the output cannot be written, no thread can be started, or the run was told to stop; the output then
/// is as it was. What cannot be read is no error but a diagnostic in the report.
pub fn run(config: &HuntConfig, notify: &mut dyn FnMut(Notice<'_>)) -> Result<Report, Error> {
    let started = Instant::now();
    let rule = &config.rule.metadata;
    let mut report = Report::new(random_id(), rule.rule_id.clone(), rule.version);
    let run = RunIdentity {
        run_id: report.run_id.clone(),
        rule_id: rule.rule_id.clone(),
        rule_version: rule.version,
    };
    let mut output = Output::open(&config.destination, config.format, &config.rule, &run)?;
    let discover_options = DiscoverOptions {
        follows_links: config.follows_links,
        own_files: own_files(config, output.identity()?),
    };
    let pool = threads(config.n_threads)?;
    let listing_pool = threads(config.n_threads)?;
    let prefilter = Arc::new(Prefilter::new(match config.rule.needles() {
        Needles::AnyOf(literals) => literals.as_slice(),
        Needles::EveryRecord => &[],
    }));
    let (turns_in, turns) = bounded(SOURCES_IN_FLIGHT);
    let (jobs_in, jobs) = unbounded();
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let list_all = |directories: &[PathBuf]| {
                listing_pool.install(|| directories.par_iter().map(|d| discover::list(d)).collect())
            };
            let mut feed = |found| dispatch(found, &config.progress, &turns_in, &jobs_in);
            // Broken off only by a run that ends before its end, which the other side knows.
            if discover::discover(&config.roots, &discover_options, &list_all, &mut feed)
                .is_continue()
            {
                config.progress.all_found.store(true, Relaxed);
            }
            drop((turns_in, jobs_in));
        });
        pool.in_place_scope(|workers| {
            for _ in 0..config.n_threads {
                workers.spawn(|_| work(&jobs, config, &prefilter));
            }
            let result = collect(turns, &mut output, &mut report, config, notify);
            if result.is_err() {
                config.progress.stop.store(true, Relaxed);
            }
            result
        })
    });
    result?;
    output.finish()?;
    report.finish(started.elapsed());
    Ok(report)
}

fn threads(n_threads: usize) -> Result<rayon::ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build()
        .map_err(|source| Error::Threads { n_threads, source })
}

/// What the sink takes up next.
enum Turn {
    /// A source: its messages, the last of which is [`Message::Done`].
    Source(PathBuf, Receiver<Message>),
    /// Something else that was met on the way.
    Defect(PathBuf, Defect),
    Link,
    Repeated,
}

struct Job {
    source: Source,
    messages: Sender<Message>,
}

enum Message {
    Alerts(Vec<Alert>),
    Done(SourceReport),
}

/// Gives what was found its turn, and a source also to the threads.
fn dispatch(
    found: Found,
    progress: &Progress,
    turns: &Sender<Turn>,
    jobs: &Sender<Job>,
) -> ControlFlow<()> {
    let (turn, job) = match found {
        Found::Source(source) => {
            progress.n_found.fetch_add(1, Relaxed);
            progress.found_bytes.fetch_add(source.stored_bytes, Relaxed);
            let (messages, receiver) = bounded(BATCHES_IN_FLIGHT);
            let turn = Turn::Source(source.path.clone(), receiver);
            (turn, Some(Job { source, messages }))
        }
        Found::Defect { path, defect } => (Turn::Defect(path, defect), None),
        Found::Link => (Turn::Link, None),
        Found::Repeated => (Turn::Repeated, None),
    };
    let is_sent = turns.send(turn).is_ok() && job.is_none_or(|job| jobs.send(job).is_ok());
    if is_sent {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}

/// Empties the sources' channels in their order.
fn collect(
    turns: Receiver<Turn>,
    output: &mut Output,
    report: &mut Report,
    config: &HuntConfig,
    notify: &mut dyn FnMut(Notice<'_>),
) -> Result<(), Error> {
    for turn in turns {
        match turn {
            Turn::Source(path, messages) => {
                for message in messages {
                    if config.progress.stop.load(Relaxed) {
                        return Err(Error::Interrupted);
                    }
                    match message {
                        Message::Alerts(alerts) => {
                            for alert in alerts {
                                notify(Notice::Alert(&alert));
                                output.append(alert)?;
                                report.alerts += 1;
                            }
                        }
                        Message::Done(source) => {
                            report.add_source(source.outcome, source.stats);
                            for defect in source.defects {
                                tell(&path, defect, report, notify);
                            }
                        }
                    }
                }
            }
            Turn::Defect(path, defect) => {
                report.add_source(Outcome::Failed, Stats::default());
                tell(&path, defect, report, notify);
            }
            Turn::Link => report.sources.links_not_followed += 1,
            Turn::Repeated => report.sources.repeated += 1,
        }
        if config.progress.stop.load(Relaxed) {
            return Err(Error::Interrupted);
        }
    }
    Ok(())
}

fn tell(path: &Path, defect: Defect, report: &mut Report, notify: &mut dyn FnMut(Notice<'_>)) {
    let diagnostic = Diagnostic::new(&path.to_string_lossy(), defect);
    notify(Notice::Diagnostic(&diagnostic));
    report.add_diagnostic(diagnostic);
}

/// Scans sources until there are no more.
fn work(jobs: &Receiver<Job>, config: &HuntConfig, prefilter: &Arc<Prefilter>) {
    let mut worker = Worker::new(config, prefilter);
    for Job { source, messages } in jobs {
        if config.progress.stop.load(Relaxed) {
            continue;
        }
        let mut alerts = Batch {
            alerts: Vec::new(),
            n_bytes: 0,
            messages: &messages,
        };
        let scanned = catch_unwind(AssertUnwindSafe(|| {
            worker.scan(&source, &mut |alert| alerts.push(alert))
        }));
        let report = scanned.unwrap_or_else(|panic| {
            // Nothing of the worker is used again: the panic may have left it half changed.
            worker = Worker::new(config, prefilter);
            SourceReport {
                outcome: Outcome::Failed,
                stats: Stats::default(),
                defects: vec![Defect::new(Code::Panic, panic_message(panic.as_ref()))],
            }
        });
        alerts.send();
        // A sink that is gone has ended the run, and knows why.
        messages.send(Message::Done(report)).ok();
        if !config.progress.stop.load(Relaxed) {
            config.progress.n_done.fetch_add(1, Relaxed);
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    format!("the program failed on this file; please report it: {text}")
}

/// Alerts of one source on their way to the sink.
struct Batch<'a> {
    alerts: Vec<Alert>,
    n_bytes: usize,
    messages: &'a Sender<Message>,
}

impl Batch<'_> {
    fn push(&mut self, alert: Alert) {
        self.n_bytes += alert.size_bytes();
        self.alerts.push(alert);
        if self.n_bytes >= BATCH_BYTES {
            self.send();
        }
    }

    fn send(&mut self) {
        self.n_bytes = 0;
        if !self.alerts.is_empty() {
            // A sink that is gone has ended the run, and knows why.
            self.messages
                .send(Message::Alerts(std::mem::take(&mut self.alerts)))
                .ok();
        }
    }
}

/// The run's own files that may lie below a root.
fn own_files(config: &HuntConfig, hidden: Option<Identity>) -> Vec<Identity> {
    let named = config.own_files.iter().filter_map(|path| {
        // A file that is not there yet, or cannot be seen, is not met by the walk either.
        std::fs::metadata(path)
            .ok()
            .map(|metadata| discover::identity(&metadata))
    });
    named.chain(hidden).collect()
}

/// 128 random bits, by way of the keys that the standard library makes for its maps.
fn random_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Root;
    use crate::output::{Destination, Format};
    use crate::rule::Rule;

    fn config(folder: &Path) -> HuntConfig {
        HuntConfig {
            roots: vec![Root::Path(folder.join("logs"))],
            rule: Arc::new(Rule::quarantine()),
            destination: Destination::File(folder.join("alerts.ndjson")),
            format: Format::Ndjson,
            n_threads: 2,
            map_from_bytes: None,
            follows_links: false,
            own_files: Vec::new(),
            progress: Arc::default(),
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
        config.progress.stop.store(true, Relaxed);
        assert!(matches!(run(&config, &mut |_| ()), Err(Error::Interrupted)));
        let names = std::fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["logs"]);
    }

    #[test]
    fn alerts_of_many_sources_come_in_the_sources_order_though_their_channels_fill_up() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        std::fs::create_dir(&logs).unwrap();
        // Each file gives more batches than wait for its turn, and there are more files than threads.
        let n_alerts = (BATCHES_IN_FLIGHT + 3) * BATCH_BYTES / MATCH.len();
        for name in ["a", "b", "c", "d"] {
            std::fs::write(logs.join(name), MATCH.repeat(n_alerts)).unwrap();
        }
        let mut places = Vec::new();
        let report = run(&config(folder.path()), &mut |notice| {
            if let Notice::Alert(alert) = notice {
                places.push((alert.source.clone(), alert.byte_offset));
            }
        });
        assert_eq!(report.unwrap().alerts, places.len() as u64);
        assert_eq!(places.len(), 4 * n_alerts);
        assert!(places.is_sorted());
    }
}
