//! The events of an archive, counted by account, region and hour.

use std::collections::{BTreeMap, HashSet};

use super::trail::TrailEvent;
use crate::custody::{NameKey, Origin};
use crate::engine::{Sink, SizeBytes};
use crate::error::Error;

/// The number of seconds of an hour.
pub(super) const HOUR: i64 = 3600;

/// Returns how many parts of this length are needed for some hours.
pub(super) fn n_parts(hours: i64, length: i64) -> i64 {
    (hours + length - 1).div_euclid(length)
}

/// What was read of an hour.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cell {
    /// The number of events.
    pub n_events: u64,
    /// The time of the first event, in seconds since 1970.
    pub first: i64,
    /// The time of the last event, in seconds since 1970.
    pub last: i64,
    /// The number of logs with events in this hour.
    pub n_files: u64,
    /// The bytes of their text, divided by events among the hours of a log.
    pub n_bytes: u64,
}

impl Cell {
    fn add(&mut self, other: Self) {
        let is_new = self.n_events == 0;
        self.first = if is_new {
            other.first
        } else {
            self.first.min(other.first)
        };
        self.last = if is_new {
            other.last
        } else {
            self.last.max(other.last)
        };
        self.n_events += other.n_events;
        self.n_files += other.n_files;
        self.n_bytes += other.n_bytes;
    }
}

/// The events of one log, by hours since 1970. A log has few hours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hours(pub(super) Vec<(i64, Cell)>);

impl Hours {
    /// Adds an event.
    pub(super) fn add(&mut self, seconds: i64) {
        let hour = seconds.div_euclid(HOUR);
        match self.0.iter_mut().rev().find(|(other, _)| *other == hour) {
            Some((_, cell)) => {
                cell.n_events += 1;
                cell.first = cell.first.min(seconds);
                cell.last = cell.last.max(seconds);
            }
            None => {
                let cell = Cell {
                    n_events: 1,
                    first: seconds,
                    last: seconds,
                    ..Cell::default()
                };
                self.0.push((hour, cell));
            }
        }
    }

    #[cfg(test)]
    pub(super) fn n_events(&self) -> u64 {
        self.0.iter().map(|(_, cell)| cell.n_events).sum()
    }

    /// Counts the log itself in each hour of its events, and divides its bytes among them.
    pub(super) fn count_file(&mut self, n_bytes: u64) {
        let n_events: u64 = self.0.iter().map(|(_, cell)| cell.n_events).sum();
        for (_, cell) in &mut self.0 {
            cell.n_files += 1;
            let n_bytes = u128::from(n_bytes) * u128::from(cell.n_events);
            let share = n_bytes
                .checked_div(u128::from(n_events))
                .unwrap_or_default();
            cell.n_bytes += u64::try_from(share).unwrap_or(u64::MAX);
        }
    }
}

/// What was counted in a log.
#[derive(Debug)]
pub struct Counted(pub(super) Part);

#[derive(Debug)]
pub(super) enum Part {
    /// The events of a log.
    Log {
        /// The log's name, if it has the name of a delivered log.
        name: Option<NameKey>,
        parts: Vec<(Origin, Hours)>,
    },
    /// An event that speaks of the log itself.
    Event(Box<TrailEvent>),
}

impl SizeBytes for Counted {
    fn size_bytes(&self) -> usize {
        const OTHER_BYTES: usize = 200;
        match &self.0 {
            Part::Log { parts, .. } => {
                let hours = parts.iter().map(|(_, hours)| hours.0.len());
                OTHER_BYTES + parts.len() * OTHER_BYTES + hours.sum::<usize>() * 64
            }
            Part::Event(_) => 2 * OTHER_BYTES,
        }
    }
}

/// The events of an archive.
#[derive(Debug, Default)]
pub struct Cells {
    pub(super) by_origin: BTreeMap<Origin, BTreeMap<i64, Cell>>,
    /// The delivered logs that were counted, so that copies are not.
    seen: HashSet<NameKey>,
    pub(super) trail_events: Vec<TrailEvent>,
    n_trail_events: u64,
}

/// The number of events about the log itself that are kept.
const TRAIL_EVENTS_MAX: usize = 10_000;

impl Cells {
    /// Adds what was counted in a log.
    pub fn add(&mut self, counted: Counted) {
        match counted.0 {
            Part::Log { name, parts } => {
                if name.is_some_and(|name| !self.seen.insert(name)) {
                    return;
                }
                for (origin, hours) in parts {
                    let cells = self.by_origin.entry(origin).or_default();
                    for (hour, cell) in hours.0 {
                        cells.entry(hour).or_default().add(cell);
                    }
                }
            }
            Part::Event(event) => {
                self.n_trail_events += 1;
                let is_copy = self.trail_events.last() == Some(&*event);
                if self.trail_events.len() < TRAIL_EVENTS_MAX && !is_copy {
                    self.trail_events.push(*event);
                }
            }
        }
    }

    /// Returns the number of events.
    #[must_use]
    pub fn n_events(&self) -> u64 {
        let cells = self.by_origin.values().flat_map(BTreeMap::values);
        cells.map(|cell| cell.n_events).sum()
    }
}

impl Sink<Counted> for Cells {
    fn take(&mut self, output: Counted) -> Result<(), Error> {
        self.add(output);
        Ok(())
    }
}
