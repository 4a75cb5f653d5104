//! All that a hunt is given: plain data, checked and complete, with no type of the command line in it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use crate::input::Root;
use crate::input::blocks::BLOCK_BYTES;
use crate::input::layout::Selection;
use crate::input::names::Names;
use crate::input::open::MAP_BYTES;
use crate::output::{Destination, Format, Schema};
use crate::rule::Rule;
use crate::store::Stores;

/// How an archive is read: what there is to read, what of it is wanted, and with what means.
#[derive(Debug, Clone)]
pub struct ScanConfig {
    /// What is read, in this order.
    pub roots: Vec<Root>,
    /// Which events are wanted; folders that can hold none of them are not listed.
    pub wanted: Selection,
    /// Which files are read, and entries of archives, by their names.
    pub names: Names,
    /// Whether symbolic links inside a tree are followed.
    pub follows_links: bool,
    /// Files that are no input although they may lie below a root: an older output, the report.
    pub own_files: Vec<PathBuf>,
    /// Objects that are none, likewise.
    pub own_uris: Vec<String>,
    /// How many threads scan; the default is one for each core.
    pub n_threads: usize,
    /// Files from this size on are mapped; without it none is, and large ones are streamed.
    pub map_from_bytes: Option<u64>,
    /// How much of a large source a thread takes at once, in bytes of text: streams, and files that store
    /// as much, are divided so. What is found does not depend on it.
    pub block_bytes: usize,
    /// The most text that may come out of one source, in bytes: what exceeds it is not read, and reported.
    pub max_decoded_bytes: Option<u64>,
    /// The buckets of roots and outputs.
    pub stores: Arc<Stores>,
    /// How far the run came, for whoever shows it; and the wish that it stop.
    pub progress: Arc<Progress>,
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            wanted: Selection::default(),
            names: Names::default(),
            follows_links: false,
            own_files: Vec::new(),
            own_uris: Vec::new(),
            n_threads: std::thread::available_parallelism().map_or(1, usize::from),
            map_from_bytes: Some(MAP_BYTES),
            block_bytes: BLOCK_BYTES,
            max_decoded_bytes: None,
            stores: Arc::default(),
            progress: Arc::default(),
        }
    }
}

/// What a hunt writes; the default is nothing.
#[derive(Debug, Clone)]
pub struct OutputConfig {
    /// Where the alerts go.
    pub destination: Destination,
    /// How they are written.
    pub format: Format,
    /// What a row of them looks like.
    pub schema: Schema,
    /// Where the events beside the alerts go that name the policy, and how these are written; without it they
    /// are counted only.
    pub related: Option<(Destination, Format)>,
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self {
            destination: Destination::Nowhere,
            format: Format::Parquet,
            schema: Schema::Flat,
            related: None,
        }
    }
}

/// All that a hunt is given.
#[derive(Debug, Clone)]
pub struct HuntConfig {
    /// The run's id, which the output and the report have; the default is a [random one](random_run_id).
    pub run_id: String,
    /// The rule; the default is the one for quarantined keys.
    pub rule: Arc<Rule>,
    /// How the archive is read.
    pub scan: ScanConfig,
    /// What is written.
    pub output: OutputConfig,
    /// The ledger, if there is one: what it says to be done is not done again.
    pub state: Option<PathBuf>,
    /// Whether a run that reads no event at all is complete all the same.
    pub allows_no_events: bool,
}

impl Default for HuntConfig {
    fn default() -> Self {
        Self {
            run_id: random_run_id(),
            rule: Arc::new(Rule::quarantine()),
            scan: ScanConfig::default(),
            output: OutputConfig::default(),
            state: None,
            allows_no_events: false,
        }
    }
}

/// 128 random bits in hexadecimal digits, by way of the keys that the standard library makes for its maps.
#[must_use]
pub fn random_run_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

/// How far a run came. Written a few times per file, read by another thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// Sources found so far.
    pub n_found: AtomicU64,
    /// Stored bytes of the sources found so far.
    pub found_bytes: AtomicU64,
    /// Whether all sources are found.
    pub all_found: AtomicBool,
    /// Sources done.
    pub n_done: AtomicU64,
    /// Stored bytes read.
    pub stored_bytes: AtomicU64,
    /// Bytes searched, after decompression.
    pub text_bytes: AtomicU64,
    /// Alerts found; of an investigation, events of the case.
    pub n_results: AtomicU64,
    /// Set to end the run before its end: [`crate::Error::Interrupted`].
    pub stop: Arc<AtomicBool>,
}

impl Progress {
    /// Counts from zero again, for another run.
    pub fn begin_again(&self) {
        let counters = [
            &self.n_found,
            &self.found_bytes,
            &self.n_done,
            &self.stored_bytes,
            &self.text_bytes,
            &self.n_results,
        ];
        counters
            .iter()
            .for_each(|counter| counter.store(0, Relaxed));
        self.all_found.store(false, Relaxed);
    }
}
