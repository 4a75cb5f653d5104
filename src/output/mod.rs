//! From findings to a file that every engine reads.
//!
//! In: an [`Alert`] for each finding, in order. Out: rows, in a file that appears complete or not at all. `kind` is
//! what the rows of a file are. `columns` defines the columns of a row. `alert` fills a row. `batch` turns rows into
//! columns, `encode` these into Parquet, Arrow or lines. `sink` writes these to the `target` of a `destination`, or to the files (`parts`) of a
//! `dataset`; either is `opened`, written and closed. `fate` decides what to do with an output if an `older` one
//! exists. `whole_file` gives a file its name when it is complete; until then it is `hidden`. `documents` converts a
//! row to other schemas. `rules` has the rules of rows, `rule_columns` what the rows of a rule have in common. Rows are `waiting` if only
//! the end of a pass shows what is proved of their logs. This module does not use records or the scanner.

pub mod alert;
pub(crate) mod batch;
pub mod columns;
mod csv;
pub mod dataset;
pub mod destination;
pub(crate) mod documents;
mod encode;
pub(crate) mod fate;
mod fired;
mod hidden;
mod json_schema;
mod kind;
mod older;
pub(crate) mod opened;
mod over_time;
mod parts;
pub mod rule_columns;
mod row_event;
pub mod rules;
pub mod sink;
pub mod target;
pub(crate) mod waiting;
pub mod whole_file;

pub use alert::Alert;
pub use columns::{COLUMNS, Column, ColumnDef, OVER_TIME, RELATION};
pub use csv::CsvColumns;
pub use dataset::{Dataset, Partitioning};
pub use destination::{Destination, incomplete_name};
pub use encode::{Encoded, Encoder, Group};
pub use fired::FiredEvents;
pub use hidden::HiddenFolder;
pub use json_schema::row_schema;
pub use kind::{Kind, Schema};
pub use row_event::{Place, RowEvent};
pub use sink::{AlertSink, Format, RunIdentity};
pub use target::{Target, Written};
pub use whole_file::WholeFile;
