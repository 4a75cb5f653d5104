//! From the roots on the command line to decompressed text.
//!
//! In: roots. Out: [`Source`]s in a fixed order, and the text of each source's log, or of the logs inside it,
//! window by window. Every byte that could not be read is covered by a [`Defect`](crate::report::Defect). A
//! file's format is detected by its bytes, never by its name. This stage knows nothing of records and rules.

pub mod discover;
pub mod walk;
mod entries;
pub mod gone;
mod bucket;
pub mod layout;
pub mod list;
pub mod manifest;
pub mod names;
pub mod open;
pub mod source;
pub mod stored;
pub(crate) mod sniff;
pub mod archive;
pub mod decompress;
pub mod log;
pub mod blocks;
pub mod table;

pub use decompress::{Codecs, Text};
pub use discover::Root;
pub use source::Source;
pub use stored::Stored;
