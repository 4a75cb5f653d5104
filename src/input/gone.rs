//! Sources that an earlier run could not read and that this run no longer finds: they were never read and
//! never will be.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::discover::Root;
use super::walk::{DiscoverOptions, Found};
use crate::report::{Code, Defect};
use crate::store::Uri;

/// Number of objects checked at once.
const ASKED_AT_ONCE: usize = 64;

/// Returns those of `unread` that no longer exist. `unread` are sources that earlier runs could not read and
/// that a walk of these roots has not found.
pub fn gone(unread: Vec<PathBuf>, roots: &[Root], options: &DiscoverOptions) -> Vec<Found> {
    let wanted = &options.wanted;
    let selects = |path: &PathBuf| {
        let folder = path.parent().unwrap_or(Path::new(""));
        (wanted.is_everything() || wanted.may_lie_below(folder))
            && roots.iter().any(|root| holds(root, path))
    };
    let paths: Vec<PathBuf> = unread.into_iter().filter(selects).collect();
    let mut gone = Vec::new();
    for some in paths.chunks(ASKED_AT_ONCE) {
        let asked: Vec<_> = some.iter().map(|path| ask(options, path)).collect();
        for (path, is_there) in some.iter().zip(asked) {
            if !is_there() {
                let message =
                    "cannot be read: an earlier run could not read it either, and it is gone now";
                gone.push(Found::Defect {
                    path: path.clone(),
                    defect: Defect::new(Code::Unreadable, message.to_owned()),
                });
            }
        }
    }
    gone
}

/// Reports whether a source is below a root. Sources named by a list or manifest do not count: the walk
/// visits them whether they exist or not.
fn holds(root: &Root, path: &Path) -> bool {
    let Root::Path(root) = root else { return false };
    match Uri::of(root) {
        Some(uri) => uri.is_ok_and(|uri| {
            let (root, path) = (uri.to_string(), path.to_string_lossy());
            let rest = path.strip_prefix(&*root);
            rest.is_some_and(|rest| rest.is_empty() || root.ends_with('/') || rest.starts_with('/'))
        }),
        None => std::path::absolute(root).is_ok_and(|root| path.starts_with(root)),
    }
}

/// Starts a check whether a path exists: the walk may only have skipped it.
fn ask(options: &DiscoverOptions, path: &Path) -> Box<dyn FnOnce() -> bool> {
    let Some(Ok(uri)) = Uri::of(path) else {
        let found = path.symlink_metadata();
        let is_there = !matches!(found, Err(error) if error.kind() == io::ErrorKind::NotFound);
        return Box::new(move || is_there);
    };
    // The walk has already reported why the store does not answer.
    let Ok(bucket) = options.stores.bucket(&uri) else {
        return Box::new(|| true);
    };
    let (lookup, stop) = (bucket.look_up(uri.key()), Arc::clone(&options.stop));
    Box::new(move || !matches!(bucket.looked_up(lookup, &stop), Ok(None)))
}
