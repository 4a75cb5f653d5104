//! An output that is a folder: a dataset, to which each run adds a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use trailsift::store::Uri;

use super::args::{FormatArg, HuntArgs};

/// How the names of a dataset's files begin.
const ALERTS: &str = "alerts-";

/// Gives the output a name of its own, where a folder was named for it: one that no other run gives, and that sorts by
/// the time of the run. Files of the dataset that are to be replaced are given back.
pub(super) fn name_output(args: &mut HuntArgs, run_id: &str) -> io::Result<Vec<PathBuf>> {
    if !is_folder(&args.output) {
        return Ok(Vec::new());
    }
    let is_local = Uri::of(&args.output).is_none();
    let replaced = match args.overwrite {
        true => files(&args.output)?,
        false => Vec::new(),
    };
    if is_local && !args.dry_run {
        fs::create_dir_all(&args.output)?;
    }
    let format = args.format.unwrap_or(FormatArg::Parquet);
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let run = run_id.get(..8).unwrap_or(run_id);
    let name = format!("{ALERTS}{time}-{run}-0000.{}", format.extension());
    args.output.push(name);
    Ok(replaced)
}

/// Whether this names a folder, or all that lies below a prefix.
pub(super) fn is_folder(output: &Path) -> bool {
    match Uri::of(output) {
        Some(Ok(uri)) => uri.key().is_empty() || uri.key().ends_with('/'),
        Some(Err(_)) => false,
        None => output.as_os_str().as_encoded_bytes().ends_with(b"/") || output.is_dir(),
    }
}

/// The files of a dataset; none if there is no such folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        let is_own = entry.file_name().to_str().is_some_and(is_name);
        if is_own && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

/// Whether a file has a name as [`name_output`] gives it.
fn is_name(name: &str) -> bool {
    let Some((stem, extension)) = name
        .strip_prefix(ALERTS)
        .and_then(|rest| rest.split_once('.'))
    else {
        return false;
    };
    let parts: Vec<&str> = stem.split('-').collect();
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let is_stem = matches!(
        *parts,
        [time, run, part] if time.len() == 16 && time.ends_with('Z') && run.len() == 8 && is_hex(run)
            && part.len() == 4 && is_hex(part)
    );
    is_stem
        && FormatArg::ALL
            .iter()
            .any(|format| format.extension() == extension)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_were_given_are_a_dataset_s() {
        assert!(is_name("alerts-20240501T120000Z-0123abcd-0000.parquet"));
        for name in [
            "alerts.parquet",
            "alerts-1.parquet",
            "alerts-20240501T120000Z-0123abcd-0000.parquet.bak",
            "alerts-20240501T120000Z-0123abcx-0000.parquet",
            "alerts-20240501T120000-0123abcd-0000.parquet",
            ".alerts-20240501T120000Z-0123abcd-0000.parquet",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }
}
