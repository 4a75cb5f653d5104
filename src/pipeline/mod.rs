//! The whole way on one screen, and the only folder that knows threads and the order of the stages.
//!
//! ```text
//! roots ─discover─▶ jobs ─open, decompress─▶ text ─scan─▶ candidates ─rule─▶ alerts ─sink─▶ file
//!        1 thread            └──── `worker`: each job on one of n threads ────┘  1 thread
//! ```
//!
//! A job is a few small sources, or a large one, of which the threads cut off piece after piece
//! ([`feed`], [`schedule`]). Each job, and each piece, has a channel of its own for its alerts, and the sink
//! empties the channels in the order in which the sources are discovered ([`collect`]), so that the output is
//! the same for any number of threads.
//!
//! Everything in flight is bounded: [`JOBS_IN_FLIGHT`] jobs, for a large source two pieces more than there are
//! threads, and the alerts that wait for their turn ([`room`]). No two wait for each other: a free thread takes the first job that has something left, so
//! the one whose turn it is always has a thread, and nobody waits for a later one.

mod collect;
mod feed;
mod journal;
mod no_events;
mod room;
mod schedule;

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rayon::prelude::*;

use crate::config::{HuntConfig, Progress};
use crate::error::Error;
use crate::input::discover::{self, DiscoverOptions, Found, Identity};
use crate::input::source::Source;
use crate::ledger::Ledger;
use crate::output::destination::{Output, OutputOptions};
use crate::output::fate::Verdict;
use crate::output::{Alert, Destination, Kind, RunIdentity, Target};
use crate::report::{Defect, Diagnostic, Report, Tally};
use crate::rule::{LEGACY_NEEDLE, Needles};
use crate::scan::Prefilter;
use crate::worker::{SourceReport, Worker};
use collect::{Table, Tables};
use feed::Feed;
use journal::{Held, Journal, Reached};
use room::{BatchRoom, JobRoom, Room};
use schedule::{Schedule, Work};

/// Jobs that are being scanned or wait to be: enough that a large one does not hold up the threads.
const JOBS_IN_FLIGHT: usize = 256;
/// Alerts of a batch, in bytes.
const BATCH_BYTES: usize = 256 * 1024;
/// Batches of alerts that wait for their turn, for each thread: those of a block where every record alerts.
const BATCHES_A_THREAD: usize = 32;

/// What a run tells while it runs, in the order of the output.
#[derive(Debug)]
pub enum Notice<'a> {
    /// An alert that is being written; its `sighting` is not set yet.
    Alert(&'a Alert),
    /// An event beside the alerts: all of them where they are asked for, else the first failed attachments and
    /// detachments.
    Related(&'a Alert),
    /// A diagnostic.
    Diagnostic(&'a Diagnostic),
}

/// What the sink takes up next.
enum Turn {
    /// Small sources, which are named where there is a ledger.
    Batch(Receiver<Message>, Vec<Reached>),
    /// A large source: its pieces, as they are cut.
    Large(PathBuf, Receiver<Receiver<Message>>, Option<Reached>),
    /// Sources that the ledger knows to be done: how many were read whole, and how many not.
    Known(u64, u64),
    /// One of which something is in no output yet, by its id, and whether it was read whole.
    Waiting(i64, bool),
    /// The ledger cannot be read.
    Failed(Box<Error>),
    /// Something else that was met on the way.
    Defect(PathBuf, Defect),
    Link,
    Repeated,
    PassedOver,
    Excluded,
}

/// What a thread tells of its job. Small, since a channel has room for some dozen from the start.
enum Message {
    Alerts(Vec<Alert>, BatchRoom),
    /// Small sources of which there is nothing to tell.
    Tally(Box<Tally>),
    /// A small source of which there is.
    Source(PathBuf, Box<SourceReport>),
    /// What a piece of a large source came to.
    Piece(Box<SourceReport>),
}

/// Hunts: from roots to a file of alerts and a report.
///
/// # Errors
///
/// If the output cannot be written, no thread can be started, or the run was told to stop; the output then
/// is as it was. What cannot be read is no error but a diagnostic in the report.
pub fn run(config: &HuntConfig, notify: &mut dyn FnMut(Notice<'_>)) -> Result<Report, Error> {
    run_with(config, RunOptions::default(), notify)
}

/// What a run is told of its outputs, beside where they are.
#[derive(Debug, Default)]
pub struct RunOptions<'a> {
    /// Where the report goes, as JSON. It gets its name after the outputs.
    pub report: Option<Target>,
    /// Whether an older output is spared by a run that read nothing, or that read less than all and has fewer rows. Else it
    /// is always replaced.
    pub spares_older: bool,
    /// Whether the output is one of many files of a folder, and not written without rows.
    pub is_of_dataset: bool,
    /// Gets the sources that are found, for whoever reads them again.
    pub(crate) listed: Option<&'a mut Vec<Source>>,
}

/// Hunts, and writes a report.
///
/// # Errors
///
/// As [`run`].
pub fn run_with(
    config: &HuntConfig,
    options: RunOptions<'_>,
    notify: &mut dyn FnMut(Notice<'_>),
) -> Result<Report, Error> {
    let started = Instant::now();
    let ledger = journal::open(config)?;
    let held = Held::new(config, ledger.as_ref())?;
    let RunOptions {
        report: target,
        spares_older,
        is_of_dataset,
        listed,
    } = options;
    let own = target.as_ref().map(Target::identity).transpose()?.flatten();
    let run = Run {
        config,
        ledger: ledger.as_ref(),
        held: &held,
        own_file: own,
    };
    let (tables, mut report) = run.hunt(listed, notify)?;
    let verdict = Verdict {
        has_read_nothing: has_read_nothing(&report),
        is_complete: report.complete,
        spares_older,
        is_of_dataset,
    };
    let endings = tables.close(verdict, &held)?;
    report.outputs.clone_from(&endings.placed);
    report.finish(started.elapsed());
    // All of it is written before the first gets its name: what fails has then written nothing.
    let target = target.map(|target| target.with_json(&report));
    let target = target.transpose()?;
    endings.finish(ledger.as_ref())?;
    target.map_or(Ok(()), Target::commit_last)?;
    Ok(report)
}

/// Whether a run read no event at all.
fn has_read_nothing(report: &Report) -> bool {
    report.alerts == 0 && report.stats.events_read == 0
}

/// A run, and what it was told.
struct Run<'a> {
    config: &'a HuntConfig,
    ledger: Option<&'a Ledger>,
    held: &'a Held<'a>,
    /// A file that is none of the outputs, and that it writes.
    own_file: Option<Identity>,
}

impl Run<'_> {
    /// Reads all, and gives back what was found, in files that are not written to their ends.
    fn hunt(
        &self,
        mut listed: Option<&mut Vec<Source>>,
        notify: &mut dyn FnMut(Notice<'_>),
    ) -> Result<(Tables, Report), Error> {
        let (config, ledger) = (self.config, self.ledger);
        let rule = &config.rule.metadata;
        let mut report = Report::new(config.run_id.clone(), rule.rule_id.clone(), rule.version);
        let run = RunIdentity {
            run_id: report.run_id.clone(),
            rule_id: rule.rule_id.clone(),
            rule_version: rule.version,
        };
        let mut tables = self.open_tables(&run)?;
        let mut hidden = tables.identities()?;
        hidden.extend(self.own_file);
        let discover_options = discover_options(config, hidden);
        let pool = threads(config.n_threads)?;
        // For what is done beside the scan: directories are listed, groups of alerts encoded.
        let side_pool = threads(config.n_threads)?;
        let prefilter = Arc::new(prefilter(config));
        let schedule = Schedule::default();
        let room = Room::new(BATCHES_A_THREAD * (config.n_threads + 1));
        let (turns_in, turns) = bounded(JOBS_IN_FLIGHT);
        let result = std::thread::scope(|scope| {
            scope.spawn(|| {
                let list_all = |directories: &[PathBuf]| {
                    // While the threads have enough to do, several that list would only be in their way.
                    if directories.len() == 1 || !schedule.is_empty() {
                        return directories.iter().map(|d| discover::list(d)).collect();
                    }
                    side_pool
                        .install(|| directories.par_iter().map(|d| discover::list(d)).collect())
                };
                let mut feed = Feed::new(config, turns_in, &schedule, ledger);
                // Broken off only by a run that ends before its end, which the other side knows.
                let walk =
                    discover::discover(&config.roots, &discover_options, &list_all, &mut |found| {
                        if let (Some(listed), Found::Source(source)) = (&mut listed, &found) {
                            listed.push(source.again());
                        }
                        feed.take_in(found)
                    });
                if walk.is_continue()
                    && feed.gone(&discover_options).is_continue()
                    && feed.flush().is_continue()
                {
                    config.progress.all_found.store(true, Relaxed);
                }
                schedule.close();
            });
            pool.in_place_scope(|workers| {
                for _ in 0..config.n_threads {
                    workers.spawn(|_| work(&schedule, &room, config, &prefilter));
                }
                let journal = ledger.map(Journal::new);
                let told = &mut report;
                let result = collect::collect(
                    turns,
                    &mut tables,
                    told,
                    config,
                    &side_pool,
                    journal,
                    notify,
                );
                if result.is_err() {
                    config.progress.stop.store(true, Relaxed);
                }
                result
            })
        });
        if let (Err(_), Some(ledger)) = (&result, ledger) {
            // What is done stays done. If that is what failed, it is told already.
            ledger.commit().ok();
        }
        result?;
        no_events::tell(config, ledger, &mut report, notify)?;
        Ok((tables, report))
    }

    /// Opens what is written.
    fn open_tables(&self, run: &RunIdentity) -> Result<Tables, Error> {
        let (config, ledger) = (self.config, self.ledger);
        let open = |destination: &Destination, format, kind| {
            let options = OutputOptions {
                format,
                kind,
                rule: &config.rule,
                run,
                is_hashed: ledger.is_some(),
            };
            let mut output = Output::open(destination, &config.stores, options)?;
            if let Some(ledger) = ledger {
                let sightings = ledger.sightings(kind == Kind::Related);
                output.seed(sightings.map_err(journal::failed(ledger.path()))?);
            }
            let is_held = self.held.holds(destination.place().as_deref())?;
            Ok::<_, Error>(Table::new(output, is_held))
        };
        let alerts = open(
            &config.destination,
            config.format,
            Kind::Alerts(config.schema),
        )?;
        let related = config.related.as_ref();
        let related = related.map(|(to, format)| open(to, *format, Kind::Related));
        Ok(Tables {
            alerts,
            related: related.transpose()?,
        })
    }
}

/// Walks as a hunt would, and gives what it meets to `visit`; nothing is opened but folders.
pub fn plan(config: &HuntConfig, visit: &mut dyn FnMut(Found)) {
    let options = discover_options(config, Vec::new());
    let list_all = |directories: &[PathBuf]| {
        let listings = directories.par_iter().map(|d| discover::list(d));
        listings.collect()
    };
    let walk = discover::discover(&config.roots, &options, &list_all, &mut |found| {
        visit(found);
        ControlFlow::Continue(())
    });
    debug_assert!(walk.is_continue(), "nobody broke it off");
}

/// What is looked for.
fn prefilter(config: &HuntConfig) -> Prefilter {
    if let Some(followed) = &config.followed {
        return Prefilter::of_names(&followed.needles);
    }
    let needles: Vec<&str> = match config.rule.needles() {
        Needles::AnyOf(needles) => {
            let own = needles.iter().map(String::as_str);
            own.chain([LEGACY_NEEDLE]).collect()
        }
        Needles::EveryRecord => Vec::new(),
    };
    Prefilter::new(&needles)
}

fn threads(n_threads: usize) -> Result<rayon::ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build()
        .map_err(|source| Error::Threads { n_threads, source })
}

/// Scans until nothing is left.
fn work(schedule: &Schedule, room: &Arc<Room>, config: &HuntConfig, prefilter: &Arc<Prefilter>) {
    let mut worker = Worker::new(config, prefilter);
    let progress = &config.progress;
    while let Some(work) = schedule.next() {
        match work {
            Work::Batch { sources, messages } => {
                let mut lane = Lane::new(&messages, room);
                let mut tally = Tally::default();
                for source in sources {
                    if progress.stop.load(Relaxed) {
                        break;
                    }
                    let scanned = catch_unwind(AssertUnwindSafe(|| {
                        worker.scan(&source, &mut |alert| lane.push(alert))
                    }));
                    let report = scanned.unwrap_or_else(|panic| {
                        // Nothing of the worker is used again: the panic may have left it half changed.
                        worker = Worker::new(config, prefilter);
                        SourceReport::of_panic(panic_message(panic.as_ref()))
                    });
                    if report.defects.is_empty() {
                        let (outcome, stats, _) = report.finish();
                        tally.add(outcome, stats, &source.path);
                    } else {
                        lane.send(Message::Source(source.path, Box::new(report)));
                    }
                    done(progress);
                }
                lane.send(Message::Tally(Box::new(tally)));
            }
            Work::Large { order, large } => {
                let source = Arc::clone(&large.cutter.source);
                let (messages, receiver) = unbounded();
                // A sink that is gone has ended the run, and knows why.
                large.pieces.send(receiver).ok();
                let mut lane = Lane::new(&messages, room);
                let mut report = SourceReport::default();
                let mut large = Some(large);
                let scanned = catch_unwind(AssertUnwindSafe(|| {
                    let cutter = large.as_mut().map(|large| &mut *large.cutter)?;
                    let piece = worker.cut(cutter, &mut report)?;
                    schedule.give_back(order, large.take()?);
                    let emit = &mut |alert| lane.push(alert);
                    worker.scan_piece(&source, piece, &mut report, emit);
                    Some(())
                }));
                if large.take().is_some() {
                    schedule.finish(order);
                    done(progress);
                }
                if let Err(panic) = scanned {
                    worker = Worker::new(config, prefilter);
                    report = SourceReport::of_panic(panic_message(panic.as_ref()));
                }
                lane.send(Message::Piece(Box::new(report)));
            }
        }
    }
}

/// Counts a source as done, unless it was broken off.
fn done(progress: &Progress) {
    if !progress.stop.load(Relaxed) {
        progress.n_done.fetch_add(1, Relaxed);
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

/// The way of one job's messages to the sink.
struct Lane<'a> {
    alerts: Vec<Alert>,
    n_bytes: usize,
    messages: &'a Sender<Message>,
    room: JobRoom,
}

impl<'a> Lane<'a> {
    fn new(messages: &'a Sender<Message>, room: &Arc<Room>) -> Self {
        Self {
            room: room.for_job(),
            alerts: Vec::new(),
            n_bytes: 0,
            messages,
        }
    }

    fn push(&mut self, alert: Alert) {
        self.n_bytes += alert.size_bytes();
        self.alerts.push(alert);
        if self.n_bytes >= BATCH_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.n_bytes = 0;
        if !self.alerts.is_empty() {
            let alerts = std::mem::take(&mut self.alerts);
            let message = Message::Alerts(alerts, self.room.take());
            // A sink that is gone has ended the run, and knows why.
            self.messages.send(message).ok();
        }
    }

    /// Sends a message behind the alerts.
    fn send(&mut self, message: Message) {
        self.flush();
        // Likewise.
        self.messages.send(message).ok();
    }
}

/// How the walk goes; `hidden` are files that the run has begun.
fn discover_options(config: &HuntConfig, hidden: Vec<Identity>) -> DiscoverOptions {
    DiscoverOptions {
        follows_links: config.follows_links,
        own_files: own_files(config, hidden),
        own_folder: own_folder(config),
        own_uris: config.own_uris.clone(),
        wanted: config.wanted.clone(),
        names: config.names.clone(),
        stores: Arc::clone(&config.stores),
        stop: Arc::clone(&config.progress.stop),
    }
}

/// The run's own files that may lie below a root.
fn own_files(config: &HuntConfig, hidden: Vec<Identity>) -> Vec<Identity> {
    let named = config.own_files.iter().filter_map(|path| {
        // A file that is not there yet, or cannot be seen, is not met by the walk either.
        std::fs::metadata(path)
            .ok()
            .map(|metadata| discover::identity(&metadata))
    });
    named.chain(hidden).collect()
}

/// The name of the folder in which the run's own files are until they are whole, if that may lie below a root.
fn own_folder(config: &HuntConfig) -> Option<OsString> {
    match &config.destination {
        Destination::Dataset(dataset) => Some(dataset.staging_name().into()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::input::Root;
    use crate::input::layout::Wanted;
    use crate::output::{Format, Schema};
    use crate::report::Code;
    use crate::rule::Rule;

    fn config(folder: &Path) -> HuntConfig {
        HuntConfig {
            run_id: "test".to_owned(),
            roots: vec![Root::Path(folder.join("logs"))],
            rule: Arc::new(Rule::quarantine()),
            followed: None,
            destination: Destination::File(folder.join("alerts.ndjson")),
            format: Format::Ndjson,
            schema: Schema::Flat,
            n_threads: 2,
            map_from_bytes: None,
            block_bytes: crate::input::blocks::BLOCK_BYTES,
            max_decoded_bytes: None,
            related: None,
            wanted: Wanted::default(),
            allows_no_events: false,
            names: crate::input::names::Names::default(),
            follows_links: false,
            own_files: Vec::new(),
            own_uris: Vec::new(),
            state: None,
            stores: Arc::default(),
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
        let n_alerts = (3 * BATCHES_A_THREAD + 3) * BATCH_BYTES / MATCH.len();
        for name in ["a", "b", "c", "d"] {
            std::fs::write(logs.join(name), MATCH.repeat(n_alerts)).unwrap();
        }
        let mut places = Vec::new();
        let report = run(&config(folder.path()), &mut |notice| {
            if let Notice::Alert(alert) = notice {
                places.push((alert.text("source").map(str::to_owned), alert.byte_offset));
            }
        });
        assert_eq!(report.unwrap().alerts, places.len() as u64);
        assert_eq!(places.len(), 4 * n_alerts);
        assert!(places.is_sorted());
    }
}
