//! The hashes of a case's files, as `sha256sum -c` checks them: `SHA256SUMS` in the case's folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// The file with the hashes.
pub const SUMS: &str = "SHA256SUMS";

/// Writes the hashes of a case's files: those that are known, and those of the other files that are in its folder.
///
/// # Errors
///
/// The I/O error.
pub fn write_sums(
    folder: &Path,
    known: &BTreeMap<String, String>,
    others: &[&str],
) -> io::Result<()> {
    let mut sums = known.clone();
    for name in others {
        let path = folder.join(name);
        if path.try_exists()? {
            sums.insert((*name).to_owned(), sha256(&path)?);
        }
    }
    write(folder, &sums)
}

/// Renews the hash of a file that was made again. A case without hashes gets none.
///
/// # Errors
///
/// The I/O error, or the error in the file.
pub fn renew_sum(folder: &Path, name: &str) -> io::Result<()> {
    let Some(mut sums) = read(folder)? else {
        return Ok(());
    };
    sums.insert(name.to_owned(), sha256(&folder.join(name))?);
    write(folder, &sums)
}

/// Returns the hashes of files of a case, and checks that they are as they were when the case was made. Other files, such
/// as a page that can be made again, are not checked. A case that an older version made has no hashes, and passes.
///
/// # Errors
///
/// The I/O error, or the first file that differs or has no hash; the message has its name.
pub(super) fn check_sums<'n>(
    folder: &Path,
    names: impl IntoIterator<Item = &'n str>,
) -> io::Result<BTreeMap<&'n str, String>> {
    let sums = read(folder)?;
    let mut all = BTreeMap::new();
    for name in names {
        let expected = match &sums {
            Some(sums) => Some(
                sums.get(name)
                    .ok_or_else(|| invalid(&format!("{SUMS}: it has no line for {name}")))?,
            ),
            None => None,
        };
        let found = sha256(&folder.join(name))
            .map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
        if expected.is_some_and(|expected| *expected != found) {
            return Err(invalid(&format!("{name}: {CHANGED}")));
        }
        all.insert(name, found);
    }
    Ok(all)
}

/// The message about a file that differs.
pub(super) const CHANGED: &str = "the file was changed after the case was made";

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Returns the hash of each file that is listed, by the file's name; nothing if there is no list.
fn read(folder: &Path) -> io::Result<Option<BTreeMap<String, String>>> {
    let named = |error: io::Error| io::Error::new(error.kind(), format!("{SUMS}: {error}"));
    let text = match fs::read(folder.join(SUMS)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(named(error)),
    };
    let text = String::from_utf8_lossy(&text);
    let mut sums = BTreeMap::new();
    for line in text.lines() {
        // Two spaces, or a space and an asterisk for a binary file.
        let parts = line.split_once("  ").or_else(|| line.split_once(" *"));
        let Some((sum, name)) = parts else {
            return Err(invalid(&format!("{SUMS}: a line is not a hash and a name")));
        };
        sums.insert(name.to_owned(), sum.to_ascii_lowercase());
    }
    Ok(Some(sums))
}

/// Writes the list under another name first, so that it is always whole.
fn write(folder: &Path, sums: &BTreeMap<String, String>) -> io::Result<()> {
    let hidden = folder.join(".SHA256SUMS.new");
    let mut file = File::create(&hidden)?;
    for (name, sum) in sums {
        writeln!(file, "{sum}  {name}")?;
    }
    file.sync_all()?;
    fs::rename(hidden, folder.join(SUMS))
}

/// Returns the SHA-256 of a file, in hexadecimal digits.
pub(super) fn sha256(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => hash.update(&buffer[..n]),
        }
    }
    let digits = hash
        .finalize()
        .into_iter()
        .map(|byte| format!("{byte:02x}"));
    Ok(digits.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_changed_missing_or_not_listed_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let check = || match check_sums(folder.path(), ["a", "b"]) {
            Ok(sums) => {
                assert!(sums.values().all(|sum| sum.len() == 64));
                Ok(sums.into_keys().collect::<Vec<_>>())
            }
            Err(error) => Err(error.to_string()),
        };
        let both = Ok(vec!["a", "b"]);
        fs::write(path("a"), "1").unwrap();
        fs::write(path("b"), "2").unwrap();
        // A case of an older version.
        assert_eq!(check(), both);
        write_sums(folder.path(), &BTreeMap::new(), &["a", "b", "page"]).unwrap();
        assert_eq!(check(), both);
        let list = fs::read(path(SUMS)).unwrap();
        let list = String::from_utf8(list).unwrap();
        assert!(
            list.starts_with(
                "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b  a\n"
            )
        );
        assert_eq!(list.lines().count(), 2);
        fs::write(path("b"), "3").unwrap();
        assert_eq!(check(), Err(format!("b: {CHANGED}")));
        renew_sum(folder.path(), "b").unwrap();
        assert_eq!(check(), both);
        fs::remove_file(path("a")).unwrap();
        assert!(check().unwrap_err().starts_with("a: "));
        fs::write(path(SUMS), "").unwrap();
        assert_eq!(check(), Err("SHA256SUMS: it has no line for a".to_owned()));
        fs::write(path(SUMS), "no list").unwrap();
        assert!(check().unwrap_err().starts_with("SHA256SUMS: "));
    }
}
