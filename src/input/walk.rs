//! The walk from roots to sources: its options, what it finds, and what it remembers of what it found before.
//!
//! [`discover`](super::discover) decides where it goes.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::entries::Entry;
use super::layout::Selection;
use super::names::Names;
use super::source::{Identity, Source, SourceKind, changed, identity, modified};
use crate::report::{Code, Defect};
use crate::store::Stores;

/// An item that the walk finds.
#[derive(Debug)]
pub enum Found {
    /// A file.
    Source(Source),
    /// Something that is not read.
    Defect {
        /// Its path.
        path: PathBuf,
        /// The reason.
        defect: Defect,
    },
    /// A symbolic link that is not followed.
    Link,
    /// A file that was found before, by another path.
    Repeated,
    /// A folder that contains nothing selected.
    PassedOver,
    /// A file, or a folder with everything inside it, that is excluded by its name.
    Excluded,
}

/// Options of the walk.
#[derive(Debug, Clone, Default)]
pub struct DiscoverOptions {
    /// True if symbolic links inside a tree are followed.
    pub follows_links: bool,
    /// Files that are never sources: the run's own output.
    pub own_files: Vec<Identity>,
    /// Unique name of a folder that is never walked: it contains the run's own output until that is complete.
    pub own_folder: Option<OsString>,
    /// Objects that are never sources: the run's own output.
    pub own_uris: Vec<String>,
    /// The selected events. A folder that cannot contain one is skipped.
    pub wanted: Selection,
    /// The names of the files that are read.
    pub names: Names,
    /// The buckets.
    pub stores: Arc<Stores>,
    /// The request to stop the run: the walk then no longer waits for a store that does not answer.
    pub stop: Arc<AtomicBool>,
}

/// Lists directories, in parallel if possible, and returns the listings in the order of the paths.
pub type ListAll<'a> = &'a (dyn Fn(&[PathBuf]) -> Vec<io::Result<Vec<Entry>>> + Sync);

pub(super) struct Walk<'a> {
    pub(super) options: &'a DiscoverOptions,
    pub(super) list_all: ListAll<'a>,
    pub(super) visit: &'a mut dyn FnMut(Found) -> ControlFlow<()>,
    /// True if one file may be found by two paths even if it has only one name.
    pub(super) remembers_all: bool,
    files: HashSet<Identity>,
    /// Objects that were found, by hashes of their addresses.
    pub(super) objects: HashSet<u128>,
    directories: HashSet<Identity>,
    /// True if the next items come from a list or a manifest, which a program may have made, and not from the
    /// user.
    pub(super) is_listed: bool,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        options: &'a DiscoverOptions,
        list_all: ListAll<'a>,
        visit: &'a mut dyn FnMut(Found) -> ControlFlow<()>,
        remembers_all: bool,
    ) -> Self {
        Self {
            options,
            list_all,
            visit,
            remembers_all,
            files: HashSet::new(),
            objects: HashSet::new(),
            directories: HashSet::new(),
            is_listed: false,
        }
    }

    /// Reports whether a file or object that is itself a root, or named by a list or manifest, is excluded.
    pub(super) fn leaves_out_root(&self, name: &Path, path: &Path) -> bool {
        let names = &self.options.names;
        let is_out_by_default = self.is_listed && names.leaves_out(name);
        is_out_by_default || names.leaves_out_named(&[name, path])
    }

    pub(super) fn file(
        &mut self,
        path: &Path,
        below_root: &Path,
        metadata: &Metadata,
    ) -> ControlFlow<()> {
        let identity = identity(metadata);
        if self.options.own_files.contains(&identity) {
            return ControlFlow::Continue(());
        }
        let may_be_met_again = self.remembers_all || metadata.nlink() > 1;
        if may_be_met_again && !self.files.insert(identity) {
            return (self.visit)(Found::Repeated);
        }
        (self.visit)(Found::Source(Source {
            path: path.to_owned(),
            below_root: below_root.to_owned(),
            kind: SourceKind::File,
            stored_bytes: metadata.len(),
            modified: Some(modified(metadata)),
            changed: Some(changed(metadata)),
        }))
    }

    /// Reports whether this directory was not walked before: links may form a cycle.
    pub(super) fn is_new_directory(&mut self, metadata: &Metadata) -> bool {
        !self.remembers_all || self.directories.insert(identity(metadata))
    }

    pub(super) fn is_new_at(&mut self, path: &Path) -> bool {
        // A directory that no longer exists is reported when it is listed.
        fs::metadata(path).map_or(true, |metadata| self.is_new_directory(&metadata))
    }

    pub(super) fn unreadable(&mut self, path: &Path, error: &io::Error) -> ControlFlow<()> {
        let defect = Defect::new(Code::Unreadable, format!("cannot be read: {error}"));
        (self.visit)(Found::Defect {
            path: path.to_owned(),
            defect,
        })
    }

    pub(super) fn not_a_file(&mut self, path: &Path, what: &str) -> ControlFlow<()> {
        let message = format!("not read, since it is a {what}; name it as a root to read it");
        let defect = Defect::new(Code::NotAFile, message);
        (self.visit)(Found::Defect {
            path: path.to_owned(),
            defect,
        })
    }
}
