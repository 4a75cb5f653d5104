//! From findings to a file that every engine reads.
//!
//! In: an [`Alert`] for each finding, in order. Out: rows, in a file that appears whole or not at all.
//! `columns` says what a row has, `alert` fills it, `encode` makes Parquet, Arrow or lines of many, `sink` writes
//! these to a `destination`, which may be several files of a `dataset`, `fate` says what becomes of it beside an `older` one,
//! and `whole_file` gives a file its name when it is done; until then it is `hidden`.
//! `documents` are what other schemas make of a row. No record and no scanner is known here.

pub mod alert;
pub mod columns;
mod csv;
pub mod dataset;
pub mod destination;
pub(crate) mod documents;
mod encode;
pub(crate) mod fate;
mod hidden;
mod older;
pub mod sink;
pub mod target;
pub mod whole_file;

pub use alert::{Alert, Place};
pub use columns::{COLUMNS, Column, Kind, RELATION};
pub use dataset::{Dataset, Partitioning};
pub use destination::Destination;
pub use documents::Schema;
pub use encode::{Encoded, Encoder, Group};
pub use fate::incomplete_name;
pub use hidden::HiddenFolder;
pub use sink::{AlertSink, Format, RunIdentity};
pub use target::{Target, Written};
pub use whole_file::WholeFile;
