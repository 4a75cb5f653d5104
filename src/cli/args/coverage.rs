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
