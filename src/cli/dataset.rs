//! An output that is a folder: a dataset, to which each run adds files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use jiff::Timestamp;
use trailsift::output::dataset::{FILE_PREFIX, is_file_name};
use trailsift::output::{Dataset, Partitioning};
use trailsift::store::Uri;

use super::args::{FormatArg, HuntArgs, PartitionArg, SchemaArg};

/// Gives the output a unique name if a folder was given. No other run gives the same name, and names sort by the time
/// of the run. If rows are divided, several files get such names, and the dataset is returned.
pub(super) fn name_output(args: &mut HuntArgs, run_id: &str) -> io::Result<Option<Dataset>> {
    if !is_folder(&args.output.destination) {
        return Ok(None);
    }
    if Uri::of(&args.output.destination).is_none() && !args.dry_run {
        fs::create_dir_all(&args.output.destination)?;
    }
    let time = Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let run = run_id.get(..8).unwrap_or(run_id);
    let stem = format!("{FILE_PREFIX}{time}-{run}");
    let extension = format(args).extension();
    let partitioning = match (args.output.schema, args.output.partition_by) {
        (SchemaArg::Ocsf, _) => Partitioning::SecurityLake,
        (_, Some(PartitionArg::EventDate)) => Partitioning::EventDate,
        (SchemaArg::Flat | SchemaArg::Ecs, None) => {
            args.output
                .destination
                .push(format!("{stem}-0000.{extension}"));
            return Ok(None);
        }
    };
    Ok(Some(Dataset {
        folder: args.output.destination.clone(),
        partitioning,
        stem,
        extension: extension.to_owned(),
    }))
}

/// Returns the format of a dataset's files.
pub(super) fn format(args: &HuntArgs) -> FormatArg {
    args.output.format.unwrap_or(match args.output.schema {
        SchemaArg::Ecs => FormatArg::Ndjson,
        SchemaArg::Flat | SchemaArg::Ocsf => FormatArg::Parquet,
    })
}

/// Returns whether this names a folder, or everything under a prefix.
pub(super) fn is_folder(output: &Path) -> bool {
    match Uri::of(output) {
        Some(Ok(uri)) => uri.key().is_empty() || uri.key().ends_with('/'),
        Some(Err(_)) => false,
        // A mistyped address is refused as an address, not treated as a new folder.
        None if Uri::meant(output).is_some() => output.is_dir(),
        None => output.as_os_str().as_encoded_bytes().ends_with(b"/") || output.is_dir(),
    }
}

/// Returns the files of the dataset that the run must replace.
pub(super) fn files_to_replace(args: &HuntArgs) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    if args.output.overwrite {
        files(&args.output.destination, 0, &mut found)?;
    }
    Ok(found)
}

/// Maximum depth of nested folders: region, account and day.
const LEVELS_MAX: u32 = 3;

/// Collects the files of a dataset; none if there is no such folder.
fn files(folder: &Path, level: u32, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let (name, file_type) = (entry.file_name(), entry.file_type()?);
        let Some(name) = name.to_str() else { continue };
        if file_type.is_file() && is_file_name(name) {
            found.push(entry.path());
        } else if file_type.is_dir() && level < LEVELS_MAX && is_partition(name) {
            files(&entry.path(), level + 1, found)?;
        }
    }
    Ok(())
}

/// Removes files, and the folders inside `root` that are empty after that.
pub(super) fn remove(root: &Path, files: &[PathBuf]) -> anyhow::Result<()> {
    for file in files {
        fs::remove_file(file).with_context(|| file.display().to_string())?;
        let folders = file.ancestors().skip(1);
        for folder in folders.take_while(|folder| *folder != root) {
            // If a folder is not empty, its parents are not empty either.
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
    Ok(())
}

/// Returns whether a folder's name has the form of a dataset's folder.
fn is_partition(name: &str) -> bool {
    let names = ["event_date", "region", "accountId", "eventDay"];
    name.split_once('=')
        .is_some_and(|(name, _)| names.contains(&name))
}
