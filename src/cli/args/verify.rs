//! The arguments of `verify`.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::{InputArgs, Messages, Performance};

const EXAMPLES: &str = "\
Examples:
  Fetch the public keys of a region, then check an archive:
    mkdir keys
    aws cloudtrail list-public-keys --region us-east-1 \\
      --start-time 2024-01-01 > keys/us-east-1.json
    trailsift verify /archive --public-keys keys/
  Also prove the newest digest of each chain, whose signature is in the
  metadata of its object:
    mkdir signatures
    aws s3api head-object --bucket my-trail --key \"$KEY\" \\
      > signatures/newest.json
    trailsift verify /archive --public-keys keys/ --signatures signatures/

Exit codes:
  0  Everything is proved, and there is no gap
  3  Not everything can be proved, or there are gaps
  4  Something contradicts what AWS signed";

/// Check an archive against the digest files that AWS signed
///
/// CloudTrail writes a digest file each hour, if log file validation is on. It names each log with its hash, and the
/// digest before it, and AWS signs it. So it shows if a log was changed, removed or added. Nothing is sent anywhere.
#[derive(Debug, ClapArgs)]
#[command(after_help = EXAMPLES)]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    pub(crate) input: InputArgs,

    /// Files or folders with AWS's public keys
    ///
    /// As `aws cloudtrail list-public-keys` prints them, in any format. Without them nothing can be proved.
    #[arg(long, value_name = "PATH", help_heading = "Proof")]
    pub(crate) public_keys: Vec<PathBuf>,

    /// Files or folders with signatures of digests
    ///
    /// As `aws s3api head-object` or `rclone lsjson --metadata` prints them. They are needed for the newest digest of each
    /// chain alone: each digest has the signature of the one before it.
    #[arg(long, value_name = "PATH", help_heading = "Proof")]
    pub(crate) signatures: Vec<PathBuf>,

    /// Write the result as JSON to FILE; - is standard output
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) report: Option<PathBuf>,

    /// Write a row for each digest and log to FILE (Parquet)
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) performance: Performance,

    #[command(flatten)]
    pub(crate) messages: Messages,

    /// The command line, word by word, with the default options.
    #[arg(skip)]
    pub(crate) words: Vec<String>,
}
