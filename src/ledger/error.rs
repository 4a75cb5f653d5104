//! Why a ledger cannot be used.

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// What SQLite says.
    #[error("the ledger cannot be read or written")]
    Sqlite(#[from] rusqlite::Error),
    /// Another process has it.
    #[error("the ledger is in use by another process")]
    InUse,
    /// It is no ledger, or one of another version.
    #[error("it is no ledger of this version of the program")]
    Layout,
    /// It was begun with another rule, or for other events.
    #[error(
        "the ledger was begun with another {what}: what it says to be done was not hunted for this; use another ledger"
    )]
    Identity {
        /// What differs.
        what: &'static str,
    },
    /// What is in it makes no sense.
    #[error("the ledger is damaged")]
    Damaged,
    /// Something could not be written; what was since the last commit is not in it.
    #[error("an earlier write to the ledger failed")]
    Broken,
    /// Likewise, of what is kept as JSON.
    #[error("the ledger is damaged")]
    Json(#[from] serde_json::Error),
}

/// Another process has it: SQLite says so at once, since nobody waits.
pub(super) fn in_use(error: rusqlite::Error) -> LedgerError {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => {
            LedgerError::InUse
        }
        Some(rusqlite::ErrorCode::NotADatabase) => LedgerError::Layout,
        _ => error.into(),
    }
}
