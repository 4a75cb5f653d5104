//! A file that appears whole or not at all.
//!
//! Bytes go to a hidden file beside the target, whose name ends in no format's suffix; [`WholeFile::commit`]
//! brings it to disk and gives it its name in one step. A run that ends before that, in whatever way,
//! leaves an older file of that name as it was; only `kill -9` and a crash leave the hidden file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::input::discover::{Identity, identity};

/// The buffer before the file.
const BUFFER_BYTES: usize = 256 * 1024;

/// A file on its way to its name.
#[derive(Debug)]
pub struct WholeFile {
    file: BufWriter<File>,
    /// The hidden file and the name it gets; nothing where the target is no regular file, such as
    /// `/dev/null` or a pipe: that is written as it is, and never replaced.
    names: Option<Names>,
}

#[derive(Debug)]
struct Names {
    hidden: PathBuf,
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
                    file: BufWriter::with_capacity(BUFFER_BYTES, file),
                    names: None,
                });
            }
            Ok(_) => fs::canonicalize(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        let mut name = std::ffi::OsString::from(".");
        name.push(
            target
                .file_name()
                .ok_or_else(|| io::Error::other("it has no file name"))?,
        );
        name.push(format!(".{}.tmp", std::process::id()));
        let hidden = target.with_file_name(name);
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&hidden)?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            names: Some(Names { hidden, target }),
        })
    }

    /// Which file this is, so that a hunt does not read what it writes.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn identity(&self) -> io::Result<Identity> {
        self.file
            .get_ref()
            .metadata()
            .map(|metadata| identity(&metadata))
    }

    /// Brings the file to disk and gives it its name.
    ///
    /// # Errors
    ///
    /// What the system says; nothing has its name then.
    pub fn commit(mut self) -> io::Result<()> {
        self.file.flush()?;
        let Some(names) = &self.names else {
            return Ok(());
        };
        self.file.get_ref().sync_all()?;
        fs::rename(&names.hidden, &names.target)?;
        let folder = match names.target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
            _ => PathBuf::from("."),
        };
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
        self.file.write_all(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(names) = &self.names {
            // Nothing is lost: the file was not asked to stay, and has a hidden name.
            fs::remove_file(&names.hidden).ok();
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
    fn a_folder_or_a_place_that_is_not_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(WholeFile::create(folder.path()).is_err());
        assert!(WholeFile::create(&folder.path().join("no/a")).is_err());
    }
}
