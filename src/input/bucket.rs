//! Roots in buckets: an object, or everything below a prefix.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::layout::Selection;
use super::manifest;
use super::source::{Source, SourceKind};
use super::walk::{Found, Walk};
use crate::store::{Below, Bucket, Lookup, Object, ObjectMeta, Uri, WalkItem};

/// Number of folder levels below its root at which a bucket is listed folder by folder, where no part of
/// CloudTrail's layout is visible: `AWSLogs` is often inside a few folders of the bucket owner's own.
const FOLDERS_DEEP: usize = 3;

impl Walk<'_> {
    /// Starts a request that checks whether this address has an object. Returns `None` if no object can have
    /// it.
    pub(super) fn look_up(&self, uri: &Uri) -> Option<Lookup> {
        let is_folder = uri.key().is_empty() || uri.key().ends_with('/');
        // A bucket that cannot be opened is reported later, when it is its turn.
        let bucket = (!is_folder).then(|| self.options.stores.bucket(uri).ok())??;
        Some(bucket.look_up(uri.key()))
    }

    /// Walks an object, or everything below a prefix.
    pub(super) fn in_bucket(
        &mut self,
        path: &Path,
        uri: &Uri,
        lookup: Option<Lookup>,
    ) -> ControlFlow<()> {
        let bucket = match self.options.stores.bucket(uri) {
            Ok(bucket) => bucket,
            Err(error) => return self.unreadable(path, &error),
        };
        let key = uri.key();
        let Some(lookup) = lookup else {
            return self.prefix(path, &bucket, key);
        };
        // Without permission to list, the store does not report whether it exists. The listing below reports
        // what is wrong.
        if let Ok(Some(meta)) = bucket.looked_up(lookup, &self.options.stop) {
            let name = key.rsplit('/').next().unwrap_or(key);
            if self.leaves_out_root(Path::new(name), Path::new(key)) {
                return (self.visit)(Found::Excluded);
            }
            return self.object(&bucket, meta, PathBuf::from(name));
        }
        self.prefix(path, &bucket, &format!("{key}/"))
    }

    /// Visits an object as a manifest describes it.
    pub(super) fn object_of_manifest(
        &mut self,
        uri: &Uri,
        row: manifest::Row,
        below_root: PathBuf,
    ) -> ControlFlow<()> {
        let bucket = match self.options.stores.bucket(uri) {
            Ok(bucket) => bucket,
            Err(error) => return self.unreadable(Path::new(&row.source), &error),
        };
        let meta = ObjectMeta {
            key: uri.key().to_owned(),
            size: row.size_bytes.unsigned_abs(),
            e_tag: row.e_tag,
            modified: row.modified_ns.unwrap_or(0) / 1000,
        };
        self.object(&bucket, meta, below_root)
    }

    fn prefix(&mut self, root: &Path, bucket: &Arc<Bucket>, prefix: &str) -> ControlFlow<()> {
        let wanted = self.options.wanted.clone();
        let address = bucket.clone();
        let survey =
            move |prefix: &str, n_deep| survey(&wanted, Path::new(&address.uri_of(prefix)), n_deep);
        let mut is_empty = true;
        let mut passed_over = None;
        let mut walk = bucket.walk(prefix, Arc::new(survey));
        while let Some(met) = walk.next(&self.options.stop) {
            is_empty = false;
            match met {
                WalkItem::Objects(objects) => {
                    for meta in objects {
                        self.below(bucket, prefix, meta, &mut passed_over)?;
                    }
                }
                WalkItem::PassedOver => (self.visit)(Found::PassedOver)?,
                WalkItem::Failed(prefix, error) => {
                    self.unreadable(Path::new(&bucket.uri_of(&prefix)), &error)?;
                }
            }
        }
        if self.options.stop.load(Relaxed) {
            return ControlFlow::Break(());
        }
        if is_empty {
            let message = "no object has this key, and none lies below it";
            return self.unreadable(root, &io::Error::new(io::ErrorKind::NotFound, message));
        }
        ControlFlow::Continue(())
    }

    /// Visits an object below a prefix, unless its folder, which was not itself requested, contains nothing
    /// selected.
    fn below(
        &mut self,
        bucket: &Arc<Bucket>,
        prefix: &str,
        meta: ObjectMeta,
        passed_over: &mut Option<String>,
    ) -> ControlFlow<()> {
        let wanted = &self.options.wanted;
        if !wanted.is_everything() {
            let folder = meta.key.rsplit_once('/').map_or("", |(folder, _)| folder);
            if passed_over.as_deref() == Some(folder) {
                return ControlFlow::Continue(());
            }
            if !wanted.may_lie_below(Path::new(&bucket.uri_of(folder))) {
                *passed_over = Some(folder.to_owned());
                return (self.visit)(Found::PassedOver);
            }
        }
        let below_root = PathBuf::from(meta.key.get(prefix.len()..).unwrap_or(&meta.key));
        if self.options.names.leaves_out(&below_root) {
            return (self.visit)(Found::Excluded);
        }
        self.object(bucket, meta, below_root)
    }

    fn object(
        &mut self,
        bucket: &Arc<Bucket>,
        meta: ObjectMeta,
        below_root: PathBuf,
    ) -> ControlFlow<()> {
        let uri = bucket.uri_of(&meta.key);
        if self.options.own_uris.contains(&uri) {
            return ControlFlow::Continue(());
        }
        if self.remembers_all && !self.objects.insert(hash(&uri)) {
            return (self.visit)(Found::Repeated);
        }
        (self.visit)(Found::Source(Source {
            path: PathBuf::from(uri),
            below_root,
            stored_bytes: meta.size,
            modified: None,
            changed: None,
            kind: SourceKind::Object(Object::new(bucket, meta)),
        }))
    }
}

/// Decides how a folder of a bucket is listed.
fn survey(wanted: &Selection, folder: &Path, n_deep: usize) -> Below {
    if !wanted.is_everything() && !wanted.may_lie_below(folder) {
        return Below::Nothing;
    }
    match wanted.divides(folder) {
        Some(true) => Below::Folders,
        None if n_deep < FOLDERS_DEEP => Below::Folders,
        Some(false) | None => Below::All,
    }
}

/// Hashes an address to 128 bits. A collision of two objects is less likely than a hardware failure.
fn hash(uri: &str) -> u128 {
    let half = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        uri.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(0) << 64 | half(1)
}
