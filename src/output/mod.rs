//! From findings to a file that every engine reads.
//!
//! In: an [`Alert`] for each finding, in order. Out: rows, in a file that appears whole or not at all.
//! `columns` says what a row has, `alert` fills it, `encode` makes Parquet, Arrow or lines of many, `sink` writes
//! these to a `destination`, and `whole_file` gives a file its name when it is done. No record and no scanner is known here.

pub mod alert;
pub mod columns;
mod csv;
pub mod destination;
mod encode;
pub mod sink;
pub mod whole_file;

pub use alert::{Alert, Place};
pub use columns::{COLUMNS, Column, Kind, RELATION};
pub use destination::{Destination, Target, Written};
pub use encode::{Encoded, Encoder, Group};
pub use sink::{AlertSink, Format, RunIdentity};
pub use whole_file::WholeFile;
