//! The arguments of `report`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};
use jiff::tz::TimeZone;

use super::super::when::timezone;

/// Make the page of a case again, or text of it for a ticket
///
/// It is made from the case's own files; the archive is not read.
#[derive(Debug, ClapArgs)]
pub(crate) struct ReportArgs {
    /// The folder of the case, as `investigate` wrote it.
    pub(crate) case: PathBuf,

    /// What to make: `html` goes to report.html in the folder, `md` (Markdown) to standard output.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: ReportFormat,

    /// Show local times of this zone beside UTC, by its IANA name: Europe/Berlin, say.
    #[arg(long, value_name = "NAME", value_parser = timezone)]
    pub(crate) timezone: Option<TimeZone>,

    /// Where it goes instead; `-` is standard output.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    #[default]
    Html,
    Md,
}
