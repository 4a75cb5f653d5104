//! From what was typed to decompressed text.
//!
//! In: roots. Out: [`Source`]s in a fixed order, and for each of them the text of its log, or of the logs
//! inside it, window by window, with a [`Defect`](crate::report::Defect) for every byte that could not be
//! had. What a file is is told by its bytes, never by its name. No record and no rule is known here.

pub mod discover;
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
pub mod blocks;
pub mod table;

pub use decompress::{Codecs, Text};
pub use discover::Root;
pub use source::Source;
pub use stored::Stored;
