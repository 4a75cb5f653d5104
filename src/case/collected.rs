//! The events of a case, each once, collected as they are found.

use std::collections::BTreeMap;

use super::analyzer::Found;
use crate::follow::{CaseDetails, CaseGraph};
use crate::output::{Alert, Column};

/// The key of an event: its id; without an id, its text and the data that distinguishes it from other events in that
/// text.
pub(super) type EventKey = ([u8; 16], Option<(String, String)>);

pub(super) fn event_key(alert: &Alert) -> EventKey {
    let text = |column| alert.text(column).unwrap_or_default().to_owned();
    let beside = || (text(Column::EventTimeText), text(Column::EventAction));
    (
        alert.event_key(),
        alert.text(Column::EventId).is_none().then(beside),
    )
}

/// An event, and the number of times it was seen.
#[derive(Debug)]
pub(super) struct Sighted {
    pub(super) alert: Alert,
    pub(super) story: CaseDetails,
    /// The count in the pass that saw it most often. Another pass may have searched for text that only some copies
    /// contain.
    n: u64,
    /// The count in the last pass that saw it, and the number of that pass.
    n_in_round: u64,
    round: usize,
}

impl Sighted {
    /// Creates an event that was seen `n` times.
    pub(super) fn new(alert: Alert, story: CaseDetails, n: u64) -> Self {
        Self {
            alert,
            story,
            n,
            n_in_round: 0,
            round: 0,
        }
    }

    /// Returns the number of times it was seen.
    pub(super) fn n(&self) -> u64 {
        self.n
    }

    /// Adds a copy of it that a pass saw.
    pub(super) fn see(&mut self, copy: &CaseDetails, round: usize) {
        if self.round != round {
            (self.round, self.n_in_round) = (round, 0);
        }
        self.n_in_round += 1;
        self.n = self.n.max(self.n_in_round);
        // Copies in other schemas may contain more data, or less.
        self.story.traces.join(&copy.traces);
        self.story.touched.join(&copy.touched);
    }
}

/// Events, each once.
#[derive(Debug, Default)]
pub(super) struct Collected {
    events: BTreeMap<EventKey, Sighted>,
    round: usize,
}

impl Collected {
    pub(super) fn take(&mut self, found: &Found) {
        let Found { alert, story } = found;
        let seen = self.events.entry(event_key(alert));
        let seen = seen.or_insert_with(|| Sighted::new(alert.clone(), story.clone(), 0));
        seen.see(story, self.round);
    }

    /// Returns the number of events.
    pub(super) fn n(&self) -> usize {
        self.events.len()
    }

    /// Returns the events that were collected so far.
    pub(super) fn events(&self) -> impl Iterator<Item = &Sighted> {
        self.events.values()
    }

    /// Ends a pass: the case learns from all events.
    pub(super) fn teach(&mut self, known: &mut CaseGraph) {
        self.round += 1;
        let told = self.events.values();
        let told = told.map(|seen| (&seen.story.traces, seen.alert.time()));
        known.learn_all(told);
    }

    pub(super) fn into_events(self) -> BTreeMap<EventKey, Sighted> {
        self.events
    }
}
