//! Both analyses in one pass: what an archive holds, and what its digests show.

use std::path::Path;

use super::analyzer::CoverageAnalyzer;
use super::cells::{Cells, Counted};
use super::map::CoverageMap;
use crate::custody::keys::Keys;
use crate::custody::signatures::Signatures;
use crate::custody::{Chains, Collection, EvidenceAnalyzer, Seen, judge, missing_logs};
use crate::engine::{Either, Sink};
use crate::error::Error;
use crate::report::{Diagnostic, Outcome};

/// What [`Survey::analyzer`] gives.
pub type Surveyed = Either<Seen, Counted>;

/// Collects what is needed for a map.
#[derive(Debug, Default)]
pub struct Survey {
    collection: Collection,
    cells: Cells,
}

impl Survey {
    /// Returns the analyzer whose outputs it takes. Logs that are recognised by their names are not hashed.
    #[must_use]
    pub fn analyzer() -> (EvidenceAnalyzer, CoverageAnalyzer) {
        (
            EvidenceAnalyzer::new(&Keys::default(), false),
            CoverageAnalyzer,
        )
    }

    /// Returns the number of events.
    #[must_use]
    pub fn n_events(&self) -> u64 {
        self.cells.n_events()
    }

    /// Makes the map.
    #[must_use]
    pub fn into_map(self) -> CoverageMap {
        let keys = Keys::default();
        let chains = Chains::new(&self.collection, &keys, &Signatures::default());
        let verdicts = judge(&self.collection, &chains, &keys);
        let missing = missing_logs(&self.collection, &verdicts);
        CoverageMap::new(self.cells, &chains, &missing, &self.collection.buckets())
    }
}

impl Sink<Surveyed> for Survey {
    fn take(&mut self, output: Surveyed) -> Result<(), Error> {
        match output {
            Either::First(seen) => self.collection.add(seen),
            Either::Second(counted) => self.cells.add(counted),
        }
        Ok(())
    }

    fn begin(&mut self, _: &[()]) {
        self.collection.begin_turn();
    }

    fn source(&mut self, path: &Path, outcome: Outcome, diagnostics: &[Diagnostic]) {
        self.collection.note(path, outcome, diagnostics);
    }
}
