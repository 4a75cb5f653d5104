//! Reads keys and signatures from files and folders.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::keys::Keys;
use super::signatures::Signatures;

/// Reads all public keys in files, and in the files of folders.
///
/// # Errors
///
/// The I/O error with the path, or that a path has no key.
pub fn read_keys(paths: &[PathBuf]) -> io::Result<Keys> {
    let mut keys = Keys::default();
    for path in paths {
        let mut n_found = 0;
        each_file(path, &mut |_, text| n_found += keys.add_all(text))?;
        if n_found == 0 {
            return Err(none(path, "there is no public key in it"));
        }
    }
    Ok(keys)
}

/// Reads all signatures in files, and in the files of folders.
///
/// # Errors
///
/// The I/O error with the path, or that a path has no signature.
pub fn read_signatures(paths: &[PathBuf]) -> io::Result<Signatures> {
    let mut signatures = Signatures::default();
    for path in paths {
        let mut n_found = 0;
        each_file(path, &mut |file, text| {
            let name = file.file_name().unwrap_or_default().to_string_lossy();
            n_found += signatures.add_all(text, &name);
        })?;
        if n_found == 0 {
            return Err(none(path, "there is no signature in it"));
        }
    }
    Ok(signatures)
}

fn none(path: &Path, message: &str) -> io::Error {
    let message = format!("{}: {message}", path.display());
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Passes each file to `visit`, in the order of the names.
fn each_file(path: &Path, visit: &mut dyn FnMut(&Path, &[u8])) -> io::Result<()> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    if !fs::metadata(path).map_err(named)?.is_dir() {
        visit(path, &fs::read(path).map_err(named)?);
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(named)?;
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(named)?;
    paths.sort();
    // Links inside a folder may lead in a circle.
    paths.retain(|path| fs::symlink_metadata(path).is_ok_and(|found| !found.is_symlink()));
    paths.iter().try_for_each(|path| each_file(path, visit))
}
