//! `trailsift report`: shows a case again.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use trailsift::case;
use trailsift::output::{Destination, Target};
use trailsift::store::{StoreOptions, Stores};

use super::args::{ReportArgs, ReportFormat};
use super::exit::Exit;
use super::investigate::PAGE;
use super::usage::usage;
use super::{print, terminal};

/// Returns whether replacing a file loses nothing: it does not exist, or it is a report, which can be made again.
fn may_be_replaced(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(START_BYTES).read_to_end(&mut start)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let start = String::from_utf8_lossy(&start);
    Ok(start.is_empty() || case::page::MARKS.iter().any(|mark| start.contains(mark)))
}

/// Number of bytes at the start of a file that are enough to recognize a report.
const START_BYTES: u64 = 1024;

/// Reads a case, and writes its report.
pub(super) fn run(args: &ReportArgs) -> anyhow::Result<Exit> {
    let case = case::read(&args.case).with_context(|| args.case.display().to_string())?;
    let zone = args.timezone.as_ref();
    let (text, usual) = match args.format {
        ReportFormat::Html => (case::page::render(&case, zone, 0)?, args.case.join(PAGE)),
        ReportFormat::Md => (case::page::markdown(&case, zone)?, PathBuf::from("-")),
    };
    let path = args.output.as_deref().unwrap_or(&usual);
    if path == Path::new("-") {
        return print(text.as_bytes());
    }
    if !may_be_replaced(path).with_context(|| path.display().to_string())? {
        let message =
            "a file of this name is there and is no report of a case; choose another name";
        return Err(usage(&format!("{}: {message}", path.display())).into());
    }
    let stores = Arc::new(Stores::new(StoreOptions::default()));
    let mut target = Target::open(&Destination::File(path.to_owned()), &stores)?;
    target.write_all(text.as_bytes())?;
    target.commit()?;
    if is_same_file(path, &usual) {
        case::renew_sum(&args.case, PAGE).with_context(|| args.case.display().to_string())?;
    }
    terminal::line(&format!("written     {}", terminal::path(path)));
    Ok(Exit::Complete)
}

/// Returns whether two paths name the same file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok(); // a path that cannot be resolved names nothing else
    real(one).is_some_and(|one| Some(one) == real(other))
}
