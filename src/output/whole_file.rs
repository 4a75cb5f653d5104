//! A file that appears complete or not at all.
//!
//! Bytes go to a hidden file beside the target, whose name does not end in the suffix of any format.
//! [`WholeFile::commit`] writes it to disk and gives it its name in one step. A run that ends before that, in whatever
//! way, leaves an older file of that name unchanged. Only `kill -9` and a crash leave the hidden file, which the next
//! run with that output removes ([`hidden`](super::hidden)).

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::hidden::{HiddenFile, folder_of};
use crate::input::source::{Identity, identity};

/// Size of the buffer before the file.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file that does not have its name yet.
#[derive(Debug)]
pub struct WholeFile {
    writer: BufWriter<File>,
    /// The hidden file and the name that it gets. Nothing if the target is not a regular file, such as `/dev/null` or a
    /// pipe: such a target is written directly and never replaced.
    names: Option<Names>,
}

#[derive(Debug)]
struct Names {
    hidden: HiddenFile,
    target: PathBuf,
}

impl WholeFile {
    /// Begins a file that will be named `path`. If `path` is a link, its target is written.
    ///
    /// # Errors
    ///
    /// The I/O error: for example, the folder does not exist, is not writable, or is full.
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

    /// Returns the identity of the file, so that a hunt does not read its own output.
    ///
    /// # Errors
    ///
    /// The I/O error.
    pub fn identity(&self) -> io::Result<Identity> {
        self.writer
            .get_ref()
            .metadata()
            .map(|metadata| identity(&metadata))
    }

    /// Returns the older file that this one replaces, if there is one.
    pub(super) fn older(&self) -> Option<&Path> {
        let target = &self.names.as_ref()?.target;
        fs::metadata(target).is_ok().then_some(&**target)
    }

    /// Gives the file another name in the same folder, and returns the new path.
    pub(super) fn rename(&mut self, name: &dyn Fn(&OsStr) -> std::ffi::OsString) -> Option<&Path> {
        let names = self.names.as_mut()?;
        let name = name(names.target.file_name()?);
        names.target.set_file_name(name);
        Some(&names.target)
    }

    /// Writes all bytes to disk, so that only the name is missing.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        self.writer.flush()?;
        match &self.names {
            Some(names) => names.hidden.file.sync_all(),
            None => Ok(()),
        }
    }

    /// Writes the file to disk and gives it its name.
    ///
    /// # Errors
    ///
    /// The I/O error; in this case the file does not have its name.
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
        // The file has its name now and must not be removed when this value is dropped.
        self.names = None;
        // The name itself goes to disk too. Some file systems cannot sync a folder. The content is safe by now, so this
        // error is ignored.
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
            // Ignoring the error loses nothing: the file was not meant to stay, and has a hidden name.
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
    fn a_file_gets_the_permissions_of_a_new_file_with_its_name() {
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
