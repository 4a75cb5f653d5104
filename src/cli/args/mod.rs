//! The command line. The comments are the help.

mod case;
mod coverage;
mod hunt;
mod input;
mod report;
mod rules;
mod search;
mod synth;
mod verify;

use std::path::PathBuf;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

use super::terminal::Color;

pub(crate) use case::InvestigateArgs;
pub(crate) use coverage::{CoverageArgs, SurveyArgs};
pub(crate) use hunt::{FormatArg, HuntArgs, OutputArgs, PartitionArg, SchemaArg};
pub(crate) use input::InputArgs;
pub(crate) use report::{ReportArgs, ReportFormat};
pub(crate) use rules::{ListFormat, RuleArgs, RulesCommand};
pub(crate) use search::SearchArgs;
pub(crate) use synth::SynthArgs;
pub(crate) use verify::VerifyArgs;

/// The order of help: examples come before usage and options.
const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

const EXAMPLES: &str = "\
Examples:
  Was any key ever quarantined?
    trailsift hunt /archive/AWSLogs
  What was done with it?
    trailsift investigate -o case alerts.parquet /archive/AWSLogs
  The same, as text for a ticket:
    trailsift report case --format md
  Where does an address or a key occur?
    trailsift search 203.0.113.7 AKIAIOSFODNN7EXAMPLE /archive/AWSLogs
  What do the rules of Elastic and Sigma find, or your own?
    trailsift hunt --rules my-rules/ -o hits.parquet /archive/AWSLogs";

const DOCUMENTATION: &str = concat!(
    "Each command: trailsift <COMMAND> --help\n",
    "Manual: trailsift man | man -l -\n",
    "Version, commit, target, features and rule: trailsift --version --verbose\n",
    "Documentation: docs/src/SUMMARY.md in ",
    env!("CARGO_PKG_REPOSITORY"),
);

/// Searches years of AWS CloudTrail logs for access keys that AWS quarantined.
///
/// When AWS finds one of your access keys in public, it attaches its policy AWSCompromisedKeyQuarantine to the IAM user that
/// the key belongs to. trailsift finds each time that this happened, by Elastic's prebuilt rule, at the speed of the hardware.
#[derive(Debug, Parser)]
#[command(
    version,
    propagate_version = true,
    max_term_width = 100,
    help_template = TEMPLATE,
    before_help = EXAMPLES,
    after_help = DOCUMENTATION
)]
pub(crate) struct Args {
    /// When text has colours
    #[arg(
        long,
        value_enum,
        default_value_t,
        global = true,
        help_heading = "Messages",
        hide_short_help = true
    )]
    pub(crate) color: Color,

    /// Read default options from this file
    ///
    /// Without this option it is the file in TRAILSIFT_CONFIG, or trailsift/trailsift.toml in the folder of your
    /// configurations (usually ~/.config). `trailsift config` shows what it gives.
    #[arg(
        long,
        value_name = "FILE",
        global = true,
        help_heading = "Messages",
        hide_short_help = true
    )]
    pub(crate) config: Option<PathBuf>,

    /// Use no default options: neither from a file nor from TRAILSIFT_ variables
    #[arg(
        long,
        global = true,
        conflicts_with = "config",
        help_heading = "Messages",
        hide_short_help = true
    )]
    pub(crate) no_config: bool,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = false)]
pub(crate) enum Command {
    #[command(help_template = TEMPLATE)]
    Hunt(Box<HuntArgs>),
    #[command(help_template = TEMPLATE)]
    Search(Box<SearchArgs>),
    #[command(help_template = TEMPLATE)]
    Investigate(Box<InvestigateArgs>),
    Report(ReportArgs),
    Coverage(Box<CoverageArgs>),
    Verify(Box<VerifyArgs>),
    Plan(Box<PlanArgs>),
    Synth(Box<SynthArgs>),
    /// Show what a ledger of `hunt --state` contains
    State {
        /// The ledger
        file: PathBuf,
        /// Print the sources that could not be read completely, one per line, for `hunt --files-from`
        ///
        /// Of these a hunt with the same ledger reads again those that could not be read at all, and those that changed.
        #[arg(long)]
        failed: bool,
        /// End each of them with a zero byte, for `hunt --files-from FILE -0`
        ///
        /// A name may contain a line break.
        #[arg(short = '0', long, requires = "failed")]
        null: bool,
        /// Forget that this source could not be read completely, as `--failed` names it
        ///
        /// For a damaged file that nobody can repair, or one that was removed. Later runs count it as done, and end with exit
        /// code 0 or 5 again. It is read again if it changes. May be given several times.
        #[arg(long, value_name = "SOURCE", conflicts_with = "failed")]
        forget: Vec<PathBuf>,
    },
    /// Print the built-in rule: query, severity, references
    Rule {
        /// How it is printed
        #[arg(long, value_enum, default_value_t)]
        format: RuleFormat,
    },
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Print the JSON Schema of an output
    Schema {
        /// The output
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// Show the default options: from which file and variables, for which command
    ///
    /// A file has options by their long names, at the top for all commands, or below the name of a command:
    ///
    /// threads = 4
    ///
    /// [hunt]
    ///
    /// output = "alerts/"
    ///
    /// A variable is TRAILSIFT_THREADS for all commands, or TRAILSIFT_HUNT_OUTPUT for one. The command line wins over
    /// variables, and variables win over the file.
    Config,
    /// Print a completion script for a shell
    ///
    /// For bash: trailsift completions bash > ~/.local/share/bash-completion/completions/trailsift
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Print the manual page, for `man -l -`
    Man,
}

/// List what a hunt would read, to divide it among many machines
///
/// The list is a manifest: each machine hunts a part of it, with `hunt --manifest FILE --shard I/N`.
#[derive(Debug, ClapArgs)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Where the manifest goes: a file, or s3://bucket/key (Parquet)
    #[arg(
        short,
        long,
        alias = "out",
        value_name = "FILE",
        default_value = "manifest.parquet",
        help_heading = "Output"
    )]
    pub(crate) output: PathBuf,
}

/// How fast a run may be.
#[derive(Debug, ClapArgs)]
pub(crate) struct Performance {
    /// Number of threads; 0 means one for each core
    #[arg(
        long,
        value_name = "N",
        default_value_t = 0,
        help_heading = "Performance",
        hide_short_help = true
    )]
    pub(crate) threads: usize,

    /// Read large files instead of mapping them into memory
    ///
    /// If another program shortens a mapped file while it is read, the system ends this program (SIGBUS); the same may happen
    /// with a file on a network that fails. Reading is safe from that, and slower.
    #[arg(long, help_heading = "Performance", hide_short_help = true)]
    pub(crate) no_mmap: bool,
}

/// What is said on standard error while a run goes on, and at its end.
#[derive(Debug, ClapArgs)]
pub(crate) struct Messages {
    /// Form of progress, diagnostics and summary on standard error
    #[arg(
        long,
        value_enum,
        default_value_t,
        help_heading = "Messages",
        hide_short_help = true
    )]
    pub(crate) log_format: LogFormat,

    /// Show only what could not be read
    ///
    /// No progress, table or summary.
    #[arg(short, long, help_heading = "Messages")]
    pub(crate) quiet: bool,

    /// Also show notes
    ///
    /// Notes report what is no fault but may matter, such as links that were not followed.
    #[arg(
        short,
        long,
        conflicts_with = "quiet",
        help_heading = "Messages",
        hide_short_help = true
    )]
    pub(crate) verbose: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    #[default]
    Text,
    /// One JSON object per line: progress, diagnostic, report or error
    Json,
}

/// An output with a JSON Schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaOf {
    /// A row of alerts, as JSON lines
    Alerts,
    /// The report of a hunt (`--report`)
    Report,
    /// The file case.json of an investigation
    Case,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum RuleFormat {
    /// For people
    #[default]
    Text,
    /// A JSON object
    Json,
}
