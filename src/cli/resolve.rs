//! From what was typed to a configuration. All that is wrong with it is said here, before any file is
//! opened.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use trailsift::config::{HuntConfig, Progress};
use trailsift::input::Root;
use trailsift::input::open::MAP_BYTES;
use trailsift::output::{Destination, Format};
use trailsift::rule::Rule;

use super::args::{Args, FormatArg, HuntArgs};

/// A hunt's configuration.
pub(super) fn resolve(args: &HuntArgs) -> Result<HuntConfig, clap::Error> {
    let roots = args
        .paths
        .iter()
        .map(|path| root(path))
        .collect::<Result<Vec<_>, _>>()?;
    if roots.iter().filter(|root| **root == Root::Stdin).count() > 1 {
        return Err(usage("`-` (standard input) is named more than once"));
    }
    let destination = match args.output.as_os_str() == "-" {
        true => Destination::Stdout,
        false => Destination::File(args.output.clone()),
    };
    let report_to_stdout = args.report.as_deref() == Some(Path::new("-"));
    if report_to_stdout && destination == Destination::Stdout {
        return Err(usage("alerts and report cannot both go to standard output"));
    }
    if args.report.as_deref() == Some(&args.output) {
        return Err(usage("alerts and report cannot go to the same file"));
    }
    let format = format(args, &destination)?;
    if destination == Destination::Stdout
        && format == Format::Parquet
        && std::io::stdout().is_terminal()
    {
        return Err(usage(
            "Parquet is not for a terminal; name a file, or add --format ndjson",
        ));
    }
    Ok(HuntConfig {
        roots,
        rule: Arc::new(Rule::quarantine()),
        own_files: args
            .report
            .iter()
            .chain([&args.output])
            .map(PathBuf::clone)
            .collect(),
        destination,
        format,
        n_threads: n_threads(args.threads),
        map_from_bytes: (!args.no_mmap).then_some(MAP_BYTES),
        follows_links: args.follow,
        progress: Arc::new(Progress::default()),
    })
}

fn usage(message: &str) -> clap::Error {
    Args::command().error(ErrorKind::ValueValidation, message)
}

fn root(path: &Path) -> Result<Root, clap::Error> {
    if path.as_os_str() == "-" {
        return Ok(Root::Stdin);
    }
    // A root that cannot be looked at for another reason is a diagnostic of the run.
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(usage(&format!(
            "{}: no such file or directory",
            path.display()
        ))),
        _ => Ok(Root::Path(path.to_owned())),
    }
}

fn format(args: &HuntArgs, destination: &Destination) -> Result<Format, clap::Error> {
    let suffix = args.output.extension().and_then(|suffix| suffix.to_str());
    match (args.format, destination, suffix) {
        (Some(FormatArg::Parquet), ..) => Ok(Format::Parquet),
        (Some(FormatArg::Ndjson), ..) | (None, Destination::Stdout, _) => Ok(Format::Ndjson),
        (None, _, Some("parquet")) => Ok(Format::Parquet),
        (None, _, Some("ndjson" | "jsonl" | "json")) => Ok(Format::Ndjson),
        (None, ..) => Err(usage(&format!(
            "{}: its name does not tell the format; add --format parquet or --format ndjson",
            args.output.display()
        ))),
    }
}

fn n_threads(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        n => n,
    }
}
