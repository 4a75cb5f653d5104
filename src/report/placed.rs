//! The fate of an output.

use schemars::JsonSchema;
use serde::Serialize;

/// An output and its fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Placed {
    /// The name of the output; the folder of a dataset to which the run adds no file.
    pub name: String,
    /// The fate of the output.
    pub fate: Fate,
    /// The number of rows that this run had for it.
    pub rows: u64,
    /// The path or address of the rows, if they were not written to the output itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_to: Option<String>,
}

/// The fate of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// The output was written.
    Written,
    /// The output was written and replaced an older one.
    Replaced,
    /// Nothing was written because this run read nothing; the older output is unchanged.
    Kept,
    /// Nothing was written because nothing was new; the output of an earlier run with this ledger is unchanged.
    UpToDate,
    /// This run did not read everything and has fewer rows than the older output, which is unchanged; the rows are
    /// beside it.
    Incomplete,
    /// Nothing was written because there is no row and the output is a dataset.
    NoRows,
}
