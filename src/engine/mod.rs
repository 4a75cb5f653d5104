//! One pass over an archive. Only this folder knows the threads and the order of the stages.
//!
//! ```text
//! roots ─discover─▶ gate ─▶ jobs ─open, decompress─▶ text ─scan─▶ events ─analyzer─▶ outputs ─▶ sink
//!        1 thread            └──── `worker`: each job on one of n threads ─────────┘   1 thread
//! ```
//!
//! A job is either a few small sources or one large source. The threads cut a large source into pieces, one piece
//! after another ([`feed`], [`schedule`]). Each job, and each piece, has its own channel for its outputs. The channels
//! are emptied in the order in which the sources are discovered ([`collect`]). So the [`Sink`] receives the same
//! outputs in the same order for any number of threads.
//!
//! An [`Analyzer`] decides what is made of the events. A [`Gate`] decides which sources are read.
//!
//! Everything in flight is bounded: [`JOBS_IN_FLIGHT`] jobs, two more pieces of a large source than there are threads,
//! and the outputs that wait for their turn ([`limiter`]). There is no deadlock: a free thread takes the first job
//! that has work left. So the job whose turn it is always has a thread, and no job waits for a later one.

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
use crate::input::discover;
use crate::input::source::{Identity, Source, identity};
use crate::input::walk::{DiscoverOptions, Found};
use crate::report::{Defect, PassReport, Tally};
use analyzer::Observing;
use collect::Collector;
use feed::Feed;
use limiter::{BatchLimiter, BatchPermit, JobLimiter};
use schedule::{Schedule, Work};
use worker::{SourceReport, Target, Worker};

pub use crate::scan::{Candidate, RawRecord};
pub use analyzer::{
    Analyzer, Either, Emit, Interest, Local, Location, Log, Search, SizeBytes, TextPart,
};
pub use gate::{Admission, Gate, ReadAll};
pub use sink::Sink;

/// Interval at which a [`Sink`] is called while it waits for the next turn.
pub const TICK: Duration = Duration::from_millis(200);

/// Number of jobs that are being scanned or wait to be scanned. It is large enough that one large job does not hold up
/// the threads.
const JOBS_IN_FLIGHT: usize = 256;
/// Size in bytes of the outputs that are sent together.
const OUTPUT_BATCH_BYTES: usize = 256 * 1024;
/// Number of batches of outputs that may wait for their turn, per thread. This is enough for a block in which every
/// record gives an output.
const OUTPUT_BATCHES_A_THREAD: usize = 32;

/// One step of the order: a batch of sources, a large source, or something else found by the walk.
enum Turn<T, K> {
    /// Small sources, and their tickets.
    Batch(Receiver<Message<T>>, Vec<K>),
    /// A large source: the receiver gets the channel of each piece when the piece is cut.
    Large(PathBuf, Receiver<Receiver<Message<T>>>, Option<K>),
    /// Sources that are already done: the number read completely, and the number not read completely.
    Known(u64, u64),
    /// A source whose outputs the sink must take from an earlier run: its id, and true if it was read completely.
    Replay(i64, bool),
    /// The gate failed.
    Failed(Box<Error>),
    /// A defect that the walk found.
    Defect(PathBuf, Defect),
    Link,
    Repeated,
    PassedOver,
    Excluded,
}

/// A message that a thread sends about its job. It is small because a channel allocates room for several dozen
/// messages at once.
enum Message<T> {
    Outputs(Vec<T>, BatchPermit),
    /// Small sources that have nothing to report.
    Tally(Box<Tally>),
    /// A small source that has something to report.
    Source(PathBuf, Box<SourceReport>),
    /// The result of a piece of a large source.
    Piece(Box<SourceReport>),
}

/// Files that a run writes itself. They are not read, although they may be inside a root.
#[derive(Debug, Default)]
pub struct OwnFiles {
    /// Files that the run has begun.
    pub files: Vec<Identity>,
    /// The name of the folder that contains them until they are complete.
    pub folder: Option<OsString>,
}

/// Makes one pass over an archive. The report describes what was read. The outputs of `analyzer` go to `sink`.
///
/// # Errors
///
/// Returns an error if no thread can be started, if the run was stopped, or if the gate or the sink failed. Input that
/// cannot be read is not an error: it is a diagnostic in the report.
pub fn run<A: Analyzer, G: Gate>(
    config: &ScanConfig,
    gate: G,
    analyzer: &A,
    sink: &mut dyn Sink<A::Output, G::Ticket>,
) -> Result<PassReport, Error> {
    run_with(config, gate, analyzer, sink, RunOptions::default())
}

/// Additional options of a pass.
#[derive(Debug, Default)]
pub struct RunOptions<'a> {
    /// Files that are not read.
    pub own: OwnFiles,
    /// Receives the sources that are found, for a caller that reads them again.
    pub listed: Option<&'a mut Vec<Source>>,
    /// Threads for work other than the scan, if the caller has some; else the pass starts its own.
    pub(crate) side_pool: Option<&'a rayon::ThreadPool>,
}

/// Makes one pass over an archive like [`run`], with additional options.
///
/// # Errors
///
/// Returns the same errors as [`run`].
pub fn run_with<A: Analyzer, G: Gate>(
    config: &ScanConfig,
    gate: G,
    analyzer: &A,
    sink: &mut dyn Sink<A::Output, G::Ticket>,
    options: RunOptions<'_>,
) -> Result<PassReport, Error> {
    let RunOptions {
        own,
        mut listed,
        side_pool,
    } = options;
    let discover_options = discover_options(config, own);
    let pool = threads(config.n_threads)?;
    // A second pool, for work other than the scan: listing directories.
    let own_pool;
    let side_pool = match side_pool {
        Some(pool) => pool,
        None => {
            own_pool = threads(config.n_threads)?;
            &own_pool
        }
    };
    let interest = analyzer.interest();
    let has_text = interest.text;
    let divides = |source: &Source| !has_text || !analyzer.wants_text(source);
    let target = Target::new(interest);
    let schedule = Schedule::default();
    let limiter = BatchLimiter::new(OUTPUT_BATCHES_A_THREAD * (config.n_threads + 1));
    let mut report = PassReport::default();
    let (turns_in, turns) = bounded(JOBS_IN_FLIGHT);
    let result = std::thread::scope(|scope| {
        scope.spawn(|| {
            let list_all = |directories: &[PathBuf]| {
                // While the threads have enough work, listing in parallel would only slow them down.
                if directories.len() == 1 || !schedule.is_empty() {
                    return directories.iter().map(|d| discover::list(d)).collect();
                }
                side_pool.install(|| directories.par_iter().map(|d| discover::list(d)).collect())
            };
            let mut feed = Feed::new(config, turns_in, &schedule, gate, &divides);
            // The walk breaks off only if the run ends early, and the collector knows the reason.
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
            // Threads that still send outputs must not wait for their turn.
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

/// Walks like a pass, and passes what it finds to `visit`. Opens nothing except folders.
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

/// Scans until no work is left.
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
                        // Both are replaced: the panic may have left them in an inconsistent state.
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
                // If the collector is gone, it has ended the run and knows the reason.
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

/// Counts a source as done, unless the run was stopped.
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

/// Sends the messages of one job to the collector.
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
            // If the collector is gone, it has ended the run and knows the reason.
            self.messages.send(message).ok();
        }
    }

    /// Sends a message after the outputs.
    fn send(&mut self, message: Message<T>) {
        self.flush();
        // If the collector is gone, it has ended the run and knows the reason.
        self.messages.send(message).ok();
    }
}

/// Returns the options of the walk.
fn discover_options(config: &ScanConfig, own: OwnFiles) -> DiscoverOptions {
    let named = config.own_files.iter().filter_map(|path| {
        // The walk does not find a file that does not exist yet or that cannot be seen.
        std::fs::metadata(path)
            .ok()
            .map(|metadata| identity(&metadata))
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

/// Returns a size in bytes that is larger than the outputs of one source that may wait for their turn.
#[cfg(test)]
pub(crate) fn outputs_that_wait(n_threads: usize) -> usize {
    ((n_threads + 1) * OUTPUT_BATCHES_A_THREAD + 3) * OUTPUT_BATCH_BYTES
}
