//! What an archive shall be, and what can be wrong with that.

use std::io;
use std::path::PathBuf;

use jiff::Span;
use jiff::civil::{Date, date};
use thiserror::Error;

use super::story;

/// Plants are listed in memory; more of them are a matter of density.
const PLANTS_MAX: u64 = 10_000_000;

/// Ids have twelve digits, and two numbers more are for the accounts of other partitions.
const ACCOUNTS_MAX: u64 = 999_999_999_990;

/// How records are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{"Records":[…]}` in one line, as CloudTrail delivers.
    Delivery,
    /// One record a line.
    Ndjson,
    /// `{"Records":[…]}`, indented.
    Pretty,
    /// Record after record with nothing between, as Firehose writes.
    Concatenated,
    /// `[…]` in one line.
    Array,
}

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip, one member, at a level from 0 to 9.
    Gzip(u32),
    /// Zstandard, one frame, at a level from 1 to 22.
    Zstd(i32),
}

/// What is told in an archive, beside single events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A user's key leaks and is used by strangers, through roles of three accounts, until AWS quarantines the user
    /// and the keys are changed.
    LeakedKey,
}

/// All that an archive depends on. The same values give the same files, whatever `threads` says.
///
/// Compressed bytes also depend on the versions of the compressors; what is inside does not.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthConfig {
    /// The folder to make; if it is there, it must be empty.
    pub out: PathBuf,
    /// The list of what was planted; `None` for the folder's name with `.planted.ndjson` appended.
    pub planted: Option<PathBuf>,
    /// Where all that is random comes from.
    pub seed: u64,
    /// How many files.
    pub files: u64,
    /// Records in a file: the mean of an uneven spread, or exactly so many if there is but one file.
    pub records_per_file: u64,
    /// Events that the rule must find. Their variants take turns.
    pub matches: u64,
    /// Events that look like it. Their variants take turns.
    pub near_misses: u64,
    /// The share of all other records that are matches too, from 0 to 1. If it is not 0, every file
    /// is of us-east-1, where IAM's events are delivered.
    pub density: f64,
    /// The share of all other records that are near misses in which the policy's name stands, from 0 to 1;
    /// not more than `density` leaves.
    pub near_miss_density: f64,
    /// What is told, in some thirty files more.
    pub scenario: Option<Scenario>,
    /// How records are wrapped.
    pub shape: Shape,
    /// How files are compressed.
    pub compression: Compression,
    /// How many accounts.
    pub accounts: u64,
    /// Which regions; named twice, a region gets twice the files.
    pub regions: Vec<String>,
    /// The first day of deliveries.
    pub start: Date,
    /// How many days there are deliveries.
    pub days: u32,
    /// Worker threads; 0 for one a core.
    pub threads: usize,
}

impl SynthConfig {
    /// A hundred small files of two years, with nothing planted.
    pub fn new(out: impl Into<PathBuf>) -> Self {
        Self {
            out: out.into(),
            planted: None,
            seed: 1,
            files: 100,
            records_per_file: 50,
            matches: 0,
            near_misses: 0,
            density: 0.0,
            near_miss_density: 0.0,
            scenario: None,
            shape: Shape::Delivery,
            compression: Compression::Gzip(6),
            accounts: 4,
            regions: ["us-east-1", "us-west-2", "eu-central-1", "ap-southeast-2"]
                .map(String::from)
                .to_vec(),
            start: date(2023, 1, 1),
            days: 730,
            threads: 0,
        }
    }

    /// The share of records that one of the densities makes.
    pub(super) fn dense_share(&self) -> f64 {
        self.density + self.near_miss_density
    }

    /// Where the list of what was planted goes.
    #[must_use]
    pub fn planted_path(&self) -> PathBuf {
        self.planted.clone().unwrap_or_else(|| {
            // Components drop a final slash, behind which the name would begin inside the folder;
            // `.` has no name to append to, but its real path has.
            let mut out: PathBuf = self.out.components().collect();
            if out.file_name().is_none() {
                out = std::path::absolute(&out).unwrap_or(out);
            }
            let mut name = out.into_os_string();
            name.push(".planted.ndjson");
            name.into()
        })
    }

    /// Checks every value that some files could not be made from, so that nothing else needs to.
    pub(super) fn check(&self) -> Result<(), SynthError> {
        let in_bounds = |date: &Date| (1971..=9998).contains(&date.year());
        let end = Span::new()
            .try_days(self.days)
            .and_then(|days| self.start.checked_add(days));
        let days_fit =
            self.days > 0 && in_bounds(&self.start) && end.is_ok_and(|end| in_bounds(&end));
        let plants = self.matches.saturating_add(self.near_misses);
        let odd_region = self.regions.iter().find(|region| !is_region(region));
        let level_fits = match self.compression {
            Compression::None => true,
            Compression::Gzip(level) => level <= 9,
            Compression::Zstd(level) => (1..=22).contains(&level),
        };
        need("density", (0.0..=1.0).contains(&self.density), || {
            format!("{} is not between 0 and 1", self.density)
        })?;
        let both = self.dense_share();
        let fits = self.near_miss_density >= 0.0 && (0.0..=1.0).contains(&both);
        need("near-miss density", fits, || {
            let share = self.near_miss_density;
            format!("{share} is not between 0 and what the density of matches leaves")
        })?;
        need("plants", plants <= PLANTS_MAX, || {
            format!("{plants} are more than {PLANTS_MAX}: use a density instead")
        })?;
        need("files", plants == 0 || self.files > 0, || {
            format!("{plants} plants need a file to be in")
        })?;
        need(
            "accounts",
            (1..=ACCOUNTS_MAX).contains(&self.accounts),
            || format!("{} is not between 1 and {ACCOUNTS_MAX}", self.accounts),
        )?;
        need("regions", !self.regions.is_empty(), || {
            "there are none".into()
        })?;
        need("regions", odd_region.is_none(), || {
            let odd = odd_region.map_or("", String::as_str);
            format!("{odd:?} is not made of lower-case letters, digits and hyphens")
        })?;
        need("days", days_fit, || {
            let Self { start, days, .. } = self;
            format!("{days} from {start} on are not 1 or more in the years 1971 to 9998")
        })?;
        let (before, after) = story::DAYS;
        let has_room = self.scenario.is_none() || self.days > before + after;
        need("days", has_room, || {
            format!("a scenario takes {} days or more", before + after + 1)
        })?;
        need("level", level_fits, || {
            format!("{:?}: gzip has 0 to 9, zstd 1 to 22", self.compression)
        })
    }
}

fn need(
    name: &'static str,
    holds: bool,
    else_say: impl FnOnce() -> String,
) -> Result<(), SynthError> {
    match holds {
        true => Ok(()),
        false => Err(SynthError::Value {
            name,
            reason: else_say(),
        }),
    }
}

/// A region's name becomes a folder's, so it may hold nothing that could lead elsewhere.
fn is_region(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(plain)
}

/// Why no archive was made, or not all of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SynthError {
    /// No archive can be made from a value, or from two of them together. Nothing was written.
    #[error("{name}: {reason}")]
    Value {
        /// Which one.
        name: &'static str,
        /// What it is, and what it should be.
        reason: String,
    },
    /// The folder holds something: nothing is ever overwritten.
    #[error("{}: the folder is not empty; name a new one", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The list would be taken for a part of the archive.
    #[error("{}: the list of plants may not lie inside the archive", path.display())]
    PlantedInside {
        /// The list.
        path: PathBuf,
    },
    /// The system would not.
    #[error("{}: cannot write", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No threads could be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// As given.
        threads: usize,
        /// What rayon said.
        source: rayon::ThreadPoolBuildError,
    },
}

impl SynthError {
    /// Adds the path to what the system said.
    pub(super) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}
