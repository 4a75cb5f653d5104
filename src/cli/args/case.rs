//! The arguments of `investigate`.

use std::path::PathBuf;

use clap::Args as ClapArgs;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::super::when;
use super::input::InputArgs;
use super::{Messages, Performance};

const SHORT_EXAMPLES: &str = "\
Examples:
  trailsift investigate -o case alerts.parquet /archive/AWSLogs
  trailsift investigate -o case --user 111122223333/alice /archive/AWSLogs
  trailsift investigate -o case --access-key AKIAIOSFODNN7EXAMPLE /archive";

const SHORT_EXIT_CODES: &str = "\
ALERTS is a file of a hunt, or a folder of them. All options: investigate --help
Exit codes: 0 everything was read, 1 failed, 2 invalid, 3 not all read or found";

const EXIT_CODES: &str = "\
Exit codes:
  0    everything was read, or no alert names a user
  1    the run failed, for example because the folder is not empty or a file
       holds no alerts; no case was written
  2    invalid command line
  3    something could not be read or changed meanwhile, a quarantine of the
       alerts is not in what was read, or no event has a name that was given
  130  interrupted (143: terminated, 129: the terminal was closed);
       no case was written";

/// Find out what was done with leaked keys
///
/// Writes a case: a page, and tables.
///
/// A case has the events of the quarantined users and their keys, of the sessions that these opened (from role to role), and
/// of the users, keys and roles that were made with them, each event once. The archive is read several times: each pass
/// searches for what the pass before it found, in the files that can hold it. The last pass finds who else used the same
/// addresses.
///
/// ALERTS is a file that a hunt wrote (Parquet, JSON lines or CSV), or a folder with such files and nothing else.
#[derive(Debug, ClapArgs)]
#[command(
    before_help = SHORT_EXAMPLES,
    after_help = SHORT_EXIT_CODES,
    after_long_help = EXIT_CODES,
    override_usage = "trailsift investigate [OPTIONS] -o <CASE> <ALERTS|--user NAME> <PATH>..."
)]
pub(crate) struct InvestigateArgs {
    /// The words of the command line, with the default options.
    #[arg(skip)]
    pub(crate) words: Vec<String>,

    /// The alerts of a hunt (a file or a folder), and then paths as for `hunt`.
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Begin with a user: a name, or account/name
    ///
    /// With alerts as well, only those of this user count. May be given several times.
    #[arg(long, value_name = "NAME", help_heading = "Beginning")]
    pub(crate) user: Vec<String>,

    /// Begin with an access key, by its id
    #[arg(long, value_name = "ID", help_heading = "Beginning")]
    pub(crate) access_key: Vec<String>,

    /// Begin with a user or role, by its ARN
    #[arg(
        long,
        value_name = "ARN",
        help_heading = "Beginning",
        hide_short_help = true
    )]
    pub(crate) arn: Vec<String>,

    /// Time before a quarantine
    ///
    /// Events in it belong to the case.
    #[arg(long, value_name = "AGE", value_parser = when::age, default_value = "30d", help_heading = "Beginning")]
    pub(crate) before: SignedDuration,

    /// Time after a quarantine
    ///
    /// Events in it belong to the case. Later events count only for the state at the end of the log.
    #[arg(long, value_name = "AGE", value_parser = when::age, default_value = "30d", help_heading = "Beginning")]
    pub(crate) after: SignedDuration,

    /// Number of steps from the user that are followed
    ///
    /// A session is one step, what that session makes another.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4,
        help_heading = "Beginning",
        hide_short_help = true
    )]
    pub(crate) max_hops: u32,

    /// Maximum number of others at an address that is looked into
    ///
    /// The last pass finds who else used the addresses from which the keys were used. An address with more others than this is
    /// left out, since many share it. With 0 there is no such pass.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 20,
        help_heading = "Beginning",
        hide_short_help = true
    )]
    pub(crate) max_identities: usize,

    /// The folder of the case; it must be new or empty
    ///
    /// It appears when it is complete, and must not be inside what is read.
    #[arg(short, long, value_name = "CASE", help_heading = "Output")]
    pub(crate) output: PathBuf,

    /// Show the countries of addresses, from a file in MaxMind's format
    ///
    /// For example GeoLite2-Country.mmdb.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) geoip: Option<PathBuf>,

    /// Show local times beside UTC: Europe/Berlin
    ///
    /// The IANA name of a time zone.
    #[arg(
        long,
        value_name = "NAME",
        value_parser = when::timezone,
        help_heading = "Output",
        hide_short_help = true
    )]
    pub(crate) timezone: Option<TimeZone>,

    #[command(flatten)]
    pub(crate) performance: Performance,

    #[command(flatten)]
    pub(crate) messages: Messages,
}
