//! What the walk finds: regions of text that may hold an event, and those that cannot be judged.

use super::limits::Limits;
use super::records::Unit;
use crate::event::Seam;
use crate::report::{Code, Defect};

/// A result of the walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framed {
    /// A candidate, and what the text around it shows.
    Unit { unit: Unit, seam: Option<Seam> },
    /// A record, with or without a hit, if records are wanted. It comes before the candidate in the same place.
    Record { unit: Unit, is_whole: bool },
    /// A candidate that has no end, or whose start is no longer in memory.
    Defect(Defect),
    /// A needle that is in no candidate: text in another format, JSON that cannot be repaired, or the envelope's own
    /// text. Between two documents, only one needle is reported.
    Unframed(Needle),
}

/// A hit that is certainly a needle, with an excerpt of the text from there on. The text itself can be released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needle {
    pub(crate) offset: u64,
    pub(crate) excerpt: String,
}

impl Framed {
    /// Returns a unit as a record, without a check of its hits.
    pub(super) fn record(unit: Unit, limits: Limits) -> Self {
        let is_whole = unit.end - unit.start <= limits.record_bytes_max;
        Self::Record { unit, is_whole }
    }

    /// Returns a unit as a candidate, or the reason why it is none.
    pub(super) fn candidate(unit: Unit, seam: Option<Seam>, limits: Limits) -> Self {
        let Unit { start, end, .. } = unit;
        if end - start <= limits.record_bytes_max {
            return Self::Unit { unit, seam };
        }
        let message = format!(
            "record of {} bytes is larger than {} bytes, the most that is held",
            end - start,
            limits.record_bytes_max
        );
        Self::Defect(Defect::text(Code::RecordTooLarge, start, message))
    }
}
