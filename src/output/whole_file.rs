//! A file that appears whole or not at all.
//!
//! Bytes go to a hidden file beside the target, whose name ends in no format's suffix; [`WholeFile::commit`]
//! brings it to disk and gives it its name in one step. A run that ends before that, in whatever way,
//! leaves an older file of that name as it was; only `kill -9` and a crash leave the hidden file, which the next run
//! with that output removes ([`hidden`](super::hidden)).

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::hidden::{HiddenFile, folder_of};
use crate::input::discover::{Identity, identity};

/// The buffer before the file.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file on its way to its name.
#[derive(Debug)]
pub struct WholeFile {
    writer: BufWriter<File>,
    /// The hidden file and the name it gets; nothing where the target is no regular file, such as
    /// `/dev/null` or a pipe: that is written as it is, and never replaced.
    names: Option<Names>,
}

#[derive(Debug)]
struct Names {
    hidden: HiddenFile,
    target: PathBuf,
}

impl WholeFile {
    /// Begins a file that will be named `path`. A link is followed to what it names.
    ///
    /// # Errors
    ///
    /// What the system says: no such folder, not writable, no room.
    pub fn create(path: &Path) -> io::Result<Self> {
        let target = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return Err(io::Error::new(
                    io::ErrorKind::IsADirectory,
                    "it is a directory",
                ));
            }
            Ok(metadata) if !metadata.is_file() => {
                let file = OpenOptions::new().write(true).open(path)?;
                return Ok(Self {
                    writer: BufWriter::with_capacity(BUFFER_BYTES, file),
                    names: None,
                });
            }
            Ok(_) => fs::canonicalize(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        let hidden = HiddenFile::beside(&target)?;
        Ok(Self {
            writer: BufWriter::with_capacity(BUFFER_BYTES, hidden.file.try_clone()?),
            names: Some(Names { hidden, target }),
        })
    }

    /// Which file this is, so that a hunt does not read what it writes.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn identity(&self) -> io::Result<Identity> {
        self.writer
            .get_ref()
            .metadata()
            .map(|metadata| identity(&metadata))
    }

    /// The older file that this one takes the place of, if there is one.
    pub(super) fn older(&self) -> Option<&Path> {
        let target = &self.names.as_ref()?.target;
        fs::metadata(target).is_ok().then_some(&**target)
    }

    /// Has it get another name in the same folder, and gives back which that is.
    pub(super) fn rename(&mut self, name: &dyn Fn(&OsStr) -> std::ffi::OsString) -> Option<&Path> {
        let names = self.names.as_mut()?;
        let name = name(names.target.file_name()?);
        names.target.set_file_name(name);
        Some(&names.target)
    }

    /// Brings all bytes to disk, so that only the name is missing.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        match &self.names {
            Some(names) => names.hidden.file.sync_all(),
            None => Ok(()),
        }
    }

    /// Brings the file to disk and gives it its name.
    ///
    /// # Errors
    ///
    /// What the system says; nothing has its name then.
    pub fn commit(mut self) -> io::Result<()> {
        self.sync()?;
        let Some(Names { hidden, target }) = &self.names else {
            return Ok(());
        };
        if !hidden.is_there() {
            let message = "another program has removed or replaced the temporary file";
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        hidden.file.set_permissions(hidden.usual.clone())?;
        fs::rename(&hidden.path, target)?;
        let folder = folder_of(target).to_owned();
        // It has its name now, and is not to be removed when this value goes.
        self.names = None;
        // The name itself goes to disk too. Some file systems cannot sync a folder, and the content is
        // safe by now, so a refusal is no failure.
        File::open(folder).and_then(|folder| folder.sync_all()).ok();
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(names) = &self.names
            && names.hidden.is_there()
        {
            // Nothing is lost: the file was not asked to stay, and has a hidden name.
            fs::remove_file(&names.hidden.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.parquet");
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert!(
            names(folder.path())
                .iter()
                .all(|n| n.starts_with('.') && !n.ends_with(".parquet"))
        );
        file.commit().unwrap();
        assert_eq!(names(folder.path()), ["a.parquet"]);
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_file_that_is_not_committed_leaves_the_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        drop(file);
        assert_eq!(names(folder.path()), ["a"]);
        assert_eq!(fs::read(&path).unwrap(), b"old");
    }

    #[test]
    fn a_link_stays_a_link_and_a_device_a_device() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut file = WholeFile::create(&link).unwrap();
        file.write_all(b"new").unwrap();
        file.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&target).unwrap(), b"new");
        WholeFile::create(Path::new("/dev/null"))
            .unwrap()
            .commit()
            .unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn a_file_has_the_permissions_of_any_new_file_and_not_before_it_has_its_name() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let mode = |name: &str| {
            let path = folder.path().join(name);
            fs::metadata(path).unwrap().permissions().mode() & 0o777
        };
        fs::write(folder.path().join("usual"), "").unwrap();
        let file = WholeFile::create(&folder.path().join("a")).unwrap();
        let hidden = names(folder.path())
            .into_iter()
            .find(|n| n.starts_with('.'));
        assert_eq!(mode(&hidden.unwrap()), 0o600);
        file.commit().unwrap();
        assert_eq!(mode("a"), mode("usual"));
    }

    #[test]
    fn a_hidden_file_that_was_replaced_gets_no_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(folder.path().join("victim"), "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        let hidden = names(folder.path())
            .into_iter()
            .find(|n| n.starts_with('.'));
        let hidden = folder.path().join(hidden.unwrap());
        fs::remove_file(&hidden).unwrap();
        std::os::unix::fs::symlink("victim", &hidden).unwrap();
        file.write_all(b"new").unwrap();
        assert!(file.commit().is_err());
        assert_eq!(names(folder.path()).len(), 2, "the link is not ours");
        assert_eq!(fs::read(folder.path().join("victim")).unwrap(), b"old");
        assert!(!fs::exists(&path).unwrap());
    }

    #[test]
    fn a_folder_or_a_place_that_is_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(WholeFile::create(folder.path()).is_err());
        assert!(WholeFile::create(&folder.path().join("no/a")).is_err());
    }
}
