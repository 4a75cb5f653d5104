//! Errors in the command line.

use std::path::Path;

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use trailsift::store::Uri;

use super::args::Args;
use super::terminal;

/// Returns the error of a command line whose values are invalid.
pub(super) fn usage(message: &str) -> clap::Error {
    let message = terminal::harmless(message, usize::MAX);
    Args::command().error(ErrorKind::ValueValidation, message)
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
