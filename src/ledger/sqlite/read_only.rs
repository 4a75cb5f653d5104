//! A ledger that cannot be written, because it is on read-only media or belongs to another user.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{LAYOUT, Ledger, LedgerError};

impl Ledger {
    /// Opens a ledger to read its content. This also works where nothing can be written.
    ///
    /// # Errors
    ///
    /// If the ledger is in use, or the file is not a ledger.
    pub fn open_to_read(path: &Path) -> Result<Self, LedgerError> {
        match Self::open_any(path) {
            Err(LedgerError::Sqlite(error)) if is_read_only(&error) => Self::open_read_only(path),
            opened => opened,
        }
    }

    fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        let connection = match has_log(path) {
            // The log of an interrupted run is part of the ledger. It can be read too if no lock is needed. The attempt
            // to open the ledger for writing has shown that no process has a lock.
            true => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
                let connection = Connection::open_with_flags_and_vfs(path, flags, c"unix-none")?;
                connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
                connection
            }
            // Otherwise SQLite would create a log, unless the address declares the file immutable.
            false => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
                Connection::open_with_flags(immutable(path), flags)?
            }
        };
        let layout: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        match layout {
            LAYOUT => Self::with(connection, path),
            _ => Err(LedgerError::Layout),
        }
    }
}

fn is_read_only(error: &rusqlite::Error) -> bool {
    let Some(error) = error.sqlite_error() else {
        return false;
    };
    // SQLite returns this error when a write lock is requested on a file that could only be opened for reading.
    error.extended_code == rusqlite::ffi::SQLITE_IOERR_LOCK
        || matches!(
            error.code,
            ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied
        )
}

/// Returns whether the log beside the ledger is not empty.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
}

/// Returns the address that makes SQLite treat a file as immutable.
fn immutable(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => {
                uri.push(char::from(*byte));
            }
            // Writing to a string cannot fail.
            other => write!(uri, "%{other:02X}").unwrap_or_default(),
        }
    }
    uri + "?immutable=1"
}
