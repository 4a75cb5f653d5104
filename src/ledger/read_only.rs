//! A ledger that cannot be written: on read-only media, or of another user.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::{LAYOUT, Ledger, LedgerError};

impl Ledger {
    /// Opens a ledger to look into it, also where nothing can be written.
    ///
    /// # Errors
    ///
    /// If it is in use, or is none.
    pub fn open_to_read(path: &Path) -> Result<Self, LedgerError> {
        match Self::open_any(path) {
            Err(LedgerError::Sqlite(error)) if is_read_only(&error) => Self::open_read_only(path),
            opened => opened,
        }
    }

    fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        let connection = match has_log(path) {
            // The log of a run that was broken off belongs to it. It can be read along by whoever needs no lock; that no
            // process has one was seen when it was to be opened for writing.
            true => {
                let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
                let connection = Connection::open_with_flags_and_vfs(path, flags, c"unix-none")?;
                connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
                connection
            }
            // Else SQLite would make a log, unless it is told that nothing will change.
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
    // A lock of writers is refused on a file that could only be opened for reading.
    error.extended_code == rusqlite::ffi::SQLITE_IOERR_LOCK
        || matches!(
            error.code,
            ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied
        )
}

/// Whether something is in the log beside it.
fn has_log(path: &Path) -> bool {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    Path::new(&log).metadata().is_ok_and(|log| log.len() > 0)
}

/// The address by which SQLite takes a file for one that does not change.
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
