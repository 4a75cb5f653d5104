//! Output files of an earlier run that are inside the input: they are replaced, and not hunted through.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use trailsift::input::Root;
use trailsift::input::manifest::MARK;
use trailsift::output::{Column, OVER_TIME, RELATION};
use trailsift::store::{Stores, Uri};

use super::usage::{uri, usage};

/// Returns the files that the run will replace and that are not input: outputs of an earlier run.
///
/// Any other file inside the input is evidence, and is not replaced.
pub(super) fn own_files(outputs: &[&Path], roots: &[Root]) -> Result<Vec<PathBuf>, clap::Error> {
    let mut own_files = Vec::new();
    for path in outputs {
        let Ok(target) = path.canonicalize() else {
            continue;
        };
        if target.is_file() && is_own_output(&target) {
            own_files.push(target);
        } else if target.is_file() && roots.iter().any(|root| holds(root, &target)) {
            return Err(usage(&format!(
                "{}: the output would replace a file that is hunted through",
                path.display()
            )));
        }
    }
    Ok(own_files)
}

pub(super) fn holds(root: &Root, target: &Path) -> bool {
    match root {
        Root::Stdin => false,
        // The content of standard input is not known before it is read, so the safe answer is true.
        Root::List(list) if list.file.is_none() => true,
        Root::List(list) => list.paths().is_ok_and(|mut paths| {
            paths.any(|path| path.is_ok_and(|path| holds(&Root::Path(path), target)))
        }),
        // A manifest may be long and is not read twice, so the safe answer is true.
        Root::Manifest(_) | Root::Sources(_) => true,
        // A root that cannot be examined contains nothing that could be replaced.
        Root::Path(path) => path
            .canonicalize()
            .is_ok_and(|root| target.starts_with(root)),
    }
}

/// Number of bytes at the start and at the end of a file that are examined.
const SEEN_BYTES: u64 = 64 * 1024;

/// Returns whether this program wrote a file, by its first or last bytes. Replacing an empty file loses nothing.
fn is_own_output(path: &Path) -> bool {
    let seen = File::open(path).and_then(|mut file| {
        let (mut start, mut end) = (Vec::new(), Vec::new());
        (&mut file).take(SEEN_BYTES).read_to_end(&mut start)?;
        let from = file.metadata()?.len().saturating_sub(SEEN_BYTES);
        file.seek(SeekFrom::Start(from))?;
        file.read_to_end(&mut end)?;
        Ok((start, end))
    });
    seen.is_ok_and(|(start, end)| is_written_here(&start, &end))
}

/// Returns whether this program wrote a file with this start and this end.
fn is_written_here(start: &[u8], end: &[u8]) -> bool {
    let holds = |bytes: &[u8], text: &str| memchr::memmem::find(bytes, text.as_bytes()).is_some();
    start.is_empty()
        || start.starts_with(b"PAR1") && (holds(end, "trailsift.run_id") || holds(end, MARK))
        || start.starts_with(b"{\"rule_id\":\"") && holds(start, "\"alert_id\":\"")
        || is_csv_of_own_columns(start)
        || start.starts_with(b"\xff\xff\xff\xff") && holds(start, "trailsift.run_id")
        || start.starts_with(b"{\"create\":{\"_id\":\"") && holds(start, "\"trailsift\":{\"")
        || start.starts_with(b"{\"activity_id\":") && holds(start, "\"name\":\"trailsift\"")
        || (start.starts_with(b"{\n  \"schema_version\":")
            || start.starts_with(b"{\n  \"version\":"))
            && holds(start, "\"run_id\":")
}

/// Returns whether a file begins with a header whose names are all columns of alerts. No record of CloudTrail, and no
/// table of such records, has only these names: they lack the call.
fn is_csv_of_own_columns(start: &[u8]) -> bool {
    let line = start.split(|byte| *byte == b'\n').next();
    let header = line.and_then(|line| std::str::from_utf8(line).ok());
    let names = header.map(|header| header.trim_end().split(','));
    let is_own = |name: &str| {
        let column = Column::from_name(name).or_else(|| Column::from_older_name(name));
        let mut others = OVER_TIME.iter().chain([&RELATION]);
        column.is_some() || others.any(|column| column.name == name)
    };
    names.is_some_and(|mut names| names.all(is_own))
}

/// Returns the objects that the run will replace and that are not input.
pub(super) fn own_uris(
    outputs: &[&Path],
    roots: &[Root],
    stores: &Stores,
) -> Result<Vec<String>, clap::Error> {
    let mut own_uris = Vec::new();
    for path in outputs {
        let Some(target) = uri(path)? else { continue };
        own_uris.push(target.to_string());
        if !roots.iter().any(|root| holds_uri(root, &target)) {
            continue;
        }
        // If the store does not answer, the error is reported when the output is begun.
        let ends = stores
            .bucket(&target)
            .and_then(|bucket| bucket.ends(target.key(), SEEN_BYTES));
        if let Ok(Some((start, end))) = ends
            && !is_written_here(&start, &end)
        {
            return Err(usage(&format!(
                "{target}: the output would replace an object that is hunted through"
            )));
        }
    }
    Ok(own_uris)
}

fn holds_uri(root: &Root, target: &Uri) -> bool {
    match root {
        Root::Stdin => false,
        // A list may be long and is not read twice, so the safe answer is true.
        Root::List(_) | Root::Manifest(_) | Root::Sources(_) => true,
        Root::Path(path) => Uri::of(path).and_then(Result::ok).is_some_and(|root| {
            root.bucket_uri() == target.bucket_uri() && target.key().starts_with(root.key())
        }),
    }
}
