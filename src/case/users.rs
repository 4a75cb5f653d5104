//! Each user's own part of a case: what the events near its quarantines lead to.

use std::collections::BTreeMap;

use super::beginning::{Beginning, Window};
use super::collected::{EventKey, Sighted, event_key};
use crate::follow::{CaseDetails, CaseGraph, Entity, Kind, Link, Quarantine, Role};
use crate::output::Alert;

/// An event of a case.
#[derive(Debug)]
pub struct CaseEvent {
    /// Its row.
    pub alert: Alert,
    /// Its data besides the row.
    pub story: CaseDetails,
    /// The reason why it belongs to the case.
    pub relation: &'static str,
    /// The number of steps from the beginning.
    pub hops: u32,
    /// The distance from the nearest quarantine, in minutes; negative before it.
    pub minutes_from_alert: Option<i64>,
    /// The number of times it is in the archive.
    pub n_sightings: u64,
}

/// A user that a case began with.
#[derive(Debug)]
pub struct UserCase {
    /// The user, and the times of its quarantines.
    pub beginning: Beginning,
    /// The entities in its part.
    pub known: CaseGraph,
}

impl UserCase {
    /// Returns its events, each with its link to the user's part.
    pub fn events<'a>(
        &'a self,
        all: &'a [CaseEvent],
        window: Window,
    ) -> impl Iterator<Item = (&'a CaseEvent, Link<'a>)> {
        all.iter().filter_map(move |event| {
            let time = event.alert.time();
            if !self.beginning.is_near(time, window) {
                return None;
            }
            Some((event, self.known.tie(&event.story.traces, time)?))
        })
    }
}

/// Divides events among the users that a case began with. An event that is not near any of them, or is not linked to a
/// user that it is near, is removed. The events are returned in the order of their times.
pub(super) fn divide(
    all: BTreeMap<EventKey, Sighted>,
    beginnings: &[Beginning],
    window: Window,
    hops_max: u32,
) -> (Vec<CaseEvent>, Vec<UserCase>) {
    let mut ties: BTreeMap<&EventKey, (Role, u32, &'static str, Option<i64>)> = BTreeMap::new();
    let mut users = Vec::new();
    for beginning in beginnings {
        let near = || {
            let is_near = |seen: &Sighted| beginning.is_near(seen.alert.time(), window);
            let near = all.iter().filter(move |(_, seen)| is_near(seen));
            near.map(|(key, seen)| (key, &seen.story, seen.alert.time()))
        };
        let mut known = CaseGraph::new(hops_max);
        known.begin_with(beginning.entity.clone());
        known.learn_all(near().map(|(_, story, time)| (&story.traces, time)));
        for (key, story, time) in near() {
            let Some(tie) = known.tie(&story.traces, time) else {
                continue;
            };
            let minutes = beginning.minutes(time);
            let tied = (tie.part, tie.hops, relation(story, tie), minutes);
            let nearest = ties.entry(key).or_insert(tied);
            *nearest = tied.min(*nearest);
        }
        users.push(UserCase {
            beginning: beginning.clone(),
            known,
        });
    }
    let ties: BTreeMap<EventKey, _> = ties.into_iter().map(|(k, v)| (k.clone(), v)).collect();
    let events = all.into_iter().filter_map(|(key, seen)| {
        let (_, hops, relation, minutes_from_alert) = *ties.get(&key)?;
        Some(CaseEvent {
            relation,
            hops,
            minutes_from_alert,
            n_sightings: seen.n(),
            alert: seen.alert,
            story: seen.story,
        })
    });
    let mut events: Vec<CaseEvent> = events.collect();
    events.sort_by_cached_key(|event| (event.alert.time(), event_key(&event.alert)));
    (events, users)
}

/// Returns the reason why an event belongs to a case, in a word.
fn relation(story: &CaseDetails, tie: Link<'_>) -> &'static str {
    match story.quarantine {
        Some(Quarantine::Made) => return QUARANTINE,
        Some(Quarantine::Beside(relation)) => return relation.name(),
        None => {}
    }
    let is_session = match tie.entity.kind {
        Kind::AccessKey => is_of_session(tie.entity),
        kind => kind == Kind::ConsoleSession,
    };
    match (tie.part, tie.hops) {
        (Role::By, 0) => "by_user",
        (Role::By, _) if is_session => "by_session",
        (Role::By, _) => "by_made",
        (Role::On, 0) => "to_user",
        (Role::On, _) => "to_made",
        (Role::Made, _) => "made",
        (Role::Given, _) => "given",
    }
}

/// The relation of an event that made a quarantine.
pub(super) const QUARANTINE: &str = "quarantine";

/// Returns whether a key is that of a session: AWS gives these keys this prefix (IAM user guide, "Unique identifiers").
pub(super) fn is_of_session(key: &Entity) -> bool {
    key.name.starts_with("ASIA")
}
