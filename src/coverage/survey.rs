//! Both analyses in one pass: what an archive holds, and what its digests show.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

use super::analyzer::CoverageAnalyzer;
use super::cells::{Cells, Counted};
use super::map::CoverageMap;
use crate::custody::keys::Keys;
use crate::custody::signatures::Signatures;
use crate::custody::{
    Chains, Collection, EvidenceAnalyzer, LogKey, LogStatus, Seen, Verdicts, judge, marked_logs,
    missing_logs,
};
use crate::engine::{Either, Sink};
use crate::error::Error;
use crate::report::evidence::Evidence;
use crate::report::{Diagnostic, Outcome};

/// What [`Survey::analyzer`] gives.
pub type Surveyed = Either<Seen, Counted>;

/// Collects what is needed for a map, and for the verdicts on the logs if there are public keys.
#[derive(Debug, Default)]
pub struct Survey {
    proof: Option<Proof>,
    is_of_delivered: bool,
    collection: Collection,
    cells: Cells,
    judged: Option<Judged>,
}

/// Returns the signature in the metadata of a digest's object, by its path, if there is one.
pub type FetchSignature = Box<dyn FnMut(&Path) -> Option<String>>;

/// What digests are proved with.
pub struct Proof {
    /// The public keys.
    pub keys: Keys,
    /// Signatures that were copied beside the archive.
    pub signatures: Signatures,
    /// Fetches signatures.
    pub fetch: FetchSignature,
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

/// What the digests show.
#[derive(Debug)]
struct Judged {
    chains: Chains,
    verdicts: Verdicts,
    /// The status of each marked log.
    marked: HashMap<LogKey, LogStatus>,
}

impl Survey {
    /// Creates a survey that also hashes all logs, and judges them.
    #[must_use]
    pub fn proving(proof: Proof) -> Self {
        Self {
            proof: Some(proof),
            ..Self::default()
        }
    }

    /// Creates a survey of the files with names as CloudTrail delivers them. All others are passed over, so that they are
    /// read as fast as without a survey.
    #[must_use]
    pub fn of_delivered() -> Self {
        Self {
            is_of_delivered: true,
            ..Self::default()
        }
    }

    /// Returns the analyzer whose outputs it takes. Without public keys logs that are recognised by their names are not
    /// hashed.
    #[must_use]
    pub fn analyzer(&self) -> (EvidenceAnalyzer, CoverageAnalyzer) {
        let evidence = match &self.proof {
            Some(proof) => EvidenceAnalyzer::new(&proof.keys, true),
            None if self.is_of_delivered => EvidenceAnalyzer::of_delivered(),
            None => EvidenceAnalyzer::new(&Keys::default(), false),
        };
        let coverage = CoverageAnalyzer {
            is_of_delivered: self.is_of_delivered,
        };
        (evidence, coverage)
    }

    /// Returns true if it judges the logs.
    #[must_use]
    pub fn is_proving(&self) -> bool {
        self.proof.is_some()
    }

    /// Returns the number of events.
    #[must_use]
    pub fn n_events(&self) -> u64 {
        self.cells.n_events()
    }

    /// Marks a log of the current turn: its status will be asked for.
    pub fn mark(&mut self, path: &str, member: Option<&str>) {
        self.collection.mark(LogKey::of(path, member));
    }

    /// Ends a turn.
    pub fn end_turn(&mut self) {
        self.collection.end_turn();
    }

    /// Judges the digests and logs, when everything was taken.
    pub fn judge(&mut self) {
        let mut none = Proof {
            keys: Keys::default(),
            signatures: Signatures::default(),
            fetch: Box::new(|_| None),
        };
        let collection = &self.collection;
        let proof = self.proof.as_mut().unwrap_or(&mut none);
        let mut chains = Chains::new(collection, &proof.keys, &proof.signatures);
        let fetch = &mut |path: &Path| Ok::<_, Infallible>((proof.fetch)(path));
        let Ok(n_found) = chains.fetch_signatures(collection, &mut proof.signatures, fetch);
        if n_found > 0 {
            chains = Chains::new(collection, &proof.keys, &proof.signatures);
        }
        self.judged = Some(Judged {
            verdicts: judge(collection, &chains, &proof.keys),
            marked: marked_logs(collection, &chains),
            chains,
        });
    }

    /// Returns the status of a marked log, when all were [judged](Self::judge).
    #[must_use]
    pub fn log_status(&self, path: &str, member: Option<&str>) -> LogStatus {
        let marked = self.judged.as_ref().map(|judged| &judged.marked);
        let status = marked.and_then(|marked| marked.get(&LogKey::of(path, member)));
        // No digest names what is no log of CloudTrail's.
        status.copied().unwrap_or(LogStatus::Uncovered)
    }

    /// Returns the verdicts, if it [judged](Self::judge) with public keys.
    #[must_use]
    pub fn verdicts(&self) -> Option<&Verdicts> {
        let judged = self.judged.as_ref().filter(|_| self.is_proving());
        judged.map(|judged| &judged.verdicts)
    }

    /// Returns what a report says of the verdicts, if there are public keys.
    #[must_use]
    pub fn evidence(&self) -> Option<Evidence> {
        let n_keys = self.proof.as_ref().map_or(0, |proof| proof.keys.len());
        self.verdicts().map(|verdicts| verdicts.evidence(n_keys))
    }

    /// Makes the map.
    #[must_use]
    pub fn into_map(mut self) -> CoverageMap {
        if self.judged.is_none() {
            self.judge();
        }
        let judged = self.judged.expect("it was judged");
        let missing = missing_logs(&self.collection, &judged.verdicts);
        let buckets = self.collection.buckets();
        CoverageMap::new(self.cells, &judged.chains, &missing, &buckets)
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
