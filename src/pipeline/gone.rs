//! What an earlier run could not read, and this one does not find any more: nobody will ever have read it.

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::config::HuntConfig;
use crate::input::Root;
use crate::ledger::{Ledger, LedgerError};
use crate::report::{Code, Defect};
use crate::store::Uri;

/// Objects that are asked for at once.
const ASKED_AT_ONCE: usize = 64;

/// Sources below the roots of this run that the ledger knows as unread, that the walk has not met, and that are gone.
pub(super) fn gone(
    config: &HuntConfig,
    ledger: &Ledger,
    met: &HashSet<Vec<u8>>,
) -> Result<Vec<(PathBuf, Defect)>, LedgerError> {
    let unread = ledger.unread()?;
    let unread = unread.into_iter().filter(|path| !met.contains(path));
    let paths = unread.map(|path| PathBuf::from(OsString::from_vec(path)));
    let is_wanted = |path: &PathBuf| {
        let folder = path.parent().unwrap_or(Path::new(""));
        let wanted = &config.wanted;
        (wanted.is_everything() || wanted.may_lie_below(folder))
            && config.roots.iter().any(|root| holds(root, path))
    };
    let paths: Vec<PathBuf> = paths.filter(is_wanted).collect();
    let mut gone = Vec::new();
    for some in paths.chunks(ASKED_AT_ONCE) {
        let asked: Vec<_> = some.iter().map(|path| ask(config, path)).collect();
        for (path, is_there) in some.iter().zip(asked) {
            if !is_there() {
                let message =
                    "cannot be read: an earlier run could not read it either, and it is gone now";
                let defect = Defect::new(Code::Unreadable, message.to_owned());
                gone.push((path.clone(), defect));
            }
        }
    }
    Ok(gone)
}

/// Whether a source lies below a root. What a list or a manifest names is met, whether it is there or not.
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

/// Begins to ask whether something is there: it may have been passed over.
fn ask(config: &HuntConfig, path: &Path) -> Box<dyn FnOnce() -> bool> {
    let Some(Ok(uri)) = Uri::of(path) else {
        let found = path.symlink_metadata();
        let is_there = !matches!(found, Err(error) if error.kind() == io::ErrorKind::NotFound);
        return Box::new(move || is_there);
    };
    // Why a store gives no answer the walk has told.
    let Ok(bucket) = config.stores.bucket(&uri) else {
        return Box::new(|| true);
    };
    let (lookup, stop) = (bucket.look_up(uri.key()), Arc::clone(&config.progress.stop));
    Box::new(move || !matches!(bucket.looked_up(lookup, &stop), Ok(None)))
}
