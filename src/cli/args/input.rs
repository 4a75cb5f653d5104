//! What is read, and from where: the arguments that all commands share that read an archive.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use jiff::{SignedDuration, Timestamp};
use trailsift::input::manifest::Shard;
use trailsift::input::names;
use trailsift::store::{CONCURRENT_FETCHES, RETRY_TIME};

use super::super::values::{at_least_one, endpoint, not_a_region, shard};
use super::super::when;

/// What is read, and from where.
#[derive(Debug, ClapArgs)]
pub(crate) struct InputArgs {
    /// Files, folders, s3://bucket/prefix; - is standard input
    ///
    /// They are read in this order. gs://bucket/prefix and az://container/prefix are read too.
    #[arg(required_unless_present_any = ["files_from", "manifest"], value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Also read what FILE names, one path per line
    ///
    /// After the paths of the command line; `-` is standard input. A name in it that does not exist is reported, and the
    /// exit code is 3.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Input",
        hide_short_help = true
    )]
    pub(crate) files_from: Option<PathBuf>,

    /// A zero byte ends each name of --files-from
    ///
    /// As `find -print0` writes them.
    #[arg(
        short = '0',
        long,
        requires = "files_from",
        help_heading = "Input",
        hide_short_help = true
    )]
    pub(crate) null: bool,

    /// Read the sources of a manifest that `trailsift plan` wrote
    ///
    /// Parquet, or its rows as JSON lines; `-` is standard input. Nothing is listed, and nothing is looked up in a bucket.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Input",
        hide_short_help = true
    )]
    pub(crate) manifest: Option<PathBuf>,

    /// Read only part I of N of the manifest, counted from 0
    ///
    /// A part has consecutive sources, and about as many bytes as the others.
    #[arg(
        long,
        value_name = "I/N",
        value_parser = shard,
        requires = "manifest",
        help_heading = "Input",
        hide_short_help = true
    )]
    pub(crate) shard: Option<Shard>,

    /// Follow symbolic links inside folders
    ///
    /// Each file is read once in any case.
    #[arg(long, help_heading = "Input", hide_short_help = true)]
    pub(crate) follow: bool,

    /// Do not read files, folders or archive entries with such names
    ///
    /// For example '*.csv'. A pattern with a slash is compared with the path below PATH; ** in it stands for any folders:
    /// 'old/**'. May be given several times. The summary counts what was excluded.
    #[arg(
        long,
        value_name = "GLOB",
        value_parser = names::check,
        help_heading = "Input",
        hide_short_help = true
    )]
    pub(crate) exclude: Vec<String>,

    /// Read only files with such names, or in folders with such names
    ///
    /// An archive that is read is read completely. May be given several times.
    #[arg(
        long,
        value_name = "GLOB",
        value_parser = names::check,
        help_heading = "Input",
        hide_short_help = true
    )]
    pub(crate) include: Vec<String>,

    /// Also read files that other programs put beside logs
    ///
    /// Without this option .DS_Store, .*.crc, _SUCCESS, *.csv.metadata and __MACOSX/**/._* are not read; they hold no
    /// events.
    #[arg(long, help_heading = "Input", hide_short_help = true)]
    pub(crate) no_default_excludes: bool,

    /// Only events from this time on: 2024-05-01, 30d
    ///
    /// A date, an age such as 30d or 12h, or a time such as 2024-05-01T12:00:00Z. A date means its beginning in UTC; 30d means 30 days ago. Folders of a CloudTrail archive
    /// (AWSLogs/.../account/CloudTrail/region/yyyy/mm/dd) that can hold no such event are not listed; all other files are
    /// read. An event whose time cannot be read is kept, with a warning.
    #[arg(long, value_name = "TIME", value_parser = when::since, help_heading = "Filter")]
    pub(crate) since: Option<Timestamp>,

    /// Only events before this time, or up to this date
    ///
    /// The same forms; a date means its end in UTC.
    #[arg(long, value_name = "TIME", value_parser = when::until, help_heading = "Filter")]
    pub(crate) until: Option<Timestamp>,

    /// Only events of these accounts
    ///
    /// Twelve digits each; several with commas, or as several options. An event in another account's log belongs to both
    /// accounts, so the folders of all accounts are read.
    #[arg(
        long,
        value_name = "ID",
        value_parser = when::account,
        value_delimiter = ',',
        help_heading = "Filter"
    )]
    pub(crate) account: Vec<String>,

    /// With --account: read the folders of these accounts alone
    ///
    /// Faster, but what these accounts did in other accounts is not found.
    #[arg(
        long,
        requires = "account",
        help_heading = "Filter",
        hide_short_help = true
    )]
    pub(crate) account_folders: bool,

    /// Only events of these AWS regions
    ///
    /// IAM's events, and so a quarantine, are of us-east-1 (in other partitions cn-north-1, us-gov-west-1 ...). Several with
    /// commas, or as several options.
    #[arg(
        long,
        value_name = "REGION",
        value_parser = when::region,
        value_delimiter = ',',
        help_heading = "Filter",
        hide_short_help = true
    )]
    pub(crate) event_region: Vec<String>,

    /// The name of --event-region in earlier versions.
    #[arg(long, value_name = "REGION", value_parser = not_a_region, hide = true)]
    pub(crate) region: Option<String>,

    /// Only the folders with IAM's events: us-east-1
    ///
    /// That is us-east-1 (in other partitions cn-north-1, us-gov-west-1 ...): about a twentieth of an archive of all
    /// regions. Before November 2021 a trail of a single other region could get IAM's events in that region's folder: do not
    /// use this option for such an archive.
    #[arg(long, help_heading = "Filter", hide_short_help = true)]
    pub(crate) home_region: bool,

    /// How late a delivery may be
    ///
    /// The day of a folder is that of the delivery, minutes and rarely hours after the event. Folders are read whose days
    /// are this long before --since or after --until.
    #[arg(
        long,
        value_name = "AGE",
        value_parser = when::age,
        default_value = "2d",
        help_heading = "Filter",
        hide_short_help = true
    )]
    pub(crate) late: SignedDuration,

    /// Use the credentials of this AWS profile
    ///
    /// From ~/.aws, as AWS's own tools do. Without this option AWS_PROFILE and the environment are used.
    #[arg(
        long,
        value_name = "NAME",
        help_heading = "Buckets",
        hide_short_help = true
    )]
    pub(crate) profile: Option<String>,

    /// Send requests to this address, for S3-compatible stores
    ///
    /// Without this option AWS_ENDPOINT_URL is used.
    #[arg(
        long,
        value_name = "URL",
        value_parser = endpoint,
        help_heading = "Buckets",
        hide_short_help = true
    )]
    pub(crate) endpoint_url: Option<String>,

    /// The region of the S3 buckets
    ///
    /// Without this option it is requested from S3; with an endpoint it is that of AWS_REGION or the profile.
    #[arg(
        long,
        value_name = "REGION",
        help_heading = "Buckets",
        hide_short_help = true
    )]
    pub(crate) bucket_region: Option<String>,

    /// Do not sign requests, to read a public bucket
    #[arg(long, help_heading = "Buckets", hide_short_help = true)]
    pub(crate) no_sign_request: bool,

    /// Pay for requests and data transfer
    ///
    /// The owners of some buckets require that.
    #[arg(
        long,
        conflicts_with = "no_sign_request",
        help_heading = "Buckets",
        hide_short_help = true
    )]
    pub(crate) request_payer: bool,

    /// Number of objects that are fetched at once
    #[arg(
        long,
        value_name = "N",
        default_value_t = CONCURRENT_FETCHES,
        value_parser = at_least_one,
        help_heading = "Buckets",
        hide_short_help = true
    )]
    pub(crate) io_concurrency: usize,

    /// How many seconds a temporary failure is retried.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = RETRY_TIME.as_secs(),
        hide = true,
        help_heading = "Buckets"
    )]
    pub(crate) retry_time: u64,
}
