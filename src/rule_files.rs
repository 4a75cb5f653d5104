//! Files and folders of rules -> the rules that can run, and those that cannot.
//!
//! A folder is searched for files that end in `.toml`, `.yml` or `.yaml`, in the order of their names; hidden files and
//! folders are left out, and links to folders are not followed. Everything else in it is ignored.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::report::RefusedRule;
use crate::rule::load::{Form, Loaded};

/// The size of the largest file of rules, in bytes. A longer one is not read.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// The number of folders inside each other that are searched.
const DEPTH_MAX: usize = 64;

/// The reason why a path cannot be read as rules.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleFilesError {
    /// A path that was named cannot be opened.
    #[error("{}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The name of a file that was named does not tell its form.
    #[error("{}: a file of rules ends in .toml, .yml or .yaml", .0.display())]
    UnknownForm(PathBuf),
    /// A folder that was named has no file of rules.
    #[error("{}: the folder has no file that ends in .toml, .yml or .yaml", .0.display())]
    NoFiles(PathBuf),
}

/// Reads rules from files and folders.
///
/// The pack of each rule is the name of the folder that was named, or of the folder with the file that was named; with
/// as many of the folders above as it takes to tell packs apart.
///
/// # Errors
/// A path that cannot be opened, or has nothing that could be a rule. What is wrong with single files and rules is in
/// [`Loaded::refused`].
pub fn read(paths: &[PathBuf]) -> Result<Loaded, RuleFilesError> {
    let paths = without_repeats(paths)?;
    let mut loaded = Loaded::default();
    for ((path, is_folder), pack) in paths.iter().zip(packs(&paths)) {
        let n_before = loaded.n_read();
        let mut files = Vec::new();
        match is_folder {
            true => find(path, 0, &mut files).map_err(|source| failed(path, source))?,
            false => files.push(path.clone()),
        }
        if files.is_empty() {
            return Err(RuleFilesError::NoFiles(path.clone()));
        }
        let root = match is_folder {
            true => path,
            false => path.parent().unwrap_or(path),
        };
        for file in files {
            add(&mut loaded, &pack, root, &file)?;
        }
        debug_assert!(loaded.n_read() > n_before);
    }
    loaded.resolve();
    Ok(loaded)
}

fn failed(path: &Path, source: io::Error) -> RuleFilesError {
    RuleFilesError::Path {
        path: path.to_owned(),
        source,
    }
}

/// Returns the paths without links in them, each once, with whether it is a folder.
fn without_repeats(paths: &[PathBuf]) -> Result<Vec<(PathBuf, bool)>, RuleFilesError> {
    let mut found: Vec<(PathBuf, bool)> = Vec::new();
    for path in paths {
        let real = path.canonicalize();
        let real = real.map_err(|source| failed(path, source))?;
        let is_folder = real.is_dir();
        if !is_folder && Form::from_name(&real.to_string_lossy()).is_none() {
            return Err(RuleFilesError::UnknownForm(path.clone()));
        }
        if !found.iter().any(|(known, _)| *known == real) {
            found.push((real, is_folder));
        }
    }
    // What is in a folder that was named too is read there.
    let folders: Vec<PathBuf> = found
        .iter()
        .filter(|(_, is_folder)| *is_folder)
        .map(|(path, _)| path.clone())
        .collect();
    let is_inside = |path: &Path| {
        let mut others = folders.iter();
        others.any(|folder| folder != path && path.starts_with(folder))
    };
    found.retain(|(path, _)| !is_inside(path));
    Ok(found)
}

/// Returns the pack of each path: the last part of its folder's name that no other folder has.
fn packs(paths: &[(PathBuf, bool)]) -> Vec<String> {
    let folders: Vec<Vec<String>> = paths
        .iter()
        .map(|(path, is_folder)| {
            let folder = match is_folder {
                true => Some(path.as_path()),
                false => path.parent(),
            };
            let parts = folder.into_iter().flat_map(Path::components);
            let names = parts.filter_map(|part| match part {
                Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
                _ => None,
            });
            names.collect()
        })
        .collect();
    let ending = |folder: &[String], n: usize| {
        let from = folder.len().saturating_sub(n);
        folder.get(from..).unwrap_or_default().join("/")
    };
    let name = |folder: &Vec<String>| {
        let is_own = |n: &usize| {
            let own = ending(folder, *n);
            let mut others = folders.iter().filter(|other| *other != folder);
            others.all(|other| ending(other, *n) != own)
        };
        let n = (1..folder.len()).find(is_own).unwrap_or(folder.len());
        match ending(folder, n) {
            name if name.is_empty() => "rules".to_owned(),
            name => name,
        }
    };
    folders.iter().map(name).collect()
}

/// Adds the files of rules in a folder to `files`.
fn find(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') {
            continue;
        }
        if entry.file_type()?.is_dir() {
            if depth < DEPTH_MAX {
                find(&entry.path(), depth + 1, files)?;
            }
        } else if Form::from_name(&name).is_some() && !entry.path().is_dir() {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Adds the rules of a file.
fn add(loaded: &mut Loaded, pack: &str, root: &Path, file: &Path) -> Result<(), RuleFilesError> {
    let name = file.strip_prefix(root).unwrap_or(file);
    let name = name.to_string_lossy();
    let Some(form) = Form::from_name(&name) else {
        return Err(RuleFilesError::UnknownForm(file.to_owned()));
    };
    match bytes(file) {
        Ok(text) => loaded.add_file(pack, &name, form, &text),
        Err(reason) => loaded.refused.push(RefusedRule {
            pack: pack.to_owned(),
            file: name.into_owned(),
            line: None,
            column: None,
            id: None,
            title: None,
            reason,
        }),
    }
    Ok(())
}

fn bytes(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |error: io::Error| format!("it cannot be read: {error}");
    let metadata = fs::metadata(file).map_err(failed)?;
    if !metadata.is_file() {
        return Err("it is no regular file".to_owned());
    }
    if metadata.len() > FILE_BYTES_MAX {
        let max_mib = FILE_BYTES_MAX >> 20;
        return Err(format!("it is longer than {max_mib} MiB"));
    }
    fs::read(file).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIGMA: &str = "title: A user was made\nid: id-1\n\
        logsource: {product: aws, service: cloudtrail}\n\
        detection:\n  made: {eventName: CreateUser}\n  condition: made\n";

    /// Makes files with this text, and returns their folder.
    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn names(loaded: &Loaded) -> Vec<String> {
        let names = loaded.rules.iter().map(|one| one.name().to_string());
        names.collect()
    }

    #[test]
    fn a_folder_gives_the_rules_of_its_files_and_what_cannot_run() {
        let folder = folder(&[
            ("aws/iam/b.yml", SIGMA),
            ("aws/a.yaml", SIGMA),
            ("aws/.hidden/c.yml", SIGMA),
            ("aws/README.md", "text"),
            ("aws/wrong.toml", "[rule]\n"),
        ]);
        let loaded = read(&[folder.path().join("aws")]).unwrap();
        assert_eq!(
            names(&loaded),
            ["aws/a.yaml id-1 version 1", "aws/iam/b.yml id-1 version 1"]
        );
        let refused: Vec<String> = loaded.refused.iter().map(ToString::to_string).collect();
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(
            refused[0].starts_with("wrong.toml:1:1: missing field"),
            "{refused:?}"
        );
    }

    #[test]
    fn packs_with_the_same_last_name_are_told_apart() {
        let folder = folder(&[("one/aws/a.yml", SIGMA), ("two/aws/a.yml", SIGMA)]);
        let paths = ["one/aws", "two/aws", "one/aws/a.yml"].map(|path| folder.path().join(path));
        let loaded = read(&paths).unwrap();
        assert_eq!(
            names(&loaded),
            [
                "one/aws/a.yml id-1 version 1",
                "two/aws/a.yml id-1 version 1"
            ]
        );
        let loaded = read(&paths[2..]).unwrap();
        assert_eq!(names(&loaded), ["aws/a.yml id-1 version 1"]);
    }

    #[test]
    fn a_path_that_has_no_rules_is_an_error() {
        let folder = folder(&[("empty/README.md", "text"), ("a.txt", SIGMA)]);
        let error = |name: &str| read(&[folder.path().join(name)]).unwrap_err().to_string();
        assert!(
            error("empty").ends_with("the folder has no file that ends in .toml, .yml or .yaml")
        );
        assert!(error("a.txt").ends_with("a file of rules ends in .toml, .yml or .yaml"));
        assert!(error("missing").ends_with("missing"));
    }
}
