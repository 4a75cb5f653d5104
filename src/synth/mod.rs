//! A synthetic CloudTrail archive made from a seed, for demonstrations, tests and benchmarks.
//!
//! In: a [`SynthConfig`]. Out: a folder of log files, laid out as CloudTrail delivers them, and a list of the events
//! that were planted in it: matches, which the rule must find, and near misses, which it must not find. Everything in
//! them is invented.
//!
//! ```text
//! seed ─ plan ─ scene ─ record ─ archive      a file: pure functions, then bytes, then the disk
//!          └─── scene ─ list                  the plants: the same functions called again
//! ```
//!
//! * `rng`: numbers that depend only on the seed. `template`, `action` (with `actions.txt` and `plants.txt`) and
//!   `identity`: the possible contents. `time`: the formats of dates.
//! * `story`: events that belong together, over several days and accounts, as its `script` describes them (a text for
//!   each scenario; `leaked_key.txt` describes the format).
//! * `plan`: the content of each file. `scene`: the content of each record. `record`: its text.
//! * `digests`: a chain of digest files for each account and region, signed with a key that is public (`key.txt`).
//! * Only `archive`, `digests` and `list` write anything.
//!
//! The content of a file depends on the configuration and the file's index, never on threads or on other files. Nothing
//! is overwritten. The only thing that is read is whether the folder is empty.

mod action;
mod archive;
mod config;
mod digests;
mod identity;
mod list;
mod plan;
mod record;
mod rng;
mod scene;
mod script;
mod stop;
mod story;
mod template;
mod time;

use std::fs::{self, File};
use std::io;
use std::ops::AddAssign;

use rayon::ThreadPoolBuilder;
use rayon::iter::{IntoParallelIterator, ParallelIterator};

pub use self::config::{Compression, Scenario, Shape, SynthConfig, SynthError};

/// A summary of what was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Number of log files.
    pub files: u64,
    /// Number of records in them, including plants.
    pub records: u64,
    /// Bytes of the files before compression.
    pub json_bytes: u64,
    /// Bytes of the files on the disk.
    pub stored_bytes: u64,
    /// Number of planted events that the rule must find, including those of `density`. An event that was delivered
    /// twice counts once.
    pub matches: u64,
    /// Number of planted events that the rule must not find.
    pub near_misses: u64,
    /// Number of events of a scenario that are neither.
    pub story_events: u64,
    /// Number of digest files.
    pub digests: u64,
}

impl AddAssign for Summary {
    fn add_assign(&mut self, other: Self) {
        let Self {
            files,
            records,
            json_bytes,
            stored_bytes,
            matches,
            near_misses,
            story_events,
            digests,
        } = other;
        self.files += files;
        self.records += records;
        self.json_bytes += json_bytes;
        self.stored_bytes += stored_bytes;
        self.matches += matches;
        self.near_misses += near_misses;
        self.story_events += story_events;
        self.digests += digests;
    }
}

/// Creates the archive and its list.
///
/// # Errors
///
/// If a value is invalid, before anything is written; if the folder is not empty, or the list exists already; or if
/// writing fails. Files that were written before the error stay.
pub fn run(config: &SynthConfig) -> Result<Summary, SynthError> {
    config.check()?;
    let list = prepare(config)?;
    let catalog = action::Catalog::new();
    let story = story(config);
    let plan = plan::Plan::new(config, &catalog, &story);
    let pool = ThreadPoolBuilder::new().num_threads(config.threads).build();
    let pool = pool.map_err(|source| SynthError::Threads {
        threads: config.threads,
        source,
    })?;
    let mut summary = pool.install(|| {
        let files = (0..plan.n_files())
            .into_par_iter()
            .map_init(archive::Scratch::default, |scratch, index| {
                archive::write(&plan, index, scratch)
            });
        if !config.digests {
            return files
                .map(|file| file.map(|(summary, _)| summary))
                .try_reduce(Summary::default, |mut sum, file| {
                    sum += file;
                    Ok(sum)
                });
        }
        let files: Vec<_> = files.collect::<Result<_, SynthError>>()?;
        let mut sum = Summary::default();
        files.iter().for_each(|(file, _)| sum += *file);
        let delivered = files.into_iter().filter_map(|(_, delivered)| delivered);
        let mut delivered: Vec<_> = delivered.collect();
        if let Some(stopped) = config.stopped() {
            let (calls, logs) = stop::write(config, stopped)?;
            sum += calls;
            delivered.extend(logs);
        }
        sum.digests = digests::write(config, delivered)?;
        Ok(sum)
    })?;
    summary += list::write(&plan, list).map_err(SynthError::write(config.planted_path()))?;
    Ok(summary)
}

/// Returns the story. The quarantine is on a random day with enough days before and after it.
fn story(config: &SynthConfig) -> story::Story {
    let Some(scenario) = config.scenario else {
        return story::Story::default();
    };
    let (before, after) = story::DAYS;
    let spare = u64::from(config.days - before - after);
    let day = u64::from(before) + rng::Rng::of(&[config.seed, spare]).below(spare);
    let seconds = day.cast_signed() * 24 * 3600;
    story::Story::new(
        scenario,
        config.seed,
        time::midnight(config.start) + seconds,
    )
}

/// Creates the folder and the list. Neither may exist already, except that the folder may exist if it is empty.
fn prepare(config: &SynthConfig) -> Result<File, SynthError> {
    let out = &config.out;
    match fs::read_dir(out).map(|mut entries| entries.next().is_some()) {
        Ok(false) => {}
        Ok(true) => return Err(SynthError::NotEmpty { path: out.clone() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(SynthError::write(out)(error)),
    }
    let planted = config.planted_path();
    let inside = std::path::absolute(out)
        .and_then(|out| Ok(std::path::absolute(&planted)?.starts_with(out)))
        .map_err(SynthError::write(&planted))?;
    if inside {
        return Err(SynthError::PlantedInside { path: planted });
    }
    fs::create_dir_all(out).map_err(SynthError::write(out))?;
    File::create_new(&planted).map_err(SynthError::write(planted))
}

#[cfg(test)]
mod tests;
