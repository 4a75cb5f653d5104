//! The arguments that choose the rules of a hunt.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use trailsift::rule::{self, Indicators};

use super::LogFormat;

/// The rules of a hunt.
#[derive(Debug, Default, ClapArgs)]
pub(crate) struct RuleArgs {
    /// Hunt with the rules of this file or folder
    ///
    /// They take the place of the built-in rule. Elastic's TOML (EQL and KQL), Sigma's YAML, and trailsift's own TOML. A folder is searched for .toml, .yml
    /// and .yaml. May be given several times. What cannot run is counted, and `trailsift rules list --refused` says why.
    #[arg(long, value_name = "PATH", help_heading = "Rules")]
    pub(crate) rules: Vec<PathBuf>,

    /// Hunt with this query: EQL, or KQL after "kql:"
    ///
    /// For example 'any where event.action == "CreateAccessKey" and source.ip == "203.0.113.7"', or
    /// 'kql: event.provider: iam.amazonaws.com and not user.name: deploy-*'. May be given several times.
    #[arg(long, value_name = "QUERY", help_heading = "Rules")]
    pub(crate) query: Vec<String>,

    /// Only the rules with this id or title; * stands for any text
    #[arg(
        long,
        value_name = "ID",
        help_heading = "Rules",
        hide_short_help = true
    )]
    pub(crate) rule: Vec<String>,

    /// Not the rules with this id or title; * stands for any text
    #[arg(
        long,
        value_name = "ID",
        help_heading = "Rules",
        hide_short_help = true
    )]
    pub(crate) exclude_rule: Vec<String>,

    /// Only rules of this severity or a higher one
    #[arg(
        long,
        value_enum,
        value_name = "SEVERITY",
        help_heading = "Rules",
        hide_short_help = true
    )]
    pub(crate) min_severity: Option<SeverityArg>,

    /// Only rules with one of these tags; * stands for any text
    #[arg(
        long,
        value_name = "TAG",
        value_delimiter = ',',
        help_heading = "Rules",
        hide_short_help = true
    )]
    pub(crate) tag: Vec<String>,

    /// Events that are no alerts: exceptions of your own, in a TOML file
    ///
    /// Each names rules, or is for all, and has a KQL query or values of fields. What they suppress is counted.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Rules",
        hide_short_help = true
    )]
    pub(crate) exceptions: Option<PathBuf>,

    /// Leave out rules over several events: thresholds, new terms, sequences, correlations
    ///
    /// The report lists them among the rules that did not run.
    #[arg(long, help_heading = "Rules", hide_short_help = true)]
    pub(crate) single_event: bool,

    /// The indicators of a search, which take the place of rules.
    #[arg(skip)]
    pub(crate) search: Option<Indicators>,

    /// The form of warnings about the rules.
    #[arg(skip)]
    pub(crate) log_format: LogFormat,

    /// Refuse to run if one of the rules cannot run
    #[arg(long, help_heading = "Rules", hide_short_help = true)]
    pub(crate) strict_rules: bool,
}

/// The severity of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SeverityArg {
    /// Each rule
    Informational,
    /// Not informational ones
    Low,
    /// Medium, high and critical ones
    Medium,
    /// High and critical ones
    High,
    /// Critical ones
    Critical,
}

impl From<SeverityArg> for rule::Severity {
    fn from(severity: SeverityArg) -> Self {
        match severity {
            SeverityArg::Informational => Self::Informational,
            SeverityArg::Low => Self::Low,
            SeverityArg::Medium => Self::Medium,
            SeverityArg::High => Self::High,
            SeverityArg::Critical => Self::Critical,
        }
    }
}

/// List, check, test and explain rules
#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// List rules: those that run, or those that cannot, with the reason
    List {
        /// Files and folders of rules; without any the built-in rule
        paths: Vec<PathBuf>,

        #[command(flatten)]
        rules: Box<RuleArgs>,

        /// List the rules that cannot run
        #[arg(long)]
        refused: bool,

        /// How the list is printed
        #[arg(long, value_enum, default_value_t)]
        format: ListFormat,
    },
    /// Check rules: which cannot run, cannot match as written, or have a filter that excludes nothing
    ///
    /// Exit code 3 if a rule cannot run or can never match.
    Check {
        /// Files and folders of rules
        paths: Vec<PathBuf>,

        #[command(flatten)]
        rules: Box<RuleArgs>,
    },
    /// Test one rule: for each event of some files, which condition held, failed, or had no field
    ///
    /// Events that match, or that cannot be decided, come first. Exit code 3 if one cannot be decided.
    ///
    /// For example: trailsift rules test my-rule.toml events.json
    Test {
        /// A file with one rule, or a query
        rule: String,

        /// Files with events, in any form that a hunt reads
        #[arg(required = true)]
        files: Vec<PathBuf>,

        /// The rule of the file, by its id or title, if there are several
        #[arg(long, value_name = "ID")]
        id: Option<String>,

        /// The number of events to print, in this order; the others are counted
        #[arg(long, value_name = "N", default_value_t = 20)]
        max: u64,
    },
    /// Explain how rules are found: by which actions or words, and how much of an archive they let through
    ///
    /// Exit code 3 if none of the rules can run.
    Explain {
        /// Files and folders of rules; without any the built-in rule
        paths: Vec<PathBuf>,

        #[command(flatten)]
        rules: Box<RuleArgs>,
    },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    /// For people
    #[default]
    Text,
    /// A JSON array
    Json,
}
