//! A path on the command line -> what is read.

use std::path::Path;

use anyhow::{Context as _, bail};
use trailsift::input::Root;
use trailsift::store::check_support;

use super::usage::{uri, usage};

/// Returns the root that a path names.
pub(super) fn root(path: &Path) -> anyhow::Result<Root> {
    if path.as_os_str() == "-" {
        return Ok(Root::Stdin);
    }
    if uri(path)?.is_some() {
        check_support().with_context(|| path.display().to_string())?;
        return Ok(Root::Path(path.to_owned()));
    }
    // If a root cannot be examined for another reason, the run reports a diagnostic.
    match std::fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => bail!(usage(&format!(
            "{}: no such file or directory",
            path.display()
        ))),
        _ => Ok(Root::Path(path.to_owned())),
    }
}
