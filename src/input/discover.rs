//! From roots to sources: every file below what was typed, once, in a fixed order.
//!
//! In: [`Root`]s. Out: [`Found`] items, given out while the walk goes on, so that a tree of any size needs
//! no list in memory. The order is that of the roots, and below a root that of the paths' bytes (a folder
//! counts with its `/`), whatever the system's own order. Symbolic links inside a tree are not followed
//! unless asked for; a root that is one always is. Nothing is opened here but directories.

use std::collections::HashSet;
use std::fs::{self, FileType, Metadata};
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirEntryExt as _, FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use crate::report::{Code, Defect};

/// What was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A file or a directory.
    Path(PathBuf),
    /// `-`.
    Stdin,
}

/// How a source is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// A regular file.
    File,
    /// A pipe or device that was typed as a root, such as `<(zcat …)`.
    Stream,
    /// Standard input.
    Stdin,
}

/// A file to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its path, as reached from the root that was typed.
    pub path: PathBuf,
    /// Its path below the root; its name, if it is the root.
    pub below_root: PathBuf,
    /// How it is read.
    pub kind: SourceKind,
    /// Its size when it was found; 0 for streams.
    pub stored_bytes: u64,
}

/// What the walk meets.
#[derive(Debug)]
pub enum Found {
    /// A file.
    Source(Source),
    /// Something that is not read, and why.
    Defect {
        /// Its path.
        path: PathBuf,
        /// Why.
        defect: Defect,
    },
    /// A symbolic link that is not followed.
    Link,
    /// A file that was met before, by another path.
    Repeated,
}

/// Device and inode: what a file is, by whatever path.
pub type Identity = (u64, u64);

/// The identity of a file.
#[must_use]
pub fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// How the walk goes.
#[derive(Debug, Clone, Default)]
pub struct DiscoverOptions {
    /// Whether symbolic links inside a tree are followed.
    pub follows_links: bool,
    /// Files that are never sources: the run's own output.
    pub own_files: Vec<Identity>,
}

/// Lists directories, in parallel if it can, in the order given.
pub type ListAll<'a> = &'a (dyn Fn(&[PathBuf]) -> Vec<io::Result<Vec<Entry>>> + Sync);

/// Walks the roots and gives all that is met to `visit`, until that breaks off.
pub fn discover(
    roots: &[Root],
    options: &DiscoverOptions,
    list_all: ListAll<'_>,
    visit: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let mut walk = Walk {
        options,
        list_all,
        visit,
        remembers_all: options.follows_links || roots.len() > 1,
        files: HashSet::new(),
        directories: HashSet::new(),
    };
    roots.iter().try_for_each(|root| walk.root(root))
}

/// One entry of a directory.
#[derive(Debug)]
pub struct Entry {
    name: std::ffi::OsString,
    kind: EntryKind,
}

#[derive(Debug)]
enum EntryKind {
    Directory,
    File(io::Result<Metadata>),
    Link,
    Other(&'static str),
}

/// Lists a directory: its entries in the order of their names' bytes.
///
/// # Errors
///
/// What the system says, of the directory or of reading on in it.
pub fn list(directory: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        debug_assert_ne!(entry.ino(), 0, "an entry that is gone is not listed");
        let file_type = entry.file_type()?;
        let kind = if file_type.is_dir() {
            EntryKind::Directory
        } else if file_type.is_symlink() {
            EntryKind::Link
        } else if file_type.is_file() {
            EntryKind::File(entry.metadata())
        } else {
            EntryKind::Other(special(file_type))
        };
        entries.push(Entry {
            name: entry.file_name(),
            kind,
        });
    }
    entries.sort_unstable_by(|a, b| a.sort_key().cmp(b.sort_key()));
    Ok(entries)
}

impl Entry {
    /// The bytes by which it sorts: those that stand in the paths below it.
    fn sort_key(&self) -> impl Iterator<Item = u8> + '_ {
        let slash = matches!(self.kind, EntryKind::Directory).then_some(b'/');
        self.name.as_bytes().iter().copied().chain(slash)
    }
}

fn special(file_type: FileType) -> &'static str {
    if file_type.is_fifo() {
        "pipe"
    } else if file_type.is_socket() {
        "socket"
    } else {
        "device"
    }
}

/// Directories listed at once: enough to keep slow file systems busy, few enough to hold.
const LISTED_AT_ONCE: usize = 64;

struct Walk<'a> {
    options: &'a DiscoverOptions,
    list_all: ListAll<'a>,
    visit: &'a mut dyn FnMut(Found) -> ControlFlow<()>,
    /// Whether one file may be met by two paths even if it has one name.
    remembers_all: bool,
    files: HashSet<Identity>,
    directories: HashSet<Identity>,
}

impl Walk<'_> {
    fn root(&mut self, root: &Root) -> ControlFlow<()> {
        let path = match root {
            Root::Path(path) => path,
            Root::Stdin => {
                return (self.visit)(Found::Source(Source {
                    path: PathBuf::from("-"),
                    below_root: PathBuf::from("-"),
                    kind: SourceKind::Stdin,
                    stored_bytes: 0,
                }));
            }
        };
        let name = path.file_name().map_or_else(PathBuf::new, PathBuf::from);
        match fs::metadata(path) {
            Err(error) => self.unreadable(path, &error),
            Ok(metadata) if metadata.is_dir() => {
                if !self.is_new_directory(&metadata) {
                    return ControlFlow::Continue(());
                }
                let [listing] = self
                    .list([path.clone()].as_slice())
                    .try_into()
                    .expect("one for one");
                self.directory(path, Path::new(""), listing)
            }
            Ok(metadata) if metadata.is_file() => self.file(path, &name, &metadata),
            Ok(_) => (self.visit)(Found::Source(Source {
                path: path.clone(),
                below_root: name,
                kind: SourceKind::Stream,
                stored_bytes: 0,
            })),
        }
    }

    fn list(&self, directories: &[PathBuf]) -> Vec<io::Result<Vec<Entry>>> {
        (self.list_all)(directories)
    }

    /// Goes through a directory's entries. Subdirectories are listed some at once, ahead of their turn.
    fn directory(
        &mut self,
        path: &Path,
        below_root: &Path,
        listing: io::Result<Vec<Entry>>,
    ) -> ControlFlow<()> {
        let entries = match listing {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(path, &error),
        };
        let mut to_list: Vec<PathBuf> = entries
            .iter()
            .filter(|e| matches!(e.kind, EntryKind::Directory))
            .map(|e| path.join(&e.name))
            .rev()
            .collect();
        let mut listed = Vec::new().into_iter();
        for Entry { name, kind } in entries {
            let path = path.join(&name);
            let below_root = below_root.join(&name);
            match kind {
                EntryKind::Directory => {
                    if listed.as_slice().is_empty() {
                        let rest = to_list.len().saturating_sub(LISTED_AT_ONCE);
                        let next: Vec<PathBuf> = to_list.drain(rest..).rev().collect();
                        listed = self.list(&next).into_iter();
                    }
                    let listing = listed.next().expect("every directory is listed, in order");
                    if self.options.follows_links && !self.is_new_at(&path) {
                        continue;
                    }
                    self.directory(&path, &below_root, listing)?;
                }
                EntryKind::File(Ok(metadata)) => self.file(&path, &below_root, &metadata)?,
                EntryKind::File(Err(error)) => self.unreadable(&path, &error)?,
                EntryKind::Link if self.options.follows_links => self.link(&path, &below_root)?,
                EntryKind::Link => (self.visit)(Found::Link)?,
                EntryKind::Other(what) => self.not_a_file(&path, what)?,
            }
        }
        ControlFlow::Continue(())
    }

    fn link(&mut self, path: &Path, below_root: &Path) -> ControlFlow<()> {
        match fs::metadata(path) {
            Err(error) => self.unreadable(path, &error),
            Ok(metadata) if metadata.is_dir() => {
                if !self.is_new_directory(&metadata) {
                    return ControlFlow::Continue(());
                }
                self.directory(path, below_root, list(path))
            }
            Ok(metadata) if metadata.is_file() => self.file(path, below_root, &metadata),
            Ok(metadata) => self.not_a_file(path, special(metadata.file_type())),
        }
    }

    fn file(&mut self, path: &Path, below_root: &Path, metadata: &Metadata) -> ControlFlow<()> {
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
        }))
    }

    /// Whether this directory was not walked before: links may lead in circles.
    fn is_new_directory(&mut self, metadata: &Metadata) -> bool {
        !self.remembers_all || self.directories.insert(identity(metadata))
    }

    fn is_new_at(&mut self, path: &Path) -> bool {
        // A directory that is gone by now is told by its listing.
        fs::metadata(path).map_or(true, |metadata| self.is_new_directory(&metadata))
    }

    fn unreadable(&mut self, path: &Path, error: &io::Error) -> ControlFlow<()> {
        let defect = Defect::new(Code::Unreadable, format!("cannot be read: {error}"));
        (self.visit)(Found::Defect {
            path: path.to_owned(),
            defect,
        })
    }

    fn not_a_file(&mut self, path: &Path, what: &str) -> ControlFlow<()> {
        let message = format!("not read, since it is a {what}; name it as a root to read it");
        let defect = Defect::new(Code::NotAFile, message);
        (self.visit)(Found::Defect {
            path: path.to_owned(),
            defect,
        })
    }
}
