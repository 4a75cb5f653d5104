//! Checks that outputs do not conflict with each other, and describes their fate in words.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use trailsift::report::{Fate, Placed, Report};

use super::args::{HuntArgs, LogFormat};
use super::messages;
use super::usage::usage;

/// The identity of a file, by which two names are recognized as the same file.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Device and inode of a file that exists.
    There(u64, u64),
    /// A path without links and dots, or an address.
    Named(PathBuf),
}

/// Refuses a command line that would write one file twice, or replace a file that is read.
pub(super) fn check(args: &HuntArgs) -> Result<(), clap::Error> {
    let state = args.output.state.iter().flat_map(|state| {
        // SQLite's own files beside the ledger.
        ["", "-wal", "-shm", "-journal"].map(|suffix| {
            let mut name = state.clone().into_os_string();
            name.push(suffix);
            ("--state", PathBuf::from(name))
        })
    });
    let input = &args.input;
    let named = [
        ("--output", Some(&args.output.destination)),
        ("--report", args.output.report.as_ref()),
        ("--related", args.output.related.as_ref()),
        ("--events", args.output.events.as_ref()),
        ("--files-from", input.files_from.as_ref()),
        ("--manifest", input.manifest.as_ref()),
    ];
    let named = named
        .into_iter()
        .filter_map(|(what, path)| Some((what, path?.clone())));
    let mut places: Vec<(&str, PathBuf, Place)> = Vec::new();
    for (what, path) in named.chain(state) {
        let Some(place) = place(&path) else { continue };
        let same = places
            .iter()
            .find(|(other, _, known)| *known == place && *other != what);
        if let Some((other, ..)) = same {
            let path = path.display();
            return Err(usage(&format!(
                "{path}: {other} and {what} name the same file; each needs its own"
            )));
        }
        places.push((what, path, place));
    }
    Ok(())
}

/// Returns the file that a name refers to; nothing for standard output, a pipe or a device, which may be named twice.
fn place(path: &Path) -> Option<Place> {
    if path == Path::new("-") {
        return None;
    }
    if trailsift::store::Uri::of(path).is_some() {
        return Some(Place::Named(path.to_owned()));
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Some(Place::There(metadata.dev(), metadata.ino())),
        Ok(_) => None,
        Err(_) => {
            // The file does not exist yet; other errors are reported when it is opened.
            let absolute = std::path::absolute(path).ok()?;
            let name = absolute.file_name()?;
            let folder = absolute.parent()?.canonicalize().ok()?;
            Some(Place::Named(folder.join(name)))
        }
    }
}

/// Returns a text on the fate of an output named `name`.
pub(super) fn text(placed: &Placed, name: &str, report: &Report) -> String {
    match placed.fate {
        Fate::Written => name.to_owned(),
        Fate::Replaced => format!("{name}, in place of an older one"),
        Fate::NoRows => "no file, since there is no alert".to_owned(),
        Fate::Kept => {
            let nothing = match report.sources.known {
                0 => "this run read nothing",
                _ => "this run read nothing new",
            };
            format!("nothing: the older {name} stays as it was, since {nothing}")
        }
        Fate::UpToDate => format!(
            "nothing: {name} stays as it was, with the rows of earlier runs with this ledger; there is none to add"
        ),
        Fate::Incomplete => format!(
            "{}; the older {name} stays as it was, since this run did not read everything and has fewer rows (--force \
             replaces it)",
            placed.written_to.as_deref().unwrap_or_default()
        ),
    }
}

/// Reports outputs that are not at their own place, for users who do not see the summary.
pub(super) fn warn(report: &Report, format: LogFormat) {
    for placed in &report.outputs {
        if !matches!(placed.fate, Fate::Kept | Fate::Incomplete) {
            continue;
        }
        let text = format!("written: {}", text(placed, &placed.name, report));
        messages::warn(&text, format);
    }
}
