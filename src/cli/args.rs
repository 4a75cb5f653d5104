//! What can be typed. The comments are the help.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use trailsift::input::manifest::Shard;
use trailsift::input::names;
use trailsift::store::{CONCURRENT_FETCHES, RETRY_TIME};

use super::terminal::Color;
use super::values::{at_least_one, endpoint, shard, size};
use super::when;

/// Hunts AWS CloudTrail archives for AWS quarantining a compromised key.
///
/// When AWS finds one of your access keys in public, it attaches its policy AWSCompromisedKeyQuarantine to
/// the IAM user that the key belongs to. trailsift finds each time that happened, by Elastic's prebuilt
/// rule, in years of logs at the speed of the hardware.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 100)]
pub(crate) struct Args {
    /// When text on standard error has colours.
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        help_heading = "Reporting"
    )]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Hunt through files and directories, and write the alerts.
    Hunt(HuntArgs),
    Investigate(InvestigateArgs),
    Report(super::report_args::ReportArgs),
    Plan(PlanArgs),
    Synth(super::synth_args::SynthArgs),
    /// Show what a ledger of `hunt --state` holds.
    State {
        /// The ledger.
        file: PathBuf,
        /// Print the sources that could not be read whole, one a line, for `hunt --files-from`.
        #[arg(long)]
        failed: bool,
        /// End each of them with a zero byte, for `hunt --files-from FILE -0`: a name may hold a line's end.
        #[arg(short = '0', long, requires = "failed")]
        null: bool,
    },
    /// Print the rule: its query, severity, MITRE ATT&CK techniques and references.
    Rule,
    /// Print a completion script for a shell.
    ///
    /// For bash: trailsift completions bash > ~/.local/share/bash-completion/completions/trailsift
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for `man -l -`.
    Man,
}

/// From alerts to the story: collect what the quarantined users did, what was done to them, and what that led to.
///
/// Events of the user and its keys, of the sessions that these opened (from role to role), of users, keys and roles that were
/// made with them, each once. It reads in rounds: what one finds is looked for in the next, in the files that can hold it.
/// In the end it looks who else came from the same addresses.
#[derive(Debug, ClapArgs)]
#[command(
    override_usage = "trailsift investigate [OPTIONS] --output <CASE> <ALERTS> <PATH>...\n       \
                            trailsift investigate [OPTIONS] --output <CASE> --user <NAME> <PATH>..."
)]
pub(crate) struct InvestigateArgs {
    /// The alerts of a hunt (Parquet or JSON lines), and then as `hunt`.
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Begin with a user in place of alerts: its name, or account/name.
    #[arg(long, value_name = "NAME", help_heading = "Beginning")]
    pub(crate) user: Vec<String>,

    /// Begin with an access key, by its id.
    #[arg(long, value_name = "ID", help_heading = "Beginning")]
    pub(crate) access_key: Vec<String>,

    /// Begin with a user or role, by its ARN.
    #[arg(long, value_name = "ARN", help_heading = "Beginning")]
    pub(crate) arn: Vec<String>,

    /// How long before a quarantine an event may lie.
    #[arg(long, value_name = "AGE", value_parser = when::age, default_value = "30d", help_heading = "Beginning")]
    pub(crate) before: SignedDuration,

    /// How long after it. Later events count only for the state at the end of the log.
    #[arg(long, value_name = "AGE", value_parser = when::age, default_value = "30d", help_heading = "Beginning")]
    pub(crate) after: SignedDuration,

    /// How many steps from the user something is followed: a session is one, what that makes another.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4,
        help_heading = "Beginning"
    )]
    pub(crate) max_hops: u32,

    /// Look who else came from the addresses from which the keys were used; an address at which more others were seen than
    /// this is left out, since many share it. With 0 nobody is looked for.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20,
        help_heading = "Beginning"
    )]
    pub(crate) max_identities: usize,

    /// Tell the countries of addresses, by a file in MaxMind's format (GeoLite2-Country.mmdb, say).
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) geoip: Option<PathBuf>,

    /// Show local times of this zone beside UTC on the page, by its IANA name: Europe/Berlin, say.
    #[arg(long, value_name = "NAME", value_parser = when::timezone, help_heading = "Output")]
    pub(crate) timezone: Option<TimeZone>,

    /// The folder of the case, which appears when all is in it.
    #[arg(short, long, value_name = "CASE", help_heading = "Output")]
    pub(crate) output: PathBuf,

    /// How many threads scan; 0 is one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Scan")]
    pub(crate) threads: usize,

    /// Do not map large files into memory, but read them.
    #[arg(long, help_heading = "Scan")]
    pub(crate) no_mmap: bool,

    /// How progress, diagnostics and the summary are written on standard error.
    #[arg(long, value_enum, default_value_t, help_heading = "Reporting")]
    pub(crate) log_format: LogFormat,

    /// Write no progress and no summary; diagnostics are written.
    #[arg(short, long, help_heading = "Reporting")]
    pub(crate) quiet: bool,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    everything was read
  1    the run failed: the output cannot be written, say; no output was written
  2    what was typed makes no sense
  3    it ran to the end, but something could not be read or decided: see the diagnostics
  5    with --fail-on-alerts: everything was read, and there are alerts (3 if not everything was read)
  130  interrupted (143: terminated, 129: the terminal was closed); no output was written
  141  the reader of standard output went away";

const EXAMPLES: &str = "\
Examples:
  Was any of our keys ever quarantined?
    trailsift hunt /archive/AWSLogs

  As JSON lines, for jq:
    trailsift hunt -o - /archive/AWSLogs | jq '{event_time, account_id, target_user_name}'

  In a bucket, with the credentials of a profile:
    AWS_PROFILE=security trailsift hunt s3://my-trail-bucket/AWSLogs

  From another program:
    zcat -f old/*.gz | trailsift hunt -

  What lifted a quarantine, what kept one from being made, what else names the policy:
    trailsift hunt --related related.parquet /archive/AWSLogs

  For a machine: no text but diagnostics, and a report that says what was not read:
    trailsift hunt --quiet --report report.json -o alerts.parquet /archive/AWSLogs";

/// Hunt through files and directories, and write the alerts.
///
/// Files are told by their content: plain, gzip, zstd, bzip2, xz, tar and zip, in one another; CloudTrail's
/// `{\"Records\":[...]}`, arrays, JSON lines, documents back to back and any mixture, CSV, raw or as Elastic, Athena
/// and Security Lake store them, in whatever is wrapped round them. What cannot be read is a diagnostic, and the
/// exit code tells.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXIT_CODES, after_long_help = format!("{EXAMPLES}\n\n{EXIT_CODES}"))]
pub(crate) struct HuntArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Open nothing; print how many files and bytes would be read, by account, region and year of the delivery.
    #[arg(long, help_heading = "Only")]
    pub(crate) dry_run: bool,

    /// Do not map large files into memory, but read them.
    ///
    /// A mapped file that is truncated by another program while it is read ends this one (SIGBUS), and a
    /// file on a network may do so when the network fails. Reading is safe from that, and slower.
    #[arg(long, help_heading = "Scan")]
    pub(crate) no_mmap: bool,

    /// How many threads scan; 0 is one for each core.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Scan")]
    pub(crate) threads: usize,

    /// Read no more than this of what comes out of one file by decompression, and tell where that leaves
    /// something unread. Without it there is no limit: memory is bounded anyway.
    ///
    /// A number of bytes, or one with KB, MB, GB, TB (powers of 1000) or KiB, MiB, GiB, TiB (of 1024).
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Scan")]
    pub(crate) max_decoded: Option<u64>,

    /// Where the alerts go: a file, or s3://bucket/key; `-` is standard output. A folder (or a prefix, with a / at its end)
    /// is a dataset, to which each run adds a file.
    ///
    /// A file appears whole or not at all: until the run is at its end, an older one stays as it was.
    #[arg(
        short,
        long,
        value_name = "FILE",
        default_value = "alerts.parquet",
        help_heading = "Output"
    )]
    pub(crate) output: PathBuf,

    /// Write every other event that names the policy: failed attachments, detachments, attachments to roles and
    /// groups, the inline policy that AWS used before 2020, reads and mentions. The columns of the alerts, and
    /// `relation`; the name tells the format. They are counted in any case, but for tables (Parquet), of which that is
    /// done for the relations `failed_attach`, `detach` and `legacy_quarantine` alone.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) related: Option<PathBuf>,

    /// Keep a ledger of what is done in FILE. A hunt that was broken off, in whatever way, goes on where it was, and a later
    /// one reads only what is new or has changed, and writes only the alerts of that.
    ///
    /// The ledger holds for one rule and one choice of --since and the like. What could not be read is tried again.
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) state: Option<PathBuf>,

    /// A run that reads no CloudTrail event at all is complete: for a night on which nothing may have been delivered.
    /// Without it such a run ends with exit code 3.
    #[arg(long, help_heading = "Input")]
    pub(crate) allow_empty: bool,

    /// Once the run is at its end, and everything was read, remove what earlier runs added to the folder that is the output.
    #[arg(long, conflicts_with = "state", help_heading = "Output")]
    pub(crate) overwrite: bool,

    /// Replace an older output in any case.
    ///
    /// Without it a run that read nothing leaves an older output as it was, and a run that could not read everything replaces
    /// it only by at least as many rows; else the rows go to a file beside it: alerts.incomplete.parquet.
    #[arg(long, help_heading = "Output")]
    pub(crate) force: bool,

    /// Divide the rows of a folder or prefix by a column of theirs, in folders as Hive names them (event_date=2024-05-01, in
    /// UTC), so that a query for some days reads no others. A day gets a file for each run that finds something in it.
    #[arg(long, value_enum, value_name = "COLUMN", help_heading = "Output")]
    pub(crate) partition_by: Option<PartitionArg>,

    /// What a row of alerts looks like.
    #[arg(
        long,
        value_enum,
        default_value_t,
        value_name = "SCHEMA",
        help_heading = "Output"
    )]
    pub(crate) schema: SchemaArg,

    /// How the alerts are written. Without it the name of the output tells: .parquet, .csv, .arrows and .arrow, or
    /// .ndjson, .jsonl and .json; standard output gets ndjson.
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "Output")]
    pub(crate) format: Option<FormatArg>,

    /// Write a report of the run as JSON: counts, and a diagnostic for all that was not read; `-` is standard
    /// output.
    #[arg(long, value_name = "FILE", help_heading = "Reporting")]
    pub(crate) report: Option<PathBuf>,

    /// Exit with code 5 if everything was read and this run has alerts. If not everything was read, the code is 3, whether
    /// there are alerts or not.
    #[arg(long, help_heading = "Reporting")]
    pub(crate) fail_on_alerts: bool,

    /// How progress, diagnostics and the summary are written on standard error.
    #[arg(long, value_enum, default_value_t, help_heading = "Reporting")]
    pub(crate) log_format: LogFormat,

    /// Show no progress, no table and no summary; diagnostics stay.
    #[arg(short, long, help_heading = "Reporting")]
    pub(crate) quiet: bool,
}

/// Lists what a hunt would read, and writes that as a manifest, of which many can hunt a shard each.
#[derive(Debug, ClapArgs)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Where the manifest goes: a file, or s3://bucket/key; Parquet.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "manifest.parquet",
        help_heading = "Output"
    )]
    pub(crate) out: PathBuf,
}

/// What is read, and from where.
#[derive(Debug, ClapArgs)]
pub(crate) struct InputArgs {
    /// Files and directories to hunt through, in this order, and s3://bucket/prefix (or gs://, az://) for objects;
    /// `-` is standard input.
    #[arg(required_unless_present_any = ["files_from", "manifest"], value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Hunt through the files, directories and addresses that FILE names, one a line, after those that are typed; `-` is standard
    /// input. What it names and is not there is told, and the exit code is 3.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) files_from: Option<PathBuf>,

    /// A zero byte ends each name of --files-from, as `find -print0` writes them.
    #[arg(short = '0', long, requires = "files_from", help_heading = "Input")]
    pub(crate) null: bool,

    /// Hunt through the sources of a manifest that `trailsift plan` wrote, or of its rows as lines of JSON; `-` is standard
    /// input. Nothing is listed, and of a bucket nothing is looked up.
    #[arg(long, value_name = "FILE", help_heading = "Input")]
    pub(crate) manifest: Option<PathBuf>,

    /// Of the manifest only the part I of N, from 0: consecutive sources of about the same number of bytes.
    #[arg(long, value_name = "I/N", value_parser = shard, requires = "manifest", help_heading = "Input")]
    pub(crate) shard: Option<Shard>,

    /// Follow symbolic links inside directories. Each file is read once all the same.
    #[arg(long, help_heading = "Input")]
    pub(crate) follow: bool,

    /// Do not read files, folders or entries of archives with such names: '*.csv'. A pattern with a slash is one of paths
    /// below PATH, in which ** stands for any folders: 'old/**'. May be given several times. The summary counts them.
    #[arg(long, value_name = "GLOB", value_parser = names::check, help_heading = "Input")]
    pub(crate) exclude: Vec<String>,

    /// Read only files with such names, or below folders with such names. An archive that is read is read whole.
    #[arg(long, value_name = "GLOB", value_parser = names::check, help_heading = "Input")]
    pub(crate) include: Vec<String>,

    /// Also read what other programs put beside logs, and what holds no events: .DS_Store, .*.crc, _SUCCESS,
    /// *.csv.metadata and __MACOSX/**/._*.
    #[arg(long, help_heading = "Input")]
    pub(crate) no_default_excludes: bool,

    /// Only events from this time on: 2024-05-01T12:00:00Z, a date (its beginning, UTC), or an age such as 30d, 12h.
    ///
    /// Folders of a CloudTrail archive (AWSLogs/.../account/CloudTrail/region/yyyy/mm/dd) that can hold no such event are
    /// not listed; all other files are read. An event whose time cannot be read is kept, with a warning.
    #[arg(long, value_name = "TIME", value_parser = when::since, help_heading = "Only")]
    pub(crate) since: Option<Timestamp>,

    /// Only events before this time; a date is its end, UTC.
    #[arg(long, value_name = "TIME", value_parser = when::until, help_heading = "Only")]
    pub(crate) until: Option<Timestamp>,

    /// Only events of these accounts, by twelve digits; may be given several times, or with commas.
    ///
    /// An event in another account's log is of both accounts, so the folders of all accounts are read.
    #[arg(long, value_name = "ID", value_parser = when::account, value_delimiter = ',', help_heading = "Only")]
    pub(crate) account: Vec<String>,

    /// With --account, list the folders of these accounts alone: faster, but what they did in other accounts is not found.
    #[arg(long, requires = "account", help_heading = "Only")]
    pub(crate) account_folders: bool,

    /// Only events of these regions. IAM's events, and so a quarantine, are of us-east-1 (in other partitions
    /// cn-north-1, us-gov-west-1 ...).
    #[arg(long, value_name = "REGION", value_parser = when::region, value_delimiter = ',', help_heading = "Only")]
    pub(crate) region: Vec<String>,

    /// List only the home region's folders (us-east-1, cn-north-1, us-gov-west-1 ...), to which IAM's events are
    /// delivered: about a twentieth of an archive of all regions.
    ///
    /// Before November 2021 a trail of a single other region could get them under that region's folder, too: for such
    /// an archive leave this out.
    #[arg(long, help_heading = "Only")]
    pub(crate) home_region: bool,

    /// How long before --since and after --until a folder's day may lie to be read all the same: its day is that of the
    /// delivery, which comes minutes, rarely hours after the event.
    #[arg(long, value_name = "AGE", value_parser = when::age, default_value = "2d", help_heading = "Only")]
    pub(crate) late: SignedDuration,

    /// Send requests to this address: a store of your own that speaks S3. Without it AWS_ENDPOINT_URL counts.
    #[arg(long, value_name = "URL", value_parser = endpoint, help_heading = "Buckets")]
    pub(crate) endpoint_url: Option<String>,

    /// The region that the S3 buckets are in. Without it S3 is asked; with an endpoint AWS_REGION or the profile tells.
    #[arg(long, value_name = "REGION", help_heading = "Buckets")]
    pub(crate) bucket_region: Option<String>,

    /// Send requests without a signature, to read a public bucket.
    #[arg(long, help_heading = "Buckets")]
    pub(crate) no_sign_request: bool,

    /// Pay for the requests and what they bring, as the owners of some buckets demand.
    #[arg(long, conflicts_with = "no_sign_request", help_heading = "Buckets")]
    pub(crate) request_payer: bool,

    /// How many objects are fetched at once.
    #[arg(
        long,
        value_name = "N",
        default_value_t = CONCURRENT_FETCHES,
        value_parser = at_least_one,
        help_heading = "Buckets"
    )]
    pub(crate) io_concurrency: usize,

    /// How many seconds what fails for the moment is tried again.
    #[arg(long, value_name = "SECONDS", default_value_t = RETRY_TIME.as_secs(), hide = true, help_heading = "Buckets")]
    pub(crate) retry_time: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Apache Parquet.
    Parquet,
    /// A JSON object a line.
    Ndjson,
    /// Comma-separated values with a header; what a spreadsheet would take for a formula begins with an apostrophe.
    Csv,
    /// A stream of Arrow's IPC format.
    Arrow,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PartitionArg {
    /// The day of the event, in UTC.
    #[value(name = "event_date")]
    EventDate,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaArg {
    /// The columns listed in docs/src/outputs.md.
    #[default]
    Flat,
    /// Documents in the Elastic Common Schema with event.kind `signal`, as lines for `POST /index/_bulk`.
    Ecs,
    /// Detection Findings of OCSF 1.3.0. A folder or prefix is laid out as a custom source of Security Lake:
    /// region=/accountId=/eventDay=.
    Ocsf,
}

impl FormatArg {
    /// How the names of files end that have it.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
            Self::Arrow => "arrows",
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object a line: progress, diagnostic, report, error.
    Json,
}
