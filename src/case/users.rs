//! Each user's own part of a case: what the events near its quarantines lead to.

use std::collections::BTreeMap;

use super::Case;
use super::beginning::{Beginning, Window};
use super::collected::{EventKey, Sighted};
use super::index::EventIndex;
use super::later::changes_state;
use super::seen::Seen;
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
    /// The use of these entities after the windows of its quarantines.
    pub uses: Vec<LaterUse>,
    /// The places of its events among those of the case.
    events: Vec<usize>,
    /// The places of later events, in the order of time.
    later: Vec<Place>,
}

/// The place of a later event: it may be in the window of another user's quarantine.
#[derive(Debug, Clone, Copy)]
enum Place {
    Event(usize),
    Later(usize),
}

/// The use of an entity after the windows of a user's quarantines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaterUse {
    /// The entity that acted.
    pub entity: Entity,
    /// Its later events.
    pub seen: Seen,
    /// Those of them that came after the quarantine was lifted.
    pub since_lifted: Seen,
}

impl UserCase {
    /// Returns the places of its events among those of the case, in order.
    #[must_use]
    pub fn positions(&self) -> &[usize] {
        &self.events
    }

    /// Returns its events, each with its link to the user's part.
    pub fn events<'a>(
        &'a self,
        all: &'a [CaseEvent],
    ) -> impl Iterator<Item = (&'a CaseEvent, Link<'a>)> {
        let own = self.events.iter().filter_map(|at| all.get(*at));
        own.filter_map(|event| self.linked(event))
    }

    /// Returns the events after the windows of its quarantines that show how it ended, each with its link to the user's
    /// part. Of plain use these are only the first few.
    pub fn later<'a>(&'a self, case: &'a Case) -> impl Iterator<Item = (&'a CaseEvent, Link<'a>)> {
        self.later_among(&case.events, &case.later)
    }

    /// Returns the same for a case that is not complete yet.
    pub(super) fn later_among<'a>(
        &'a self,
        events: &'a [CaseEvent],
        later: &'a [CaseEvent],
    ) -> impl Iterator<Item = (&'a CaseEvent, Link<'a>)> {
        let own = self.later.iter().filter_map(|place| match place {
            Place::Event(at) => events.get(*at),
            Place::Later(at) => later.get(*at),
        });
        own.filter_map(|event| self.linked(event))
    }

    fn linked<'a>(&'a self, event: &'a CaseEvent) -> Option<(&'a CaseEvent, Link<'a>)> {
        let link = self.known.tie(&event.story.traces, event.alert.time())?;
        Some((event, link))
    }
}

/// The events of a case, divided among its users.
#[derive(Debug, Default)]
pub(super) struct Divided {
    /// The events near a quarantine, in the order of their times.
    pub(super) events: Vec<CaseEvent>,
    /// Events that show how the case ended, in the order of their times.
    pub(super) later: Vec<CaseEvent>,
    pub(super) users: Vec<UserCase>,
}

/// An event to be divided.
struct Divisible {
    key: EventKey,
    seen: Sighted,
    /// True if it is kept also if it is near no quarantine.
    is_kept: bool,
}

/// How an event belongs to a case: the nearest link of any user.
type Tied = (Role, u32, &'static str, Option<i64>);

/// Divides events among the users that a case began with. An event that is not near any of them, or is not linked to a
/// user that it is near, is removed, unless it came later, is linked to that user, and changes a state or is in `later`.
pub(super) fn divide(
    within: BTreeMap<EventKey, Sighted>,
    later: BTreeMap<EventKey, Sighted>,
    beginnings: &[Beginning],
    window: Window,
    hops_max: u32,
) -> Divided {
    let all = listed(within, later);
    let index = EventIndex::new(all.iter().map(|one| &one.seen.story.traces));
    let mut near_ties: Vec<Option<Tied>> = vec![None; all.len()];
    let mut later_ties = near_ties.clone();
    let mut parts = Vec::new();
    for beginning in beginnings {
        let begins = || {
            [Some(&beginning.entity), beginning.owner.as_ref()]
                .into_iter()
                .flatten()
        };
        let is_near = |at: usize| {
            let seen = &all[at].seen;
            beginning.is_near(seen.alert.time(), window) || beginning.is_by_key(&seen.story.traces)
        };
        let reachable = index.reachable(begins(), &is_near);
        let mut known = CaseGraph::new(hops_max);
        for entity in begins() {
            known.begin_with(entity.clone());
        }
        let near = reachable.iter().filter(|at| is_near(**at));
        let near = near.map(|at| (&all[*at].seen.story.traces, all[*at].seen.alert.time()));
        known.learn_all(near);
        let (mut events, mut later) = (Vec::new(), Vec::new());
        for at in reachable {
            let event = &all[at];
            let (story, time) = (&event.seen.story, event.seen.alert.time());
            let Some(tie) = known.tie(&story.traces, time) else {
                continue;
            };
            let minutes = beginning.minutes(time);
            let tied = (tie.part, tie.hops, relation(story, tie), minutes);
            let nearest = match is_near(at) {
                true => {
                    events.push(at);
                    &mut near_ties[at]
                }
                false if event.is_kept && beginning.is_later(time, window) => {
                    later.push(at);
                    &mut later_ties[at]
                }
                false => continue,
            };
            *nearest = Some(nearest.map_or(tied, |nearest| tied.min(nearest)));
        }
        parts.push(UserPart {
            beginning: beginning.clone(),
            known,
            events,
            later,
        });
    }
    let ties = near_ties.into_iter().zip(later_ties);
    placed(all.into_iter().zip(ties), parts)
}

/// A user's part, with its events by their places in the list of all events.
struct UserPart {
    beginning: Beginning,
    known: CaseGraph,
    events: Vec<usize>,
    later: Vec<usize>,
}

/// Gives each event that belongs to a user its place: among those near a quarantine if it is near any, otherwise among
/// the later ones.
fn placed(
    all: impl Iterator<Item = (Divisible, (Option<Tied>, Option<Tied>))>,
    parts: Vec<UserPart>,
) -> Divided {
    let mut places: Vec<Option<Place>> = Vec::new();
    let mut divided = Divided::default();
    for (event, ties) in all {
        let (events, later) = (&mut divided.events, &mut divided.later);
        let (n_events, n_later) = (events.len(), later.len());
        let (to, tied, place) = match ties {
            (Some(tied), _) => (events, tied, Place::Event(n_events)),
            (None, Some(tied)) => (later, tied, Place::Later(n_later)),
            (None, None) => {
                places.push(None);
                continue;
            }
        };
        let (_, hops, relation, minutes_from_alert) = tied;
        places.push(Some(place));
        to.push(CaseEvent {
            relation,
            hops,
            minutes_from_alert,
            n_sightings: event.seen.n(),
            alert: event.seen.alert,
            story: event.seen.story,
        });
    }
    let place = |at: usize| places.get(at).copied().flatten();
    let users = parts.into_iter().map(|part| {
        let events = part.events.into_iter().filter_map(place);
        let events = events.map(|(Place::Event(at) | Place::Later(at))| at);
        UserCase {
            beginning: part.beginning,
            known: part.known,
            uses: Vec::new(),
            events: events.collect(),
            later: part.later.into_iter().filter_map(place).collect(),
        }
    });
    divided.users = users.collect();
    divided
}

/// Returns all events in the order of their times, and of their keys.
fn listed(
    within: BTreeMap<EventKey, Sighted>,
    mut later: BTreeMap<EventKey, Sighted>,
) -> Vec<Divisible> {
    let within = within.into_iter().map(|(key, seen)| {
        let is_sample = later.remove(&key).is_some();
        let is_kept = is_sample || changes_state(&seen.alert, &seen.story);
        (key, seen, is_kept)
    });
    let within: Vec<_> = within.collect();
    let later = later.into_iter().map(|(key, seen)| (key, seen, true));
    let all = within.into_iter().chain(later);
    let all = all.map(|(key, seen, is_kept)| Divisible { key, seen, is_kept });
    let mut all: Vec<Divisible> = all.collect();
    all.sort_by(|a, b| (a.seen.alert.time(), &a.key).cmp(&(b.seen.alert.time(), &b.key)));
    all
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::testing::{TestEvent, case_of, window};
    use crate::steps;

    /// Returns a quarantine of each user, and calls of each.
    fn events(n_users: usize, n_calls: usize) -> Vec<TestEvent> {
        let mut events = Vec::new();
        for n in 0..n_users {
            let (user, key) = (format!("user-{n}"), format!("AKIAEXAMPLE{n:09}"));
            let day = 1 + n % 20;
            events.push(TestEvent::quarantine(
                &user,
                &format!("2024-05-{day:02}T12:00:00Z"),
            ));
            for nth in 0..n_calls {
                let time = format!("2024-05-{day:02}T13:{:02}:00Z", nth % 60);
                events.push(TestEvent::call(&user, &key, "s3", "ListBuckets", &time));
            }
        }
        events
    }

    #[test]
    fn the_work_grows_with_the_events_and_not_with_users_times_events() {
        let steps = |n_users, n_calls| {
            let events = events(n_users, n_calls);
            let n_events = events.len();
            let (n_steps, case) = steps::count(|| {
                let case = case_of(events);
                let n_own: usize = case
                    .users
                    .iter()
                    .map(|user| user.events(&case.events).count())
                    .sum();
                assert_eq!(n_own, n_events);
                case
            });
            assert_eq!((case.users.len(), case.events.len()), (n_users, n_events));
            n_steps / n_events as u64
        };
        let few = steps(10, 20);
        assert!(few < 50, "{few} steps an event");
        for (n_users, n_calls) in [(200, 20), (10, 400), (800, 1)] {
            let many = steps(n_users, n_calls);
            assert!(many <= few + 10, "{n_users} x {n_calls}: {many}, {few}");
        }
    }

    #[test]
    fn a_user_of_any_account_has_the_events_of_all_accounts() {
        let mut events = BTreeMap::new();
        for account in ["111122223333", "444455556666"] {
            let mut event = TestEvent::call(
                "bob",
                "AKIAEXAMPLE",
                "s3",
                "ListBuckets",
                "2024-05-01T12:00:00Z",
            );
            event.account = account.to_owned();
            let (key, seen) = event.sighted(events.len());
            events.insert(key, seen);
        }
        let beginning = Beginning {
            entity: Entity::by_name(Kind::User, "bob"),
            owner: None,
            quarantines: None,
        };
        let divided = divide(events, BTreeMap::new(), &[beginning], window(), 8);
        let n_own = divided.users[0].events(&divided.events).count();
        assert_eq!((divided.events.len(), n_own), (2, 2));
    }
}
