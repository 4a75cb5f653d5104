//! The arguments of `hunt`.

use std::path::PathBuf;

use clap::{Args as ClapArgs, ValueEnum};

use super::input::InputArgs;
use super::rules::RuleArgs;
use super::{Messages, Performance, SurveyArgs};

const SHORT_EXAMPLES: &str = "\
Examples:
  trailsift hunt /archive/AWSLogs                    a table, and alerts.parquet
  trailsift hunt --rules my-rules/ -o hits.parquet /archive/AWSLogs
  trailsift hunt --profile security s3://my-trail-bucket/AWSLogs";

const EXAMPLES: &str = "\
Examples:
  Was any of our keys ever quarantined?
    trailsift hunt /archive/AWSLogs

  In a bucket, with the credentials of a profile:
    trailsift hunt --profile security s3://my-trail-bucket/AWSLogs

  As JSON lines, for jq:
    trailsift hunt -o - /archive/AWSLogs | jq .target_user_name

  With rules of Elastic or Sigma, or with rules of your own:
    trailsift hunt --rules my-rules/ -o hits.parquet /archive/AWSLogs

  From another program:
    zcat -f old/*.gz | trailsift hunt -

  Also what lifted a quarantine, failed to attach one, or names the policy:
    trailsift hunt --related related.parquet /archive/AWSLogs

  Each night, only what is new, with an exit code for new alerts:
    trailsift hunt --state trail.state --fail-on-alerts -o alerts/ /archive

  For a program: no text except diagnostics, and a report of what was not read:
    trailsift hunt --quiet --report report.json /archive/AWSLogs";

const SHORT_EXIT_CODES: &str = "\
Exit codes: 0 everything was read, 1 failed, 2 invalid command line,
            3 something was not read or decided, 5 alerts (--fail-on-alerts),
            4 something contradicts what AWS signed (--public-keys)
All options: trailsift hunt --help";

const EXIT_CODES: &str = "\
Exit codes:
  0    everything was read
  1    the run failed, for example because the output cannot be written;
       no output was written
  2    invalid command line
  3    the run reached its end, but something could not be read or decided,
       or there was no event at all: see the diagnostics
  4    with --public-keys: something contradicts what AWS signed, whether
       there are alerts or not, and whether everything was read or not
  5    with --fail-on-alerts: everything was read, and there are alerts
       (3 if not everything was read)
  130  interrupted (143: terminated, 129: the terminal was closed);
       no output was written
  141  the reader of standard output stopped reading";

/// Find quarantined users, or what other rules find, and write the alerts.
///
/// Files are recognized by their content, never by their names: plain, gzip, zstd, bzip2, xz, tar and zip, in one another;
/// CloudTrail's `{"Records":[...]}`, arrays, JSON lines, concatenated documents, CSV, Parquet, and the same events as
/// Elastic, Athena and Security Lake store them. What cannot be read is reported, and the exit code shows it.
#[derive(Debug, ClapArgs)]
#[command(
    before_help = SHORT_EXAMPLES,
    before_long_help = EXAMPLES,
    after_help = SHORT_EXIT_CODES,
    after_long_help = EXIT_CODES
)]
pub(crate) struct HuntArgs {
    /// The words of the command line, with the default options.
    #[arg(skip)]
    pub(crate) words: Vec<String>,

    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// List what would be read, and open nothing
    ///
    /// Prints how many files and bytes would be read, by account, region and year of the delivery. It does not look into a
    /// ledger (`--state`): files that are done are counted too.
    #[arg(long, help_heading = "Filter", hide_short_help = true)]
    pub(crate) dry_run: bool,

    /// Accept a run that reads no CloudTrail event
    ///
    /// For a night on which nothing may have been delivered. Without this option such a run ends with exit code 3.
    #[arg(long, help_heading = "Input", hide_short_help = true)]
    pub(crate) allow_empty: bool,

    #[command(flatten)]
    pub(crate) rules: RuleArgs,

    /// The maximum number of rows of a rule
    ///
    /// Further alerts of the rule are counted and not written, and the summary and the report say so.
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "state",
        help_heading = "Rules",
        hide_short_help = true
    )]
    pub(crate) max_per_rule: Option<u64>,

    #[command(flatten)]
    pub(crate) output: OutputArgs,

    #[command(flatten)]
    pub(crate) survey: SurveyArgs,

    #[command(flatten)]
    pub(crate) performance: Performance,

    /// Maximum size of the text that one file may decompress to
    ///
    /// What is beyond it is not read, and that is reported. Without this option there is no limit; memory is bounded in any
    /// case. A number of bytes, or one with KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (powers of 1024).
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = super::super::values::size,
        help_heading = "Performance",
        hide_short_help = true
    )]
    pub(crate) max_decoded: Option<u64>,

    /// Memory for the events of rules over several events; more go to temporary files
    ///
    /// A number of bytes, or one with KB, MB, GB (powers of 1000) or KiB, MiB, GiB (powers of 1024). What is found does not depend
    /// on it.
    #[arg(
        long,
        value_name = "SIZE",
        value_parser = super::super::values::size,
        default_value = "256MiB",
        help_heading = "Performance",
        hide_short_help = true
    )]
    pub(crate) events_memory: u64,

    #[command(flatten)]
    pub(crate) messages: Messages,

    /// Show the table at full width
    ///
    /// Without this option the table fits the terminal: long names are cut off, and columns are left out, which a line below it
    /// says. A file or pipe always gets everything.
    #[arg(long, help_heading = "Messages", hide_short_help = true)]
    pub(crate) wide: bool,
}

/// What is written, and where.
#[derive(Debug, ClapArgs)]
pub(crate) struct OutputArgs {
    /// Where the alerts go, or -
    ///
    /// A file, s3://bucket/key, or - for standard output. A folder, or a prefix that ends in a slash, is a dataset to which each run adds a file.
    ///
    /// A file appears complete or not at all: until the run has ended, an older one stays as it was.
    #[arg(
        short = 'o',
        long = "output",
        value_name = "FILE",
        default_value = "alerts.parquet",
        help_heading = "Output"
    )]
    pub(crate) destination: PathBuf,

    /// Format of the alerts
    ///
    /// Without this option the name selects it: .parquet, .csv, .arrow and .arrows, .ndjson, .jsonl and .json; standard output gets ndjson.
    #[arg(
        long,
        value_enum,
        value_name = "FORMAT",
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) format: Option<FormatArg>,

    /// Columns of CSV, such as event_time,target_user_name
    ///
    /// Without this option there are all columns but the record itself (`raw_event`): time, account, user and policy come
    /// first. Other formats always have all columns.
    #[arg(
        long,
        value_name = "NAME,...",
        value_delimiter = ',',
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) columns: Vec<String>,

    /// Also write the record as it stands in the archive to CSV (column raw_event)
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    pub(crate) raw: bool,

    /// Schema of a row
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "SCHEMA",
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) schema: SchemaArg,

    /// Also write related events: lifted, failed, others
    ///
    /// Related events are all others that name the policy: failed attachments, detachments, attachments to roles and
    /// groups, the inline policy that AWS used before 2020, reads and mentions. They have the columns of alerts and
    /// `relation`; the name selects the format. The summary counts them in any case. In tables (Parquet) only the relations
    /// `failed_attach`, `detach` and `legacy_quarantine` are counted without this option.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) related: Option<PathBuf>,

    /// Also write the events of what rules over several events find, a row each
    ///
    /// Of each alert of such a rule at most the last 50 events (`--max-event-ids`) of the first window that fired. They have the columns of alerts, with
    /// the `alert_id` of the alert that they belong to; the name selects the format.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) events: Option<PathBuf>,

    /// The most events that a row of a rule over several events lists: the last ones of its first window
    #[arg(
        long,
        value_name = "N",
        default_value_t = 50,
        value_parser = clap::value_parser!(u32).range(1..),
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) max_event_ids: u32,

    /// Keep a ledger: the next run reads what is new
    ///
    /// An interrupted hunt continues where it was. A later run reads what is new or has changed, and writes only the alerts
    /// of that. A ledger works only with the rule, `--related` and filters it was made with. What could not be read is
    /// tried again each time. Rules over several events go on from run to run.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) state: Option<PathBuf>,

    /// Write a report: counts, and what was not read
    ///
    /// As JSON, with the diagnostics; `-` is standard output.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,

    /// Exit with code 5 if there are alerts
    ///
    /// Code 5 also says that everything was read. If not, the code is 3, with or without alerts.
    #[arg(long, help_heading = "Output")]
    pub(crate) fail_on_alerts: bool,

    /// Replace an older output in any case
    ///
    /// Without this option a run that read nothing leaves an older output as it was, and a run that could not read
    /// everything replaces it only if it has at least as many rows; otherwise the rows go to a file beside it, such as
    /// alerts.incomplete.parquet.
    #[arg(long, help_heading = "Output", hide_short_help = true)]
    pub(crate) force: bool,

    /// Remove what earlier runs added to the output folder
    ///
    /// Only after a run that read everything.
    #[arg(
        long,
        conflicts_with = "state",
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) overwrite: bool,

    /// Divide the rows of a folder or prefix by a column
    ///
    /// In folders as Hive names them (event_date=2024-05-01, in UTC), so that a query for some days reads no others. Each
    /// run that finds something for a day adds a file to its folder.
    #[arg(
        long,
        value_enum,
        value_name = "COLUMN",
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) partition_by: Option<PartitionArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Apache Parquet
    Parquet,
    /// One JSON object per line
    Ndjson,
    /// Comma-separated values with a header; a cell that a spreadsheet would run as a formula begins with an apostrophe
    Csv,
    /// A stream of Arrow's IPC format
    Arrow,
}

impl FormatArg {
    /// Returns the ending of the names of files in this format.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrows",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartitionArg {
    /// The day of the event, in UTC
    #[value(name = "event_date")]
    EventDate,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaArg {
    /// trailsift's own columns
    #[default]
    Flat,
    /// Documents in the Elastic Common Schema with event.kind `signal`, as lines for `POST /index/_bulk`
    Ecs,
    /// Detection Findings of OCSF 1.3.0; a folder or prefix is laid out as a custom source of Security Lake:
    /// region=/accountId=/eventDay=
    Ocsf,
}
