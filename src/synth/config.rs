//! The configuration of an archive, and the errors in it.

use std::io;
use std::path::PathBuf;

use jiff::Span;
use jiff::civil::{Date, date};
use thiserror::Error;

use super::{story, time};

/// Maximum number of plants, because they are kept in memory; for more of them, use the density.
const PLANTS_MAX: u64 = 10_000_000;

/// Ids have twelve digits, and two more numbers are needed for the accounts of other partitions.
const ACCOUNTS_MAX: u64 = 999_999_999_990;

/// The form in which records are wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `{"Records":[…]}` on one line, as CloudTrail delivers.
    Delivery,
    /// One record per line.
    Ndjson,
    /// `{"Records":[…]}`, indented.
    Pretty,
    /// Record after record with nothing between them, as Firehose writes.
    Concatenated,
    /// `[…]` on one line.
    Array,
}

/// The compression of files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// No compression.
    None,
    /// gzip, one member, at a level from 0 to 9.
    Gzip(u32),
    /// Zstandard, one frame, at a level from 1 to 22.
    Zstd(i32),
}

/// The story in an archive, besides single events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A user's key leaks and is used by strangers, through roles of three accounts, until AWS quarantines the user and
    /// the keys are changed.
    LeakedKey,
    /// Strangers take roles in a chain with a leaked key, make things in another account and remove them again. Then AWS
    /// quarantines the user.
    RoleChain,
    /// A person of the company attaches the policy to a test user, and detaches it. No key leaked.
    FalseAlarm,
    /// A stranger has the keys of two users, and AWS quarantines only one of them.
    TwoUsers,
}

/// All values that an archive depends on. The same values give the same files, for any value of `threads`.
///
/// The compressed bytes also depend on the versions of the compressors; their content does not.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthConfig {
    /// The folder to create; if it exists, it must be empty.
    pub out: PathBuf,
    /// The path of the list of planted events; `None` for the folder's name with `.planted.ndjson` appended.
    pub planted: Option<PathBuf>,
    /// The seed of all random numbers.
    pub seed: u64,
    /// Number of files.
    pub files: u64,
    /// Records per file: the mean of an uneven spread, or the exact number if there is only one file.
    pub records_per_file: u64,
    /// Number of planted events that the rule must find. Their variants take turns.
    pub matches: u64,
    /// Number of planted events that look like matches. Their variants take turns.
    pub near_misses: u64,
    /// The share of all other records that are matches too, from 0 to 1. If it is not 0, every file is in us-east-1,
    /// where IAM's events are delivered.
    pub density: f64,
    /// The share of all other records that are near misses with the policy's name, from 0 to 1. The sum with `density`
    /// is at most 1.
    pub near_miss_density: f64,
    /// The story, which adds some thirty files.
    pub scenario: Option<Scenario>,
    /// The form in which records are wrapped.
    pub shape: Shape,
    /// The compression of files.
    pub compression: Compression,
    /// Number of accounts.
    pub accounts: u64,
    /// The regions; a region named twice gets twice the files.
    pub regions: Vec<String>,
    /// The first day of deliveries.
    pub start: Date,
    /// Number of days with deliveries.
    pub days: u32,
    /// True if digest files are made too, with the public key and the signatures beside the archive.
    pub digests: bool,
    /// The number of hours in the middle of these days in which logging is stopped; 0 if it is not.
    pub stopped_hours: u32,
    /// Number of worker threads; 0 means one for each core.
    pub threads: usize,
}

/// A time in which logging is stopped, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stopped {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl SynthConfig {
    /// Returns a configuration for a hundred small files over two years, with nothing planted.
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
            digests: false,
            stopped_hours: 0,
            threads: 0,
        }
    }

    /// Returns the time in which logging is stopped: in the middle, twenty minutes after an hour.
    pub(super) fn stopped(&self) -> Option<Stopped> {
        const HOUR: i64 = 3600;
        let hours = i64::from(self.stopped_hours);
        let from = time::midnight(self.start) + i64::from(self.days) * 12 * HOUR + 20 * 60;
        let to = from + hours * HOUR;
        (hours > 0).then_some(Stopped { from, to })
    }

    /// Returns the share of records that the two densities make.
    pub(super) fn dense_share(&self) -> f64 {
        self.density + self.near_miss_density
    }

    /// Returns the path of the list of planted events.
    #[must_use]
    pub fn planted_path(&self) -> PathBuf {
        self.planted
            .clone()
            .unwrap_or_else(|| self.beside(".planted.ndjson"))
    }

    /// Returns the path of a file beside the archive.
    #[must_use]
    pub fn beside(&self, ending: &str) -> PathBuf {
        // Components drop a final slash; otherwise the name would begin inside the folder. `.` has no name to append
        // to, but its real path has one.
        let mut out: PathBuf = self.out.components().collect();
        if out.file_name().is_none() {
            out = std::path::absolute(&out).unwrap_or(out);
        }
        let mut name = out.into_os_string();
        name.push(ending);
        name.into()
    }

    /// Checks every value that some files could not be made from, so that other code does not need to check.
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
        let is_delivery = self.shape == Shape::Delivery;
        need("digests", is_delivery || !self.digests, || {
            "they are made of files as CloudTrail delivers them".into()
        })?;
        let is_stopped = self.stopped_hours > 0;
        let is_plain = self.digests && self.scenario.is_none();
        need("stopped hours", is_plain || !is_stopped, || {
            "they are for an archive with digests and without a scenario".into()
        })?;
        // An hour before and after it, and those that take its deliveries.
        let longest = (u64::from(self.days) * 12).saturating_sub(2) / 2;
        let is_short = u64::from(self.stopped_hours) <= longest;
        need("stopped hours", is_short, || {
            format!(
                "{} are more than {longest} of {} days",
                self.stopped_hours, self.days
            )
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

/// Returns whether this is a valid region name. The name becomes that of a folder, so it must not contain anything that
/// could lead to another folder.
fn is_region(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !name.is_empty() && name.bytes().all(plain)
}

/// The reason why no archive, or only a part of it, was made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SynthError {
    /// No archive can be made from a value, or from two values together. Nothing was written.
    #[error("{name}: {reason}")]
    Value {
        /// The name of the value.
        name: &'static str,
        /// The given value and the allowed values.
        reason: String,
    },
    /// The folder is not empty; nothing is ever overwritten.
    #[error("{}: the folder is not empty; name a new one", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The list would be treated as a part of the archive.
    #[error("{}: the list of plants may not lie inside the archive", path.display())]
    PlantedInside {
        /// The list.
        path: PathBuf,
    },
    /// A write failed.
    #[error("{}: cannot write", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// No threads could be started.
    #[error("cannot start {threads} threads")]
    Threads {
        /// The requested number.
        threads: usize,
        /// The error from rayon.
        source: rayon::ThreadPoolBuildError,
    },
}

impl SynthError {
    /// Adds the path to an I/O error.
    pub(super) fn write(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Write { path, source }
    }
}
