//! Errors in the command line.

use std::path::Path;

use clap::error::ErrorKind;
use trailsift::store::Uri;

use super::terminal;

/// Returns the error of a command line whose values are invalid.
pub(super) fn usage(message: &str) -> clap::Error {
    // Without the line that shows how options are written: they were written right.
    let message = terminal::harmless_message(message);
    clap::Error::raw(ErrorKind::ValueValidation, format!("{message}\n"))
}

/// Returns the address in an argument, if it is an address.
pub(super) fn uri(path: &Path) -> Result<Option<Uri>, clap::Error> {
    let named = Uri::of(path).transpose();
    let named = named.map_err(|message| usage(&format!("{}: {message}", path.display())))?;
    // An existing file may have any name.
    if let (None, Some(meant), Err(_)) = (&named, Uri::meant(path), path.symlink_metadata()) {
        let message = format!(
            "{}: write {meant} for an object in a bucket",
            path.display()
        );
        return Err(usage(&message));
    }
    Ok(named)
}
