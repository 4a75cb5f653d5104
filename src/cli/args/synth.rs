//! `trailsift synth`: what was typed, and how it becomes a [`SynthConfig`].

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use jiff::civil::Date;
use trailsift::synth::{Compression, Scenario, Shape, SynthConfig};

const EXAMPLES: &str = "\
Examples:
  A hundred files over two years, with ten matches and fourteen near misses:
    trailsift synth trail --matches 10 --near-misses 14

  One uncompressed file of two million records, one in a hundred a match:
    trailsift synth big --files 1 --records-per-file 2000000 \\
      --density 0.01 --compression none

  The same hundred, and the story of a leaked key, to be investigated:
    trailsift synth told --scenario leaked-key

  Two days of a company with digest files, to be verified:
    trailsift synth signed --digests --days 2 --start 2026-03-01

  Eight thousand small files of lines in zstd; another seed, another archive:
    trailsift synth many --files 8000 --records-per-file 8 \\
      --shape ndjson --compression zstd --seed 7";

/// Make a synthetic archive to try things on
///
/// It has attachments of the quarantine policy at known places.
/// The archive is laid out as CloudTrail delivers its logs, below OUT/AWSLogs. What was planted is listed
/// beside it, one line of JSON for each event, so that what a hunt finds can be checked. The same options
/// make the same archive, whatever the number of threads. All accounts, names, keys and addresses in it
/// are invented.
#[derive(Debug, Parser)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct SynthArgs {
    /// The folder to make; if it is there, it must be empty
    #[arg(value_name = "OUT", required_unless_present = "output")]
    out: Option<PathBuf>,

    /// The same
    #[arg(
        short,
        long,
        value_name = "OUT",
        conflicts_with = "out",
        hide_short_help = true
    )]
    output: Option<PathBuf>,

    /// Where all that is random comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How many files to make
    #[arg(long, default_value_t = 100, help_heading = "Size")]
    files: u64,

    /// How many records a file holds, on average; a single file holds exactly so many
    #[arg(long, value_name = "N", default_value_t = 50, help_heading = "Size")]
    records_per_file: u64,

    /// How many events to plant that the rule must find
    ///
    /// Their variants take turns, ten in all: the four versions of the policy, three partitions, AWS or a
    /// person attaching it, escaped letters, a customer's policy of that name, an event that is delivered
    /// twice.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = "What is planted"
    )]
    matches: u64,

    /// How many events to plant that resemble matches and are none
    ///
    /// Their variants take turns, fourteen in all: failed attempts, other actions that name the policy,
    /// policies of similar names, a record quoted within another.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = "What is planted"
    )]
    near_misses: u64,

    /// The share of all other records that match too, from 0 to 1; puts all files into us-east-1
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.0,
        help_heading = "What is planted"
    )]
    density: f64,

    /// The share of all other records that are near misses and name the policy, from 0 to 1
    #[arg(
        long,
        value_name = "SHARE",
        default_value_t = 0.0,
        help_heading = "What is planted"
    )]
    near_miss_density: f64,

    /// A story to add, in up to forty more files
    ///
    /// The list says for each of its events whether an investigation must find it (`relation`, `hops`), and then what
    /// the case must know (`"kind":"fact"`): the leaked key, its first foreign use, what was made and what is left, the
    /// data that was touched, and the quarantine and the keys at the end. `with` names the options of `investigate`,
    /// such as `--after=1h`, with which the case must know it; an empty text means none. A scenario needs --days 50 or
    /// more.
    #[arg(long, value_enum, help_heading = "What is planted")]
    scenario: Option<ScenarioArg>,

    /// Where to list what was planted [default: OUT.planted.ndjson]
    #[arg(long, value_name = "FILE", help_heading = "What is planted")]
    planted: Option<PathBuf>,

    /// How records are wrapped
    #[arg(long, value_enum, default_value_t = ShapeArg::Delivery, help_heading = "Format")]
    shape: ShapeArg,

    /// How files are compressed
    #[arg(long, value_enum, default_value_t = CompressionArg::Gzip, help_heading = "Format")]
    compression: CompressionArg,

    /// How hard to compress: gzip 0 to 9 [default: 6], zstd 1 to 22 [default: 3]
    #[arg(long, value_name = "N", help_heading = "Format")]
    level: Option<u8>,

    /// How many accounts the events are of
    #[arg(
        long,
        value_name = "N",
        default_value_t = 4,
        help_heading = "Where and when"
    )]
    accounts: u64,

    /// Which regions; named twice, a region gets twice the files
    #[arg(
        long,
        value_name = "NAME,…",
        value_delimiter = ',',
        default_value = "us-east-1,us-west-2,eu-central-1,ap-southeast-2",
        help_heading = "Where and when"
    )]
    regions: Vec<String>,

    /// The first day of deliveries
    #[arg(
        long,
        value_name = "DATE",
        default_value = "2023-01-01",
        help_heading = "Where and when"
    )]
    start: Date,

    /// How many days there are deliveries
    #[arg(
        long,
        value_name = "N",
        default_value_t = 730,
        help_heading = "Where and when"
    )]
    days: u32,

    /// Also make digest files, with the public key and the signatures beside the archive
    ///
    /// Each account and region has a chain with a digest for each hour, signed with a key that is public. Use few --days:
    /// a year of one region has 8,760.
    #[arg(long, help_heading = "Format")]
    digests: bool,

    /// Stop logging for so many hours, in the middle of the days; needs --digests
    ///
    /// Nothing is delivered in them. StopLogging and StartLogging are called before and after, and the chains of digests
    /// end and begin again.
    #[arg(
        long,
        value_name = "HOURS",
        default_value_t = 0,
        help_heading = "What is planted"
    )]
    stopped_hours: u32,

    /// How many threads to use; 0 for one a core
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScenarioArg {
    /// A key leaks. Strangers use it, take roles in other accounts and make a user. AWS quarantines the key's user
    LeakedKey,
    /// Strangers take roles in a chain, make things, and remove them again before AWS quarantines the key's user
    RoleChain,
    /// A person of the company attaches the policy to a test user and detaches it. Nothing leaked
    FalseAlarm,
    /// A stranger has the keys of two users. AWS quarantines one of them
    TwoUsers,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ShapeArg {
    /// {"Records":[…]} in one line, as CloudTrail delivers
    Delivery,
    /// One record a line
    Ndjson,
    /// {"Records":[…]}, indented
    Pretty,
    /// Record after record with nothing between
    Concatenated,
    /// […] in one line
    Array,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum CompressionArg {
    /// Not at all; a level has no meaning
    None,
    /// One gzip member
    Gzip,
    /// One Zstandard frame
    Zstd,
}

impl SynthArgs {
    /// What to make. Whether it can be made, `synth::run` says.
    pub(crate) fn resolve(self) -> SynthConfig {
        let shape = match self.shape {
            ShapeArg::Delivery => Shape::Delivery,
            ShapeArg::Ndjson => Shape::Ndjson,
            ShapeArg::Pretty => Shape::Pretty,
            ShapeArg::Concatenated => Shape::Concatenated,
            ShapeArg::Array => Shape::Array,
        };
        let compression = match self.compression {
            CompressionArg::None => Compression::None,
            CompressionArg::Gzip => Compression::Gzip(self.level.unwrap_or(6).into()),
            CompressionArg::Zstd => Compression::Zstd(self.level.unwrap_or(3).into()),
        };
        SynthConfig {
            out: self.out.or(self.output).unwrap_or_default(),
            planted: self.planted,
            seed: self.seed,
            files: self.files,
            records_per_file: self.records_per_file,
            matches: self.matches,
            near_misses: self.near_misses,
            density: self.density,
            near_miss_density: self.near_miss_density,
            scenario: self.scenario.map(|scenario| match scenario {
                ScenarioArg::LeakedKey => Scenario::LeakedKey,
                ScenarioArg::RoleChain => Scenario::RoleChain,
                ScenarioArg::FalseAlarm => Scenario::FalseAlarm,
                ScenarioArg::TwoUsers => Scenario::TwoUsers,
            }),
            shape,
            compression,
            accounts: self.accounts,
            regions: self.regions,
            start: self.start,
            days: self.days,
            digests: self.digests,
            stopped_hours: self.stopped_hours,
            threads: self.threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn resolved(typed: &[&str]) -> SynthConfig {
        let typed = ["synth", "out"].iter().chain(typed);
        SynthArgs::try_parse_from(typed).unwrap().resolve()
    }

    #[test]
    fn the_options_are_consistent() {
        SynthArgs::command().debug_assert();
    }

    #[test]
    fn defaults_are_the_configurations_own() {
        assert_eq!(resolved(&[]), SynthConfig::new("out"));
    }

    #[test]
    fn regions_are_split_and_levels_go_to_their_compressor() {
        let config = resolved(&[
            "--regions",
            "a-1,b-2",
            "--compression",
            "zstd",
            "--level",
            "9",
        ]);
        assert_eq!(config.regions, ["a-1", "b-2"]);
        assert_eq!(config.compression, Compression::Zstd(9));
        let config = resolved(&["--compression", "none", "--start", "2020-02-29"]);
        assert_eq!(config.compression, Compression::None);
        assert_eq!(config.start.to_string(), "2020-02-29");
    }
}
