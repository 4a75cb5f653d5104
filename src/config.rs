//! The complete settings of a hunt: plain, checked data without any type of the command line.

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
use crate::over_time::Limits;
use crate::report::RefusedRule;
use crate::rule::RuleSet;
use crate::store::Stores;

/// The settings for reading an archive: the input, the selection, and the resources.
#[derive(Debug, Clone)]
pub struct ScanConfig {
    /// The roots to read, in this order.
    pub roots: Vec<Root>,
    /// The selected events. Folders that cannot contain any of them are not listed.
    pub wanted: Selection,
    /// The files, and entries of archives, that are read, selected by name.
    pub names: Names,
    /// True if symbolic links inside a tree are followed.
    pub follows_links: bool,
    /// Files that are not input, although they may be inside a root: an older output, the report.
    pub own_files: Vec<PathBuf>,
    /// Objects that are not input, for the same reason.
    pub own_uris: Vec<String>,
    /// Number of threads that scan. The default is one per core.
    pub n_threads: usize,
    /// Smallest size in bytes of files that are memory-mapped. If it is `None`, no file is mapped and large files are
    /// streamed.
    pub map_from_bytes: Option<u64>,
    /// Amount of a large source that a thread takes at once, in bytes of text. Streams, and files that store at least
    /// as many bytes, are divided into blocks of this size. The results do not depend on it.
    pub block_bytes: usize,
    /// Largest amount of text that may come out of one source, in bytes. Text over this limit is not read, and this is
    /// reported.
    pub max_decoded_bytes: Option<u64>,
    /// The buckets that contain roots and outputs.
    pub stores: Arc<Stores>,
    /// The progress of the run, for a display, and the request to stop the run.
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

/// The outputs of a hunt. The default is none.
#[derive(Debug, Clone)]
pub struct OutputConfig {
    /// The destination of the alerts.
    pub destination: Destination,
    /// The format of the alerts.
    pub format: Format,
    /// The schema of an alert row.
    pub schema: Schema,
    /// Destination and format of the related events: events that name the policy but are not alerts. If it is `None`,
    /// these events are only counted.
    pub related: Option<(Destination, Format)>,
    /// Destination and format of the events of what rules over several events find, a row each. If it is `None`, the
    /// alerts have their ids.
    pub events: Option<(Destination, Format)>,
}

impl Default for OutputConfig {
    fn default() -> Self {
        Self {
            destination: Destination::Nowhere,
            format: Format::Parquet,
            schema: Schema::Flat,
            related: None,
            events: None,
        }
    }
}

/// All settings of a hunt.
#[derive(Debug, Clone)]
pub struct HuntConfig {
    /// The id of the run, which the output and the report contain. The default is a [random one](random_run_id).
    pub run_id: String,
    /// The command line, word by word, for the report. It is empty if there was none.
    pub command: Vec<String>,
    /// The rules. The default is the rule for quarantined keys.
    pub rules: RuleSet,
    /// The rules that were asked for and cannot run, for the report.
    pub refused: Vec<RefusedRule>,
    /// The maximum number of rows of a rule; further alerts of it are counted and not written. `None` means no limit.
    pub max_per_rule: Option<u64>,
    /// The limits of rules over several events.
    pub over_time: Limits,
    /// The settings for reading the archive.
    pub scan: ScanConfig,
    /// The outputs.
    pub output: OutputConfig,
    /// The path of the ledger, if there is one. Sources that the ledger lists as done are not read again.
    pub state: Option<PathBuf>,
    /// True if a run that reads no event at all still counts as complete.
    pub allows_no_events: bool,
}

impl Default for HuntConfig {
    fn default() -> Self {
        Self {
            run_id: random_run_id(),
            command: Vec::new(),
            rules: RuleSet::default(),
            over_time: Limits::default(),
            refused: Vec::new(),
            max_per_rule: None,
            scan: ScanConfig::default(),
            output: OutputConfig::default(),
            state: None,
            allows_no_events: false,
        }
    }
}

/// Returns 128 random bits as hexadecimal digits. They come from the keys that the standard library makes for its
/// maps.
#[must_use]
pub fn random_run_id() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let half = || RandomState::new().hash_one(std::process::id());
    format!("{:016x}{:016x}", half(), half())
}

/// The progress of a run. It is written a few times per file and read by another thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// Sources found so far.
    pub n_found: AtomicU64,
    /// Stored bytes of the sources found so far.
    pub found_bytes: AtomicU64,
    /// True if all sources are found.
    pub all_found: AtomicBool,
    /// Sources done.
    pub n_done: AtomicU64,
    /// Stored bytes read.
    pub stored_bytes: AtomicU64,
    /// Bytes searched, after decompression.
    pub text_bytes: AtomicU64,
    /// Alerts found. In an investigation, events of the case.
    pub n_results: AtomicU64,
    /// Set to stop the run early, with [`crate::Error::Interrupted`].
    pub stop: Arc<AtomicBool>,
}

impl Progress {
    /// Resets the counters to zero, for another run.
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
