//! What came after the windows of a case's quarantines: the events that changed a state, and how much keys and
//! identities were used.
//!
//! Such events show how a case ended. They are not part of it, and the case learns nothing from them. Of plain use only
//! the time and the first few events are kept.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::Timestamp;

use super::collected::{EventKey, Sighted, event_key};
use super::is_of_aws;
use crate::follow::{CaseDetails, CaseGraph, Entity, Kind, Quarantine};
use crate::output::{Alert, Column};
use crate::report::Relation;

/// Number of events that are kept of the later use of an entity.
const SAMPLES: usize = 3;
/// Number of later events that are kept because they created something. A program that starts instances makes any
/// number of them.
const MADE_MAX: usize = 1000;

/// Calls that change whether something that exists can be used, besides those that create something.
const CHANGES: [&str; 27] = [
    "DeleteUser",
    "DeleteAccessKey",
    "UpdateAccessKey",
    "DeleteLoginProfile",
    "UpdateLoginProfile",
    "DeleteRole",
    "DeletePolicy",
    "DeleteGroup",
    "DeleteInstanceProfile",
    "TerminateInstances",
    "StopInstances",
    "StartInstances",
    "AttachUserPolicy",
    "AttachRolePolicy",
    "AttachGroupPolicy",
    "PutUserPolicy",
    "PutRolePolicy",
    "PutGroupPolicy",
    "DetachUserPolicy",
    "DetachRolePolicy",
    "DetachGroupPolicy",
    "DeleteUserPolicy",
    "DeleteRolePolicy",
    "DeleteGroupPolicy",
    "AddUserToGroup",
    "RemoveUserFromGroup",
    "UpdateAssumeRolePolicy",
];

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
    let is_change = !story.traces.made.is_empty() || CHANGES.contains(&call);
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
            // The first pass is told from no pass.
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
        let is_by_aws = is_of_aws(alert) && story.quarantine.is_some();
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
