//! One pass over an archive, and the only folder that knows threads and the order of the stages.
//!
//! ```text
//! roots ─discover─▶ gate ─▶ jobs ─open, decompress─▶ text ─scan─▶ events ─analyzer─▶ outputs ─▶ sink
//!        1 thread            └──── `worker`: each job on one of n threads ─────────┘   1 thread
//! ```
//!
//! A job is a few small sources, or a large one, of which the threads cut off piece after piece
//! ([`feed`], [`schedule`]). Each job, and each piece, has a channel of its own for its outputs, and the channels are
//! emptied in the order in which the sources are discovered ([`collect`]), so that what the [`Sink`] takes is
//! the same for any number of threads.
//!
//! What is made of events is the matter of an [`Analyzer`]; which sources are read, that of a [`Gate`].
//!
//! Everything in flight is bounded: [`JOBS_IN_FLIGHT`] jobs, for a large source two pieces more than there are
//! threads, and the outputs that wait for their turn ([`limiter`]). No two wait for each other: a free thread takes the
//! first job that has something left, so the one whose turn it is always has a thread, and nobody waits for a later one.

mod analyzer;
mod collect;
mod feed;
mod gate;
mod limiter;
mod schedule;
mod sink;
mod worker;

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use rayon::prelude::*;

use crate::config::{Progress, ScanConfig};
use crate::error::Error;
use crate::input::discover::{self, DiscoverOptions, Found, Identity};
use crate::input::source::Source;
use crate::report::{Defect, PassReport, Tally};
use analyzer::Observing;
use collect::Collector;
use feed::Feed;
use limiter::{BatchLimiter, BatchPermit, JobLimiter};
use schedule::{Schedule, Work};
use worker::{SourceReport, Target, Worker};

pub use crate::scan::Candidate;
pub use analyzer::{Analyzer, Either, Emit, Interest, Local, Location, Log, Search, SizeBytes};
pub use gate::{Admission, Gate, ReadAll};
pub use sink::Sink;

/// How often a [`Sink`] is called at least.
pub const TICK: Duration = Duration::from_millis(200);

/// Jobs that are being scanned or wait to be: enough that a large one does not hold up the threads.
const JOBS_IN_FLIGHT: usize = 256;
/// Outputs that are sent together, in bytes.
const OUTPUT_BATCH_BYTES: usize = 256 * 1024;
/// Batches of outputs that wait for their turn, for each thread: those of a block where every record gives one.
const OUTPUT_BATCHES_A_THREAD: usize = 32;

/// One step of the order: a batch of sources, a large source, or something else that the walk met.
enum Turn<T, K> {
    /// Small sources, and their tickets.
    Batch(Receiver<Message<T>>, Vec<K>),
    /// A large source: its pieces, as they are cut.
    Large(PathBuf, Receiver<Receiver<Message<T>>>, Option<K>),
    /// Sources that are done: how many were read whole, and how many not.
    Known(u64, u64),
    /// A source that the sink has to take from an earlier run, by its id, and whether it was read whole.
    Replay(i64, bool),
    /// The gate failed.
    Failed(Box<Error>),
    /// Something else that was met on the way.
    Defect(PathBuf, Defect),
    Link,
    Repeated,
    PassedOver,
    Excluded,
}

/// What a thread sends of its job. Small, since a channel has room for some dozen from the start.
enum Message<T> {
    Outputs(Vec<T>, BatchPermit),
    /// Small sources of which there is nothing to report.
    Tally(Box<Tally>),
    /// A small source of which there is.
    Source(PathBuf, Box<SourceReport>),
    /// What a piece of a large source came to.
    Piece(Box<SourceReport>),
}

/// What a run writes itself, and does not read although it may lie below a root.
#[derive(Debug, Default)]
pub struct OwnFiles {
    /// Files that it has begun.
    pub files: Vec<Identity>,
    /// The name of the folder in which they are until they are whole.
    pub folder: Option<OsString>,
}

/// Makes one pass over an archive. The report is of what was read; what `analyzer` makes of it goes to `sink`.
///
/// # Errors
///
/// If no thread can be started, the run was told to stop, or the gate or the sink failed. What cannot be read is no
/// error but a diagnostic in the report.
pub fn run<A: Analyzer, G: Gate>(
    config: &ScanConfig,
    gate: G,
    analyzer: &A,
    sink: &mut dyn Sink<A::Output, G::Ticket>,
) -> Result<PassReport, Error> {
    run_with(config, gate, analyzer, sink, RunOptions::default())
}

/// What a pass is given beside.
#[derive(Debug, Default)]
pub struct RunOptions<'a> {
    /// What is not read.
    pub own: OwnFiles,
    /// Gets the sources that are found, for whoever reads them again.
    pub listed: Option<&'a mut Vec<Source>>,
}

/// Makes one pass over an archive, as [`run`].
///
/// # Errors
///
/// As [`run`].
pub fn run_with<A: Analyzer, G: Gate>(
    config: &ScanConfig,
    gate: G,
    analyzer: &A,
    sink: &mut dyn Sink<A::Output, G::Ticket>,
    options: RunOptions<'_>,
) -> Result<PassReport, Error> {
    let RunOptions { own, mut listed } = options;
    let discover_options = discover_options(config, own);
    let pool = threads(config.n_threads)?;
    // For what is done beside the scan: directories are listed.
    let side_pool = threads(config.n_threads)?;
    let interest = analyzer.interest();
    let divides = !interest.text;
    let target = Target::new(interest);
    let schedule = Schedule::default();
    let limiter = BatchLimiter::new(OUTPUT_BATCHES_A_THREAD * (config.n_threads + 1));
    let mut report = PassReport::default();
    let (turns_in, turns) = bounded(JOBS_IN_FLIGHT);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let list_all = |directories: &[PathBuf]| {
                // While the threads have enough to do, several that list would only be in their way.
                if directories.len() == 1 || !schedule.is_empty() {
                    return directories.iter().map(|d| discover::list(d)).collect();
                }
                side_pool.install(|| directories.par_iter().map(|d| discover::list(d)).collect())
            };
            let mut feed = Feed::new(config, turns_in, &schedule, gate, divides);
            // Broken off only by a run that ends before its end, which the other side knows.
            let walk =
                discover::discover(&config.roots, &discover_options, &list_all, &mut |found| {
                    if let (Some(listed), Found::Source(source)) = (&mut listed, &found) {
                        listed.push(source.reopen());
                    }
                    feed.take_in(found)
                });
            if walk.is_continue()
                && feed.missing(&discover_options).is_continue()
                && feed.flush().is_continue()
            {
                config.progress.all_found.store(true, Relaxed);
            }
            schedule.close();
        });
        pool.in_place_scope(|workers| {
            for _ in 0..config.n_threads {
                workers.spawn(|_| work(&schedule, &limiter, config, &target, analyzer));
            }
            let collector = Collector {
                sink,
                report: &mut report,
                progress: &config.progress,
            };
            let result = collector.collect(&turns);
            // Whoever still hands on outputs must not wait for their turn.
            drop(turns);
            if result.is_err() {
                config.progress.stop.store(true, Relaxed);
            }
            result
        })
    });
    result?;
    report.check();
    Ok(report)
}

/// Walks as a pass would, and gives what it meets to `visit`; nothing is opened but folders.
pub fn plan(config: &ScanConfig, visit: &mut dyn FnMut(Found)) {
    let options = discover_options(config, OwnFiles::default());
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

/// Starts a pool of threads.
pub(crate) fn threads(n_threads: usize) -> Result<rayon::ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads)
        .build()
        .map_err(|source| Error::Threads { n_threads, source })
}

/// Scans until nothing is left.
fn work<A: Analyzer>(
    schedule: &Schedule<A::Output>,
    limiter: &Arc<BatchLimiter>,
    config: &ScanConfig,
    target: &Target,
    analyzer: &A,
) {
    let new = || (Worker::new(config, target), analyzer.local());
    let (mut worker, mut local) = new();
    let progress = &config.progress;
    while let Some(work) = schedule.next() {
        match work {
            Work::Batch { sources, messages } => {
                let mut emitter = Emitter::new(&messages, limiter);
                let mut tally = Tally::default();
                for source in sources {
                    if progress.stop.load(Relaxed) {
                        break;
                    }
                    let scanned = catch_unwind(AssertUnwindSafe(|| {
                        let observer = &mut Observing {
                            local: &mut local,
                            output: &mut |output| emitter.push(output),
                        };
                        worker.scan(&source, observer)
                    }));
                    let report = scanned.unwrap_or_else(|panic| {
                        // Nothing of the worker is used again: the panic may have left it half changed.
                        (worker, local) = new();
                        SourceReport::of_panic(panic_message(panic.as_ref()))
                    });
                    if report.defects.is_empty() {
                        let (outcome, stats, _) = report.finish();
                        tally.add(outcome, stats, &source.path);
                    } else {
                        emitter.send(Message::Source(source.path, Box::new(report)));
                    }
                    done(progress);
                }
                emitter.send(Message::Tally(Box::new(tally)));
            }
            Work::Large { order, large } => {
                let source = Arc::clone(&large.cutter.source);
                let (messages, receiver) = unbounded();
                // A collector that is gone has ended the run, and knows why.
                large.pieces.send(receiver).ok();
                let mut emitter = Emitter::new(&messages, limiter);
                let mut report = SourceReport::default();
                let mut large = Some(large);
                let scanned = catch_unwind(AssertUnwindSafe(|| {
                    let cutter = large.as_mut().map(|large| &mut *large.cutter)?;
                    let piece = worker.cut(cutter, &mut report)?;
                    schedule.give_back(order, large.take()?);
                    let observer = &mut Observing {
                        local: &mut local,
                        output: &mut |output| emitter.push(output),
                    };
                    worker.scan_piece(&source, piece, &mut report, observer);
                    Some(())
                }));
                if large.take().is_some() {
                    schedule.finish(order);
                    done(progress);
                }
                if let Err(panic) = scanned {
                    (worker, local) = new();
                    report = SourceReport::of_panic(panic_message(panic.as_ref()));
                }
                emitter.send(Message::Piece(Box::new(report)));
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

pub(crate) fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    format!("the program failed on this file; please report it: {text}")
}

/// The way of one job's messages to the sink.
struct Emitter<'a, T> {
    outputs: Vec<T>,
    n_bytes: usize,
    messages: &'a Sender<Message<T>>,
    limiter: JobLimiter,
}

impl<'a, T: SizeBytes> Emitter<'a, T> {
    fn new(messages: &'a Sender<Message<T>>, limiter: &Arc<BatchLimiter>) -> Self {
        Self {
            limiter: limiter.for_job(),
            outputs: Vec::new(),
            n_bytes: 0,
            messages,
        }
    }

    fn push(&mut self, output: T) {
        self.n_bytes += output.size_bytes();
        self.outputs.push(output);
        if self.n_bytes >= OUTPUT_BATCH_BYTES {
            self.flush();
        }
    }

    fn flush(&mut self) {
        self.n_bytes = 0;
        if !self.outputs.is_empty() {
            let outputs = std::mem::take(&mut self.outputs);
            let message = Message::Outputs(outputs, self.limiter.take());
            // A collector that is gone has ended the run, and knows why.
            self.messages.send(message).ok();
        }
    }

    /// Sends a message behind the outputs.
    fn send(&mut self, message: Message<T>) {
        self.flush();
        // Likewise.
        self.messages.send(message).ok();
    }
}

/// How the walk goes.
fn discover_options(config: &ScanConfig, own: OwnFiles) -> DiscoverOptions {
    let named = config.own_files.iter().filter_map(|path| {
        // A file that is not there yet, or cannot be seen, is not met by the walk either.
        std::fs::metadata(path)
            .ok()
            .map(|metadata| discover::identity(&metadata))
    });
    DiscoverOptions {
        follows_links: config.follows_links,
        own_files: named.chain(own.files).collect(),
        own_folder: own.folder,
        own_uris: config.own_uris.clone(),
        wanted: config.wanted.clone(),
        names: config.names.clone(),
        stores: Arc::clone(&config.stores),
        stop: Arc::clone(&config.progress.stop),
    }
}

/// More bytes of outputs of one source than may wait for their turn.
#[cfg(test)]
pub(crate) fn outputs_that_wait(n_threads: usize) -> usize {
    ((n_threads + 1) * OUTPUT_BATCHES_A_THREAD + 3) * OUTPUT_BATCH_BYTES
}
