//! What a hunt makes of events, on its threads.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::engine::SizeBytes;
use crate::output::Alert;
use crate::over_time::Tuple;
use crate::report::RelatedCounts;

/// One output of a hunt's analyzer.
#[derive(Debug)]
pub enum Finding {
    /// An alert.
    Alert(Alert),
    /// A related event, which is written or shown.
    Related(Alert),
    /// The counts of the related events of a source, or of a piece of it.
    Counts(PathBuf, Box<RelatedCounts>),
    /// The numbers of alerts that exceptions suppressed, each with the places of its rule and of its exception.
    Suppressed(BTreeMap<(u16, u16), u64>),
    /// An event that rules over several events are about.
    OverTime(Box<FoundOverTime>),
}

impl Finding {
    /// Returns its row, if it has one, which may be written only at the end.
    pub(super) fn row(&self) -> Option<&Alert> {
        match self {
            Self::Alert(row) | Self::Related(row) => Some(row),
            Self::OverTime(found) => found.row.as_ref(),
            Self::Counts(..) | Self::Suppressed(_) => None,
        }
    }
}

impl SizeBytes for Finding {
    fn size_bytes(&self) -> usize {
        match self {
            Self::Alert(row) | Self::Related(row) => row.size_bytes(),
            Self::Counts(source, counts) => {
                size_of::<Self>() + source.as_os_str().len() + size_of_val(&**counts)
            }
            Self::Suppressed(counts) => size_of::<Self>() + 24 * counts.len(),
            Self::OverTime(found) => size_of::<Self>() + found.size_bytes(),
        }
    }
}

/// An event that a part of a rule is about.
#[derive(Debug)]
pub struct FoundOverTime {
    pub(super) tuples: Vec<Tuple>,
    /// Its row, if the events of what fires become rows.
    pub(super) row: Option<Alert>,
}

impl FoundOverTime {
    fn size_bytes(&self) -> usize {
        let tuples: usize = self.tuples.iter().map(Tuple::size_bytes).sum();
        size_of::<Self>() + tuples + self.row.as_ref().map_or(0, Alert::size_bytes)
    }
}
