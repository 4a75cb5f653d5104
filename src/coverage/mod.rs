//! Coverage: what an archive holds, by account, region and hour of the events.
//!
//! In: a pass over an archive, with what its digest files show ([`custody`](crate::custody)). Out: a map that says of
//! each hour whether it is covered, quiet, a hole or unknown, and the events that speak of the log itself.
//!
//! ```text
//! text ─▶ count (delivered logs) ─┐
//! records ─▶ events (all others) ─┴▶ cells ─▶ map (chains, rhythm) ─▶ heat, page, table, JSON
//! ```
//!
//! No event is parsed in a log whose name says what it is of: the times in it are counted where they are written. If
//! the count may be wrong, the log is parsed.

mod analyzer;
mod cells;
mod count;
mod heat;
mod json;
mod map;
mod page;
mod rhythm;
mod survey;
mod table;
mod trail;

pub use analyzer::CoverageAnalyzer;
pub use cells::{Cell, Cells, Counted};
pub use heat::{HeatOptions, HeatPart, heat, holes_in_words, n_holes};
pub use json::{document, write_lines};
pub use map::{CoverageMap, Hole, HourState, Reason, RegionMap};
pub use page::page;
pub use survey::{FetchSignature, Proof, Survey, Surveyed};
pub use table::write_table;
pub use trail::TrailEvent;

/// Returns true if a file has a name as CloudTrail delivers it.
pub(crate) fn is_delivered(path: &str) -> bool {
    crate::custody::is_delivered(path)
}
