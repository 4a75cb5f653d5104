//! `trailsift state`: shows the content of a ledger.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use indicatif::{BinaryBytes, HumanCount};
use trailsift::ledger::{Ledger, LedgerError};
use trailsift::report::Outcome;

use super::exit::Exit;
use super::{print, terminal};

/// Prints a summary of a ledger, or the sources that could not be read completely, each followed by a separator.
pub(super) fn run(file: &Path, failed: Option<u8>) -> anyhow::Result<Exit> {
    let context = || file.display().to_string();
    // SQLite would create a file that does not exist.
    std::fs::metadata(file).with_context(context)?;
    let ledger = Ledger::open_to_read(file).with_context(context)?;
    if let Some(separator) = failed {
        let sources = failed_sources(ledger, separator).with_context(context)?;
        print(&sources)?;
        return Ok(Exit::Complete);
    }
    let mut text = Vec::new();
    let summary = ledger.summary().with_context(context)?;
    let n_sources: u64 = summary.sources.values().sum();
    let mut lines = vec![("sources".to_owned(), HumanCount(n_sources).to_string())];
    let mut line = |name: &str, value: String| lines.push((name.to_owned(), value));
    for (outcome, n) in &summary.sources {
        let name = match outcome {
            Outcome::Read => "read",
            Outcome::Empty => "empty",
            Outcome::Partial => "in part",
            Outcome::Failed => "not read",
        };
        line(name, HumanCount(*n).to_string());
    }
    line(
        "bytes",
        format!("{} as stored", BinaryBytes(summary.n_bytes)),
    );
    line(
        "written",
        format!("{} rows", HumanCount(summary.n_delivered)),
    );
    let waiting = HumanCount(summary.n_waiting);
    line(
        "waiting",
        format!("{waiting} rows that a stopped run found; the next run writes them"),
    );
    if summary.n_kept > 0 {
        let n = HumanCount(summary.n_kept);
        line(
            "kept",
            format!("{n} events that rules over several events may still need"),
        );
    }
    if summary.n_forgotten > 0 {
        let n = HumanCount(summary.n_forgotten);
        line(
            "forgotten",
            format!("{n} of the sources in part or not read"),
        );
    }
    for (code, n) in &summary.failures {
        line(&code.name(), HumanCount(*n).to_string());
    }
    for (name, value) in lines {
        text.extend(format!("{name:<11} {value}\n").into_bytes());
    }
    print(&text)?;
    Ok(Exit::Complete)
}

/// Forgets of each source that it could not be read completely.
pub(super) fn forget(file: &Path, sources: &[PathBuf]) -> anyhow::Result<Exit> {
    let context = || file.display().to_string();
    std::fs::metadata(file).with_context(context)?;
    let ledger = Ledger::open_to_read(file).with_context(context)?;
    for source in sources {
        let mut is_known = false;
        // The ledger has addresses as they are, and the absolute paths of files.
        for path in [Some(source.clone()), std::path::absolute(source).ok()] {
            let path = path.unwrap_or_default();
            is_known |= ledger
                .forget(path.as_os_str().as_bytes())
                .with_context(context)?;
        }
        if !is_known {
            bail!(
                "{}: no source {} that could not be read completely; --failed lists them",
                file.display(),
                terminal::path(source)
            );
        }
        let source = terminal::path(source);
        terminal::line(&format!(
            "forgotten   {source}: it counts as done until it changes"
        ));
    }
    Ok(Exit::Complete)
}

/// Returns the sources that could not be read completely. Takes the ledger to close it: the reader of the output may
/// wait for it.
fn failed_sources(ledger: Ledger, separator: u8) -> Result<Vec<u8>, LedgerError> {
    let mut sources = Vec::new();
    ledger.each_failure(&mut |path, _| {
        sources.extend(path);
        sources.push(separator);
    })?;
    Ok(sources)
}
