//! The arguments of `coverage`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{InputArgs, Messages, Performance};

const EXAMPLES: &str = "\
Examples:
  What does an archive hold, and where are holes?
    trailsift coverage /archive/AWSLogs
  The same as a page, and as a row for each hour:
    trailsift coverage /archive/AWSLogs --html map.html -o coverage.parquet";

/// Show what an archive holds, hour by hour, and where something is missing
///
/// Each hour of each account and region is covered (there are events), quiet (digest files say that nothing was
/// delivered), a hole (something is missing) or unknown. The map goes to standard output.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CoverageArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Write the map to FILE: .parquet and .ndjson have a row for each hour, .json has the days
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    /// Write the map to FILE as a self-contained page
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) html: Option<PathBuf>,

    /// Draw the map with ASCII letters alone
    #[arg(long, help_heading = "Output")]
    pub(crate) ascii: bool,

    #[command(flatten)]
    pub(crate) performance: Performance,

    #[command(flatten)]
    pub(crate) messages: Messages,
}

/// What a hunt does with the coverage of the archive.
#[derive(Debug, ClapArgs)]
pub(crate) struct SurveyArgs {
    /// Also write what the archive holds to FILE, from the same pass
    ///
    /// As `trailsift coverage -o FILE` does: .parquet, .ndjson or .json. A large file is then read by one thread.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "state",
        help_heading = "Coverage",
        hide_short_help = true
    )]
    pub(crate) coverage: Option<PathBuf>,

    /// End with exit code 3 if the archive has holes
    ///
    /// A hole is a time in which something is missing; see `trailsift coverage`.
    #[arg(
        long,
        conflicts_with = "state",
        help_heading = "Coverage",
        hide_short_help = true
    )]
    pub(crate) require_coverage: bool,

    /// Also check the logs against AWS's digest files, with these public keys
    ///
    /// Files or folders, as `trailsift verify` takes them. The column `log_status` of each alert then has what is proved of
    /// its log, the report has the verdicts, and the exit code is 4 if something contradicts what AWS signed. The alerts
    /// are written when everything was read.
    #[arg(
        long,
        value_name = "PATH",
        conflicts_with = "state",
        help_heading = "Coverage",
        hide_short_help = true
    )]
    pub(crate) public_keys: Vec<PathBuf>,

    /// Files or folders with signatures of digests, as `trailsift verify` takes them
    #[arg(
        long,
        value_name = "PATH",
        requires = "public_keys",
        help_heading = "Coverage",
        hide_short_help = true
    )]
    pub(crate) signatures: Vec<PathBuf>,
}

impl SurveyArgs {
    /// Returns true if the hunt makes a map.
    pub(crate) fn has_map(&self) -> bool {
        self.coverage.is_some() || self.require_coverage
    }

    /// Returns true if the hunt surveys the archive.
    pub(crate) fn is_requested(&self) -> bool {
        self.has_map() || !self.public_keys.is_empty()
    }
}
