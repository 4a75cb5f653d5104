//! That outputs do not get into each other's way, and what became of them, in words.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde_json::json;
use trailsift::report::{Fate, Placed, Report};

use super::args::{HuntArgs, LogFormat};
use super::{resolve, terminal};

/// What makes two names the same file.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// Device and inode of one that is there.
    There(u64, u64),
    /// A path without links and dots, or an address.
    Named(PathBuf),
}

/// Refuses a command line by which one file would be written twice, or one that is read would be replaced.
pub(super) fn check(args: &HuntArgs) -> Result<(), clap::Error> {
    let state = args.state.iter().flat_map(|state| {
        // SQLite's own files beside it.
        ["", "-wal", "-shm", "-journal"].map(|suffix| {
            let mut name = state.clone().into_os_string();
            name.push(suffix);
            ("--state", PathBuf::from(name))
        })
    });
    let input = &args.input;
    let named = [
        ("--output", Some(&args.output)),
        ("--report", args.report.as_ref()),
        ("--related", args.related.as_ref()),
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
            return Err(resolve::usage(&format!(
                "{path}: {other} and {what} name the same file; each needs its own"
            )));
        }
        places.push((what, path, place));
    }
    Ok(())
}

/// What a name stands for; nothing for standard output, a pipe or a device, which may be named twice.
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
            // It is not there yet; what is wrong with it is told when it is opened.
            let absolute = std::path::absolute(path).ok()?;
            let name = absolute.file_name()?;
            let folder = absolute.parent()?.canonicalize().ok()?;
            Some(Place::Named(folder.join(name)))
        }
    }
}

/// What became of an output that is called `name`.
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

/// Says where an output is not what its name says, for those who see no summary.
pub(super) fn warn(report: &Report, format: LogFormat) {
    for placed in &report.outputs {
        if !matches!(placed.fate, Fate::Kept | Fate::Incomplete) {
            continue;
        }
        let text = format!("written: {}", text(placed, &placed.name, report));
        match format {
            LogFormat::Json => {
                terminal::json(
                    "diagnostic",
                    &json!({"severity": "warning", "message": text}),
                );
            }
            LogFormat::Text => {
                let text = terminal::harmless(&text, usize::MAX);
                terminal::line(&format!("{}: {text}", terminal::yellow("warning")));
            }
        }
    }
}
