//! What became of an output.

use serde::Serialize;

/// An output, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// What it is called.
    pub name: String,
    /// What became of it.
    pub fate: Fate,
    /// The rows that this run had for it.
    pub rows: u64,
    /// Where they are, if not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_to: Option<String>,
}

/// What became of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It was written.
    Written,
    /// It was written, and replaced an older one.
    Replaced,
    /// Nothing was written, since this run read nothing: the older one is as it was.
    Kept,
    /// Nothing was written, since nothing was new: the output of an earlier run with this ledger is as it was.
    UpToDate,
    /// This run read less than all and has fewer rows than the older one, which is as it was; the rows are beside it.
    Incomplete,
    /// Nothing was written, since there is no row and the output is a dataset.
    NoRows,
}
