//! What came after the windows of a case's quarantines: the events that changed a state, and how much keys and
//! identities were used.
//!
//! Such events show how a case ended. They are not part of it, and the case learns nothing from them. Of plain use only
//! the time and the first few events are kept.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;

use super::collected::{EventKey, Sighted, event_key};
use super::is_quarantine_of_aws;
use super::state::effects::effect;
use super::state::ways::is_about_access;
use crate::follow::{CaseDetails, CaseGraph, Entity, Kind, Quarantine};
use crate::output::{Alert, Column};
use crate::report::Relation;

/// Number of events that are kept of the later use of an entity.
const SAMPLES: usize = 3;
/// Number of later events that are kept because they created something. A program that starts instances makes any
/// number of them.
const MADE_MAX: usize = 1000;

/// Returns whether an event changed the state of a quarantine or of an entity. A refused call changes nothing, but a
/// refused quarantine is kept.
pub(super) fn changes_state(alert: &Alert, story: &CaseDetails) -> bool {
    let is_of_quarantine = match story.quarantine {
        Some(Quarantine::Made) => true,
        Some(Quarantine::Beside(relation)) => {
            !matches!(relation, Relation::Read | Relation::Mention)
        }
        None => false,
    };
    let call = alert.text(Column::EventAction).unwrap_or_default();
    let is_change =
        !story.traces.made.is_empty() || effect(call).is_some() || is_about_access(alert);
    is_of_quarantine || is_change && story.error_code.is_none()
}

/// The times at which entities acted after the windows, in order, each with whether the call was refused.
pub(super) type UseTimes = BTreeMap<Entity, Vec<(Timestamp, bool)>>;

/// Collects later events.
#[derive(Debug)]
pub(super) struct Later {
    changes: Earliest,
    made: Earliest,
    uses: BTreeMap<Entity, Uses>,
    round: usize,
}

/// The use of an entity.
#[derive(Debug)]
struct Uses {
    /// Each event once, by a hash of its key.
    events: BTreeMap<[u8; 16], (Timestamp, bool)>,
    samples: Earliest,
}

/// The earliest events that were seen, up to a number.
#[derive(Debug)]
struct Earliest {
    events: BTreeMap<(Timestamp, EventKey), Sighted>,
    max: usize,
    is_cut: bool,
}

impl Earliest {
    fn new(max: usize) -> Self {
        Self {
            events: BTreeMap::new(),
            max,
            is_cut: false,
        }
    }

    fn take(&mut self, alert: &Alert, story: &CaseDetails, time: Timestamp, round: usize) {
        let key = (time, event_key(alert));
        if self.events.len() == self.max && !self.events.contains_key(&key) {
            self.is_cut = true;
            let is_too_late = self
                .events
                .last_key_value()
                .is_none_or(|(last, _)| *last < key);
            if is_too_late {
                return;
            }
            self.events.pop_last();
        }
        let new = || Sighted::new(alert.clone(), story.clone(), 0);
        let seen = self.events.entry(key).or_insert_with(new);
        seen.see(story, round);
    }
}

impl Default for Later {
    fn default() -> Self {
        Self {
            changes: Earliest::new(usize::MAX),
            made: Earliest::new(MADE_MAX),
            uses: BTreeMap::new(),
            // Passes count from 1: 0 means that no pass has seen it.
            round: 1,
        }
    }
}

impl Later {
    /// Adds an event, if it has a time. `is_within` is true if it also is in the window of another quarantine, so that
    /// the event itself is kept elsewhere.
    pub(super) fn take(
        &mut self,
        alert: &Alert,
        story: &CaseDetails,
        known: &CaseGraph,
        is_within: bool,
    ) {
        let Some(time) = alert.time() else {
            return;
        };
        if !is_within && changes_state(alert, story) {
            let is_of_making = !story.traces.made.is_empty() && story.quarantine.is_none();
            let kept = match is_of_making {
                true => &mut self.made,
                false => &mut self.changes,
            };
            kept.take(alert, story, time, self.round);
        }
        let is_by_aws = is_quarantine_of_aws(alert, story);
        if is_by_aws || !known.has_any(&story.traces.actors, Some(time)) {
            return;
        }
        let actors = story.traces.actors.iter().filter(|one| one.is_followed());
        let has_key = actors.clone().any(|one| one.kind == Kind::AccessKey);
        for actor in actors {
            let uses = self.uses.entry(actor.clone()).or_insert_with(|| Uses {
                events: BTreeMap::new(),
                samples: Earliest::new(SAMPLES),
            });
            let hash = hash(event_key(alert));
            uses.events.insert(hash, (time, story.error_code.is_some()));
            if actor.kind == Kind::AccessKey || !has_key {
                uses.samples.take(alert, story, time, self.round);
            }
        }
    }

    /// Ends a pass.
    pub(super) fn end_round(&mut self) {
        self.round += 1;
    }

    /// Returns the events that were kept, the times at which entities were used, and whether events that created
    /// something were left out.
    pub(super) fn finish(self) -> (BTreeMap<EventKey, Sighted>, UseTimes, bool) {
        let is_cut = self.made.is_cut;
        let mut events = BTreeMap::new();
        let mut add = |kept: Earliest| {
            let kept = kept.events.into_iter();
            events.extend(kept.map(|((_, key), seen)| (key, seen)));
        };
        add(self.changes);
        add(self.made);
        let mut times = UseTimes::new();
        for (entity, uses) in self.uses {
            add(uses.samples);
            let mut all: Vec<_> = uses.events.into_values().collect();
            all.sort_unstable();
            times.insert(entity, all);
        }
        (events, times, is_cut)
    }
}

/// Returns the key of an event in a short form.
fn hash((mut key, beside): EventKey) -> [u8; 16] {
    if let Some(beside) = beside {
        let mut hasher = DefaultHasher::new();
        beside.hash(&mut hasher);
        for (own, more) in key.iter_mut().zip(hasher.finish().to_le_bytes()) {
            *own ^= more;
        }
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::testing::{Call, key, user};

    fn known() -> CaseGraph {
        let mut known = CaseGraph::new(4);
        known.begin_with(user("alice"));
        known
    }

    fn call(n: usize, name: &str) -> Call {
        let at = format!("06-{:02} 10:{:02}", 1 + n / 60, n % 60);
        Call::new(&at, name)
            .by("alice", "AKIAOWN")
            .text(Column::EventId, &format!("{n:05}"))
    }

    /// Adds the events in some order, twice, in two passes.
    fn finish(calls: &[Call]) -> (Vec<String>, UseTimes, bool) {
        let mut later = Later::default();
        for _ in 0..2 {
            for call in calls.iter().chain(calls) {
                let (alert, story) = call.clone().found();
                later.take(&alert, &story, &known(), false);
            }
            later.end_round();
        }
        let (events, uses, is_cut) = later.finish();
        assert!(
            events.values().all(|seen| seen.n() == 2),
            "twice in each pass"
        );
        let id = |seen: &Sighted| seen.alert.text(Column::EventId).unwrap().to_owned();
        let mut ids: Vec<String> = events.values().map(id).collect();
        ids.sort();
        (ids, uses, is_cut)
    }

    #[test]
    fn of_plain_use_the_first_events_and_all_times_are_kept() {
        let mut calls: Vec<Call> = (0..50).map(|n| call(n, "GetObject")).collect();
        calls[7] = calls[7].clone().refused();
        // What others do is no use.
        calls.push(
            Call::new("06-01 09:00", "GetUser")
                .by("ops", "AKIAOPS")
                .on(user("alice")),
        );
        calls.reverse();
        let (ids, uses, is_cut) = finish(&calls);
        assert_eq!(ids, ["00000", "00001", "00002"]);
        assert!(!is_cut);
        let of_key = &uses[&key("AKIAOWN")];
        assert_eq!(of_key, &uses[&user("alice")]);
        assert_eq!(of_key.len(), 50);
        assert_eq!(
            of_key.iter().filter(|(_, is_refused)| *is_refused).count(),
            1
        );
        assert!(of_key.is_sorted());
        assert!(!uses.contains_key(&user("ops")));
    }

    #[test]
    fn of_calls_that_made_something_the_first_thousand_are_kept() {
        let made =
            |n| call(n, "RunInstances").made(Entity::by_name(Kind::Instance, &format!("i-{n:08}")));
        let mut calls: Vec<Call> = (0..=MADE_MAX).map(made).collect();
        let (ids, _, is_cut) = finish(&calls[..MADE_MAX]);
        assert_eq!((ids.len(), is_cut), (MADE_MAX, false));
        calls.reverse();
        calls.push(call(20_000 / 15, "DeleteUser").on(user("alice")));
        let (ids, _, is_cut) = finish(&calls);
        assert!(is_cut);
        assert_eq!(ids.len(), MADE_MAX + 1);
        assert_eq!((ids[999].as_str(), ids[1000].as_str()), ("00999", "01333"));
    }

    #[test]
    fn refused_calls_change_nothing_but_a_refused_quarantine_is_kept() {
        let changes = |call: Call| {
            let (alert, story) = call.found();
            changes_state(&alert, &story)
        };
        assert!(changes(call(0, "DeleteUser")));
        assert!(!changes(call(0, "DeleteUser").refused()));
        assert!(!changes(call(0, "GetUser")));
        assert!(changes(
            crate::case::testing::lifts("06-01 10:00", "alice").refused()
        ));
    }
}
