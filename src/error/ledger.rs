//! The reasons why a ledger cannot be used.

/// An error that prevents the use of the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The SQLite error.
    #[error("the ledger cannot be read or written")]
    Sqlite(#[from] rusqlite::Error),
    /// Another process uses the ledger.
    #[error("the ledger is in use by another process")]
    InUse,
    /// The file is not a ledger, or is one of another version.
    #[error("it is no ledger of this version of the program")]
    Layout,
    /// The ledger was created with another rule, or for other events.
    #[error(
        "the ledger was begun with another {what}: what it says to be done was not hunted for this; use another ledger"
    )]
    Identity {
        /// The part that differs.
        what: &'static str,
    },
    /// The content of the ledger is invalid.
    #[error("the ledger is damaged")]
    Damaged,
    /// A write failed; nothing written since the last commit is in the ledger.
    #[error("an earlier write to the ledger failed")]
    Broken,
    /// The content kept as JSON is invalid.
    #[error("the ledger is damaged")]
    Json(#[from] serde_json::Error),
}

impl LedgerError {
    /// Converts an SQLite error. If another process uses the ledger, SQLite reports this at once, because there is no
    /// wait for a lock.
    pub(crate) fn from_sqlite(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
                Self::InUse
            }
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Layout,
            _ => error.into(),
        }
    }
}
