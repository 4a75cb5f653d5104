//! The map: the state of each hour, and the holes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde::Serialize;

use super::cells::{Cell, Cells, HOUR, n_parts};
use super::rhythm::{self, Known};
use super::trail::TrailEvent;
use crate::custody::{Chains, MissingLog, Origin, Why};

/// What is known of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HourState {
    /// There are events, and no log that a digest names is missing.
    Covered,
    /// There is no event, and the digests say that nothing was delivered.
    Quiet,
    /// Something is missing.
    Hole,
    /// Nothing tells if something is missing.
    Unknown,
}

/// Why there is a hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A log that a digest names is not there.
    LogMissing,
    /// A digest is not there.
    DigestMissing,
    /// A digest is not as AWS signed it.
    DigestAltered,
    /// Logging was stopped, or the trail was deleted, and began again.
    ChainRestarted,
    /// The digests end before others of the trail.
    ChainEndsEarly,
    /// There are no events where there usually are some. No digest tells of this time.
    Rhythm,
}

impl From<Why> for Reason {
    fn from(why: Why) -> Self {
        match why {
            Why::DigestMissing => Self::DigestMissing,
            Why::DigestAltered => Self::DigestAltered,
            Why::ChainRestarted => Self::ChainRestarted,
            Why::ChainEndsEarly => Self::ChainEndsEarly,
        }
    }
}

impl Reason {
    /// Returns the reason in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::LogMissing => "a log that a digest file names is not there",
            Self::DigestMissing => "a digest file is not there",
            Self::DigestAltered => "a digest file was altered",
            Self::ChainRestarted => "logging was stopped, or the trail was deleted",
            Self::ChainEndsEarly => {
                "digest files of this trail are not there, although later ones of others are"
            }
            Self::Rhythm => "no events where there usually are some (a hint, no proof)",
        }
    }
}

/// A time in which something is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hole {
    /// Its first hour, since 1970.
    pub from: i64,
    /// The hour after its last one.
    pub to: i64,
    /// The reason.
    pub reason: Reason,
    /// The number of logs that digests name and that are missing.
    pub n_missing: u64,
}

/// The hours of a region of an account.
#[derive(Debug)]
pub struct RegionMap {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// The first hour, since 1970.
    pub first: i64,
    /// The state of each hour.
    pub states: Vec<HourState>,
    /// What was read of each hour that has events.
    pub cells: BTreeMap<i64, Cell>,
    /// The number of missing logs, by hours.
    pub missing: BTreeMap<i64, u64>,
    /// The holes, in the order of time.
    pub holes: Vec<Hole>,
}

/// The map of an archive.
#[derive(Debug)]
pub struct CoverageMap {
    /// The regions, by account and name.
    pub regions: Vec<RegionMap>,
    /// The events that speak of the log itself, in the order of time.
    pub trail_events: Vec<TrailEvent>,
    /// True if there is any digest.
    pub has_digests: bool,
}

/// The largest number of hours of a region: 100 years. A time beyond others by more is an error in a log.
const HOURS_MAX: i64 = 100 * 366 * 24;

/// The largest number of hours before the first and after the last event that digests add. What a digest says of its own
/// time may be wrong.
const HOURS_BESIDE: i64 = 10 * 366 * 24;

/// The largest number of hours of all regions together, if all have the same first and last hour.
const ALL_HOURS_MAX: i64 = 400_000_000;

/// The time after the start of an hour that digests must tell of, so that it is quiet: logs are delivered some minutes
/// after their events.
const QUIET_AFTER: i64 = HOUR + HOUR / 4;

impl CoverageMap {
    /// Makes the map of what was counted. `buckets` are those that digests name.
    #[must_use]
    pub fn new(
        cells: Cells,
        chains: &Chains,
        missing: &[MissingLog],
        buckets: &BTreeSet<String>,
    ) -> Self {
        let Cells {
            mut by_origin,
            mut trail_events,
            ..
        } = cells;
        let mut missing_hours: BTreeMap<Origin, BTreeMap<i64, u64>> = BTreeMap::new();
        for log in missing {
            let hours = missing_hours.entry(log.origin.clone()).or_default();
            for hour in log.first.div_euclid(HOUR)..=log.last.div_euclid(HOUR) {
                *hours.entry(hour).or_default() += 1;
            }
        }
        let mut origins: BTreeSet<Origin> = by_origin.keys().cloned().collect();
        origins.extend(chains.spans.keys().cloned());
        origins.extend(missing_hours.keys().cloned());
        let drafts = origins.into_iter().filter_map(|origin| {
            let cells = by_origin.remove(&origin).unwrap_or_default();
            let missing = missing_hours.remove(&origin).unwrap_or_default();
            Draft::new(origin, cells, missing, chains)
        });
        let drafts: Vec<Draft> = drafts.collect();
        let first = drafts
            .iter()
            .map(|draft| draft.first)
            .min()
            .unwrap_or_default();
        let last = drafts
            .iter()
            .map(|draft| draft.last)
            .max()
            .unwrap_or_default();
        let n_regions = i64::try_from(drafts.len()).unwrap_or(i64::MAX);
        let is_small = (last - first).saturating_mul(n_regions) < ALL_HOURS_MAX;
        let regions = drafts.into_iter().map(|draft| match is_small {
            true => RegionMap::new(
                Draft {
                    first,
                    last,
                    ..draft
                },
                chains,
            ),
            false => RegionMap::new(draft, chains),
        });
        let regions: Vec<RegionMap> = regions.collect();
        let of_trail: HashSet<String> = trail_events
            .iter()
            .filter(|event| !event.is_of_bucket())
            .map(|event| event.target.clone())
            .collect();
        trail_events.retain(|event| {
            // Other buckets have nothing to do with the log.
            !event.is_of_bucket()
                || event.target.is_empty()
                || buckets.contains(&event.target)
                || of_trail.contains(&event.target)
        });
        trail_events.sort();
        trail_events.dedup();
        Self {
            regions,
            trail_events,
            has_digests: !chains.spans.is_empty(),
        }
    }

    /// Returns the number of hours in holes.
    #[must_use]
    pub fn n_hole_hours(&self) -> u64 {
        let states = self.regions.iter().flat_map(|region| &region.states);
        states.filter(|state| **state == HourState::Hole).count() as u64
    }
}

/// What is known of a region before its hours are judged.
struct Draft {
    origin: Origin,
    cells: BTreeMap<i64, Cell>,
    missing: BTreeMap<i64, u64>,
    first: i64,
    last: i64,
}

impl Draft {
    fn new(
        origin: Origin,
        mut cells: BTreeMap<i64, Cell>,
        missing: BTreeMap<i64, u64>,
        chains: &Chains,
    ) -> Option<Self> {
        let spans = chains.spans.get(&origin).map_or(&[][..], Vec::as_slice);
        let gaps = || chains.gaps_of(&origin);
        let starts = spans
            .iter()
            .map(|span| span.0)
            .chain(gaps().map(|gap| gap.from));
        let ends = spans
            .iter()
            .map(|span| span.1)
            .chain(gaps().map(|gap| gap.to));
        let of_cells = || cells.keys().chain(missing.keys()).copied();
        let events = of_cells().min().zip(of_cells().max());
        let near = |second: i64| {
            let hour = second.div_euclid(HOUR);
            match events {
                Some((first, last)) => hour.clamp(first - HOURS_BESIDE, last + HOURS_BESIDE),
                None => hour,
            }
        };
        let first = starts.map(near).chain(of_cells()).min()?;
        let last = ends.map(|end| near(end - 1)).chain(of_cells()).max()?;
        // The latest hours are those of the archive; what is far before them is an error in a log.
        let first = first.max(last - HOURS_MAX);
        cells.retain(|hour, _| *hour >= first);
        Some(Self {
            origin,
            cells,
            missing,
            first,
            last,
        })
    }
}

impl RegionMap {
    fn new(draft: Draft, chains: &Chains) -> Self {
        let Draft {
            origin,
            cells,
            missing,
            first,
            last,
        } = draft;
        let spans = chains.spans.get(&origin).map_or(&[][..], Vec::as_slice);
        let mut reasons: BTreeMap<i64, Reason> = BTreeMap::new();
        for hour in missing.keys() {
            reasons.insert(*hour, Reason::LogMissing);
        }
        for gap in chains.gaps_of(&origin) {
            let from = gap.from.div_euclid(HOUR).max(first);
            let to = (gap.to - 1).div_euclid(HOUR).min(last);
            for hour in (from..=to).filter(|hour| !cells.contains_key(hour)) {
                reasons.entry(hour).or_insert_with(|| gap.why.into());
            }
        }
        let mut region = Self {
            account: origin.0,
            region: origin.1,
            first,
            states: Vec::new(),
            cells,
            missing,
            holes: Vec::new(),
        };
        region.find_states(last, &reasons, spans);
        region.add_rhythm(&mut reasons, spans);
        region.find_holes(&reasons);
        region
    }

    /// Finds the states of the hours up to `last`.
    fn find_states(&mut self, last: i64, reasons: &BTreeMap<i64, Reason>, spans: &[(i64, i64)]) {
        let n_hours = (last - self.first + 1).max(0);
        let mut states = vec![HourState::Unknown; usize::try_from(n_hours).unwrap_or_default()];
        let mut set = |from: i64, to: i64, state: HourState| {
            let [from, to] = [from, to].map(|hour| (hour - self.first).clamp(0, n_hours));
            let [from, to] = [from, to].map(|n| usize::try_from(n).unwrap_or_default());
            states.get_mut(from..to).unwrap_or_default().fill(state);
        };
        for &(from, to) in spans {
            let first = n_parts(from, HOUR);
            let after = (to - QUIET_AFTER).div_euclid(HOUR) + 1;
            set(first, after, HourState::Quiet);
        }
        for &hour in self.cells.keys() {
            set(hour, hour + 1, HourState::Covered);
        }
        for &hour in reasons.keys() {
            set(hour, hour + 1, HourState::Hole);
        }
        self.states = states;
    }

    /// Finds holes by the rhythm, where no digest tells.
    fn add_rhythm(&mut self, reasons: &mut BTreeMap<i64, Reason>, spans: &[(i64, i64)]) {
        if !self.states.contains(&HourState::Unknown) {
            return;
        }
        let known = self.states.iter().map(|state| match state {
            HourState::Covered | HourState::Hole => Known::Active,
            HourState::Quiet => Known::Empty,
            HourState::Unknown => Known::Unknown,
        });
        let known: Vec<Known> = known.collect();
        let first = self.first;
        for run in rhythm::holes(first, &known) {
            for n in run {
                let hour = first + i64::try_from(n).unwrap_or_default();
                let is_told =
                    |span: &(i64, i64)| span.0 < (hour + 1) * HOUR && hour * HOUR < span.1;
                if !spans.iter().any(is_told) {
                    self.states[n] = HourState::Hole;
                    reasons.insert(hour, Reason::Rhythm);
                }
            }
        }
    }

    fn find_holes(&mut self, reasons: &BTreeMap<i64, Reason>) {
        for (&hour, &reason) in reasons {
            let n_missing = self.missing.get(&hour).copied().unwrap_or_default();
            match self.holes.last_mut() {
                Some(hole) if hole.to == hour && hole.reason == reason => {
                    hole.to = hour + 1;
                    hole.n_missing += n_missing;
                }
                _ => self.holes.push(Hole {
                    from: hour,
                    to: hour + 1,
                    reason,
                    n_missing,
                }),
            }
        }
    }

    /// Returns the hours with their states.
    pub(super) fn hours(&self) -> impl Iterator<Item = (i64, HourState)> + '_ {
        (self.first..).zip(self.states.iter().copied())
    }

    /// Returns the number of hours in this state.
    #[must_use]
    pub fn n_hours(&self, state: HourState) -> usize {
        self.states.iter().filter(|one| **one == state).count()
    }

    /// Returns the reason for the hole that an hour is in.
    pub(super) fn reason(&self, hour: i64) -> Option<Reason> {
        let n = self.holes.partition_point(|hole| hole.to <= hour);
        let hole = self.holes.get(n)?;
        (hole.from <= hour).then_some(hole.reason)
    }
}

#[cfg(test)]
impl RegionMap {
    /// Makes a region from states, for tests of what shows them.
    pub(super) fn of_states(first: i64, states: Vec<HourState>) -> Self {
        Self {
            account: "111122223333".to_owned(),
            region: "us-east-1".to_owned(),
            first,
            states,
            cells: BTreeMap::new(),
            missing: BTreeMap::new(),
            holes: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The states of all hours together are those of each hour by itself.
        #[test]
        fn each_hour_has_the_state_that_its_own_evidence_gives(
            first in -30_i64..30,
            n_hours in 1_i64..50,
            cells in prop::collection::btree_set(-40_i64..90, 0..30),
            reasons in prop::collection::btree_set(-40_i64..90, 0..9),
            spans in prop::collection::vec((-40 * HOUR..90 * HOUR, 0..40 * HOUR), 0..4),
        ) {
            let spans: Vec<_> = spans.into_iter().map(|(from, length)| (from, from + length)).collect();
            let mut region = RegionMap::of_states(first, Vec::new());
            region.cells = cells.iter().map(|hour| (*hour, Cell::default())).collect();
            let reasons: BTreeMap<i64, Reason> =
                reasons.into_iter().map(|hour| (hour, Reason::Rhythm)).collect();
            region.find_states(first + n_hours - 1, &reasons, &spans);
            let state = |hour: i64| {
                let (from, to) = (hour * HOUR, hour * HOUR + QUIET_AFTER);
                if reasons.contains_key(&hour) {
                    HourState::Hole
                } else if cells.contains(&hour) {
                    HourState::Covered
                } else if spans.iter().any(|span| span.0 <= from && to <= span.1) {
                    HourState::Quiet
                } else {
                    HourState::Unknown
                }
            };
            let expected: Vec<_> = (first..first + n_hours).map(state).collect();
            prop_assert_eq!(region.states, expected);
        }
    }
}
