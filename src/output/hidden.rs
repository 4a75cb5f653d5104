//! Hidden files and folders, which contain an output until it is complete.
//!
//! Each has a random name and is newly created: an existing entry with that name is never opened or followed. It is
//! accessible only to its owner and stays locked while the run lives. A lock ends with its process, however the process
//! ends. The lock therefore distinguishes the remains of a killed run from an output that another run is writing, and
//! the next run with that output removes the remains.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::dataset::{is_file_name, is_staging_name};
use crate::input::source::identity;

/// The suffix of the names of hidden files.
const SUFFIX: &[u8] = b".tmp";
/// Number of random digits in a name.
const RANDOM_DIGITS: usize = 16;
/// Maximum number of bytes of the output's own name in the name of its hidden file; a file name has at most 255 bytes.
const NAME_BYTES_MAX: usize = 200;
/// Number of names that are tried.
const TRIES: u32 = 32;

/// A hidden file and the data needed to turn it into the output.
#[derive(Debug)]
pub(super) struct HiddenFile {
    /// The file itself, locked.
    pub(super) file: File,
    /// Its path.
    pub(super) path: PathBuf,
    /// The permissions of a normal new file in this folder. The hidden file gets them together with its name.
    pub(super) usual: Permissions,
}

impl HiddenFile {
    /// Creates a hidden file beside `target`, after it removed what killed runs left of that output.
    ///
    /// # Errors
    ///
    /// The I/O error: for example, the folder does not exist, is not writable, or is full.
    pub(super) fn beside(target: &Path) -> io::Result<Self> {
        let name = target.file_name();
        let name = name.ok_or_else(|| io::Error::other("it has no file name"))?;
        let (probe, path) = make(target, name, 0o666)?;
        let metadata = probe.metadata();
        fs::remove_file(&path)?;
        let metadata = metadata?;
        remove_leftovers(folder_of(target), metadata.uid(), &|left| {
            is_left_of(left, name)
        });
        for _ in 0..TRIES {
            let (file, path) = make(target, name, 0o600)?;
            if is_locked(&file, &path) {
                return Ok(Self {
                    file,
                    path,
                    usual: metadata.permissions(),
                });
            }
            // Before the lock was set, another run treated this file as one that a killed run left.
            fs::remove_file(&path).ok();
        }
        Err(no_name())
    }

    /// Returns whether the file is still at the path where it was created.
    pub(super) fn is_there(&self) -> bool {
        is_at(&self.file, &self.path)
    }
}

/// A hidden folder, which is removed when this value is dropped.
#[derive(Debug)]
pub struct HiddenFolder {
    path: PathBuf,
    /// Holds the lock.
    _lock: File,
    usual: Permissions,
}

impl HiddenFolder {
    /// Creates a hidden folder in `parent` for the output `name`, after it removed what killed runs left of that
    /// output.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub fn create(parent: &Path, name: &OsStr) -> io::Result<Self> {
        Self::make(parent, &mut || hidden_name(name), &|left| {
            is_left_of(left, name)
        })
    }

    /// Creates the folder that contains the files of a dataset until all of them are complete. The caller chooses its
    /// name.
    pub(super) fn staging(parent: &Path, name: &str) -> io::Result<Self> {
        Self::make(parent, &mut || name.into(), &is_left_of_dataset)
    }

    fn make(
        parent: &Path,
        name: &mut dyn FnMut() -> OsString,
        is_left: &dyn Fn(&OsStr) -> bool,
    ) -> io::Result<Self> {
        let probe = parent.join(hidden_name(&name()));
        fs::create_dir(&probe)?;
        let metadata = fs::symlink_metadata(&probe);
        fs::remove_dir(&probe)?;
        let metadata = metadata?;
        remove_leftovers(parent, metadata.uid(), is_left);
        for _ in 0..TRIES {
            let path = parent.join(name());
            DirBuilder::new().mode(0o700).create(&path)?;
            // Before the lock is set, another run may treat this folder as one that a killed run left.
            if let Ok(lock) = File::open(&path)
                && is_locked(&lock, &path)
            {
                return Ok(Self {
                    path,
                    _lock: lock,
                    usual: metadata.permissions(),
                });
            }
            fs::remove_dir(&path).ok();
        }
        Err(no_name())
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder itself its name, and the permissions of a normal new folder.
    ///
    /// # Errors
    ///
    /// The I/O error; in this case the name is not given.
    pub fn rename(&self, to: &Path) -> io::Result<()> {
        fs::set_permissions(&self.path, self.usual.clone())?;
        fs::rename(&self.path, to)
    }
}

impl Drop for HiddenFolder {
    fn drop(&mut self) {
        // Ignoring the error loses nothing: files that are still in the folder were not meant to stay.
        fs::remove_dir_all(&self.path).ok();
    }
}

/// Creates a hidden file that did not exist before.
fn make(target: &Path, name: &OsStr, mode: u32) -> io::Result<(File, PathBuf)> {
    for _ in 0..TRIES {
        let path = target.with_file_name(hidden_name(name));
        let made = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path);
        match made {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(no_name())
}

fn no_name() -> io::Error {
    io::Error::other("every name for a temporary file is taken")
}

/// Returns the folder that contains a file.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Returns a name that nobody can guess.
fn hidden_name(of: &OsStr) -> OsString {
    use std::hash::{BuildHasher as _, RandomState};
    let random = RandomState::new().hash_one(std::process::id());
    let random = format!(".{random:0digits$x}", digits = RANDOM_DIGITS);
    let name = [b".", shortened(of), random.as_bytes(), SUFFIX].concat();
    OsString::from_vec(name)
}

fn shortened(name: &OsStr) -> &[u8] {
    let name = name.as_bytes();
    &name[..name.len().min(NAME_BYTES_MAX)]
}

/// Returns the output name in the name of a hidden file, if it has the form of such a name.
fn name_in(hidden: &OsStr) -> Option<&[u8]> {
    let name = hidden.as_bytes().strip_prefix(b".")?.strip_suffix(SUFFIX)?;
    let (name, random) = name.split_last_chunk::<RANDOM_DIGITS>()?;
    let is_random = random
        .iter()
        .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
    name.strip_suffix(b".").filter(|_| is_random)
}

/// Returns whether a run with this output name may have left this entry. Files of a dataset have different names in
/// each run, so for them the entry of any run matches.
fn is_left_of(left: &OsStr, name: &OsStr) -> bool {
    name_in(left) == Some(shortened(name))
        || name.to_str().is_some_and(is_file_name) && is_left_of_dataset(left)
}

/// Returns whether a run with a dataset as its output may have left this entry.
fn is_left_of_dataset(left: &OsStr) -> bool {
    let is_file = || {
        let name = name_in(left).and_then(|name| std::str::from_utf8(name).ok());
        name.is_some_and(|name| is_file_name(name) || is_staging_name(name))
    };
    left.to_str().is_some_and(is_staging_name) || is_file()
}

/// Locks an entry that was just created. Returns false if another run has treated it as one that a killed run left.
fn is_locked(file: &File, path: &Path) -> bool {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => false,
        // A file system may not support locks. Then no other run gets a lock either, and nothing is removed.
        Ok(()) | Err(TryLockError::Error(_)) => is_at(file, path),
    }
}

/// Returns whether this file has this name, and not through a link.
fn is_at(file: &File, path: &Path) -> bool {
    let named = fs::symlink_metadata(path);
    let found = named.and_then(|named| Ok(identity(&named) == identity(&file.metadata()?)));
    found.unwrap_or(false)
}

/// Removes what killed runs of this user left. An entry that cannot be removed is ignored: it is not an error of this
/// run.
fn remove_leftovers(folder: &Path, uid: u32, is_left: &dyn Fn(&OsStr) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        if is_left(&entry.file_name()) {
            remove_leftover(&entry.path(), uid);
        }
    }
}

fn remove_leftover(path: &Path, uid: u32) {
    let Ok(metadata) = fs::symlink_metadata(path) else {
        return;
    };
    if metadata.uid() != uid || !(metadata.is_file() || metadata.is_dir()) {
        return;
    }
    // A lock over a network may need a file that is open for writing.
    let opened = match metadata.is_dir() {
        true => File::open(path),
        false => OpenOptions::new().read(true).write(true).open(path),
    };
    let Ok(file) = opened else { return };
    if file.try_lock().is_ok() && is_at(&file, path) {
        let removed = match metadata.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        };
        removed.ok();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(folder: &Path) -> Vec<OsString> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_hidden_file_is_the_owner_s_alone_and_no_two_have_one_name() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.parquet");
        let files = [(), ()].map(|()| HiddenFile::beside(&target).unwrap());
        assert_ne!(files[0].path, files[1].path);
        for file in &files {
            assert_eq!(mode(&file.path), 0o600);
            assert!(file.is_there());
            let name = file.path.file_name().unwrap();
            assert!(is_left_of(name, OsStr::new("a.parquet")));
            assert!(!is_left_of(name, OsStr::new("b.parquet")));
        }
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn what_is_locked_stays_and_what_a_kill_left_goes() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.parquet");
        let live = HiddenFile::beside(&target).unwrap();
        let dead = HiddenFile::beside(&target).unwrap().path;
        // Entries that do not match: other names, a link, a folder of another output.
        let others = [
            ".a.parquet.1.tmp",
            ".b.parquet.0123456789abcdef.tmp",
            "a.parquet.0123456789abcdef.tmp",
        ];
        for other in others {
            fs::write(folder.path().join(other), "mine").unwrap();
        }
        let link = folder.path().join(".a.parquet.0123456789abcdef.tmp");
        symlink("a.parquet.0123456789abcdef.tmp", &link).unwrap();
        assert!(fs::exists(&dead).unwrap());
        let next = HiddenFile::beside(&target).unwrap();
        assert!(!fs::exists(&dead).unwrap());
        assert!(live.is_there() && next.is_there());
        assert_eq!(names(folder.path()).len(), 2 + others.len() + 1);
    }

    #[test]
    fn folders_are_the_owner_s_alone_and_are_removed_in_the_same_way() {
        let folder = tempfile::tempdir().unwrap();
        let name = OsStr::new("case");
        let live = HiddenFolder::create(folder.path(), name).unwrap();
        assert_eq!(mode(live.path()), 0o700);
        let dead = folder.path().join(hidden_name(name));
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("a"), "a").unwrap();
        let next = HiddenFolder::create(folder.path(), name).unwrap();
        assert!(!fs::exists(&dead).unwrap());
        assert_eq!(names(folder.path()).len(), 2);
        next.rename(&folder.path().join("case")).unwrap();
        assert_eq!(
            mode(&folder.path().join("case")),
            mode(&{
                let usual = folder.path().join("usual");
                fs::create_dir(&usual).unwrap();
                usual
            })
        );
        drop((live, next));
        assert_eq!(names(folder.path()).len(), 2);
    }

    #[test]
    fn of_a_dataset_what_any_run_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let staging = folder.path().join(".alerts-20240501T120000Z-0123abcd.tmp");
        fs::create_dir(&staging).unwrap();
        let file = ".alerts-20240501T120000Z-0123abcd-0000.parquet.0123456789abcdef.tmp";
        fs::write(folder.path().join(file), "").unwrap();
        let target = folder
            .path()
            .join("alerts-20250501T120000Z-4567abcd-0000.ndjson");
        let hidden = HiddenFile::beside(&target).unwrap();
        assert_eq!(names(folder.path()), [hidden.path.file_name().unwrap()]);
    }

    #[test]
    fn a_long_name_has_room_for_more() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a".repeat(255));
        assert!(HiddenFile::beside(&target).unwrap().is_there());
    }
}
