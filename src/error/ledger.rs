//! The reasons why a ledger cannot be used.

use super::MissingFeature;

/// An error that prevents the use of the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The program was built without ledgers.
    #[error(transparent)]
    Missing(#[from] MissingFeature),
    /// The SQLite error.
    #[cfg(feature = "ledger")]
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
        "the ledger was made with another {what}, and works only with that; repeat it, or name another ledger"
    )]
    Identity {
        /// The part that differs.
        what: &'static str,
    },
    /// The content of the ledger is invalid.
    #[error("the ledger is damaged")]
    Damaged,
    /// A row that waits for an output is of a rule that the hunt does not have.
    #[error(
        "the ledger is damaged: a row in it is of rule number {number}, and the hunt has {n_rules}"
    )]
    UnknownRule {
        /// The number of the rule, from 1 on.
        number: usize,
        /// Number of rules of the hunt.
        n_rules: usize,
    },
    /// A write failed; nothing written since the last commit is in the ledger.
    #[error("an earlier write to the ledger failed")]
    Broken,
    /// The content kept as JSON is invalid.
    #[error("the ledger is damaged")]
    Json(#[from] serde_json::Error),
}
