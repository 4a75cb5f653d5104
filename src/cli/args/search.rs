//! The arguments of `search`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::HuntArgs;

const EXAMPLES: &str = "\
Examples:
  Where does an address or a key occur?
    trailsift search 203.0.113.7 AKIAIOSFODNN7EXAMPLE /archive/AWSLogs

  All indicators of a list, a STIX bundle or a column of CSV:
    trailsift search --indicators iocs.txt /archive/AWSLogs
    trailsift search --indicators iocs.csv --column ip /archive/AWSLogs";

/// Find events that contain an indicator: an address, a network, a key, a name, any text
///
/// Each is searched for as a whole word, in every field of an event. A word of the command line that is a file, a folder or an
/// address of a bucket is searched; the others are indicators. The output has a row for each event, and its column
/// `matched_field` says which indicator was found where.
#[derive(Debug, ClapArgs)]
#[command(before_help = EXAMPLES, before_long_help = EXAMPLES)]
// The alerts of a hunt are not replaced by what a search finds.
#[command(mut_arg("destination", |arg| arg.default_value("found.parquet")))]
// A search refuses rules, and has no related events.
#[command(mut_arg("rules", |arg| arg.hide(true)), mut_arg("query", |arg| arg.hide(true)))]
#[command(mut_arg("related", |arg| arg.hide_short_help(true)))]
pub(crate) struct SearchArgs {
    /// Search for the indicators of a file, one a line, or of a STIX bundle
    ///
    /// A line that begins with # is a comment.
    #[arg(long, value_name = "FILE", help_heading = "Indicators")]
    pub(crate) indicators: Vec<PathBuf>,

    /// The files of indicators are CSV with a header, and this column has them
    #[arg(
        long,
        value_name = "NAME",
        requires = "indicators",
        help_heading = "Indicators"
    )]
    pub(crate) column: Option<String>,

    /// Search for this text as it stands, although there may be a file with this name
    #[arg(long, value_name = "TEXT", help_heading = "Indicators")]
    pub(crate) indicator: Vec<String>,

    #[command(flatten)]
    pub(crate) hunt: HuntArgs,
}
