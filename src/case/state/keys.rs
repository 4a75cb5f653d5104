//! The keys of a user and of what it led to, with their state at the end of the log.

use std::collections::BTreeMap;
use std::mem::discriminant;

use super::latest::{Doubt, Latest};
use super::quarantine::lifted;
use super::timeline::{OwnEvent, Timeline};
use crate::case::owners::owned;
use crate::case::users::is_of_session;
use crate::case::{CaseEvent, Seen, UserCase};
use crate::follow::{Entity, Kind};
use crate::output::Column;

/// A key, and its state at the end of the log.
#[derive(Debug, Clone)]
pub struct KeyState<'a> {
    /// The key.
    pub key: &'a Entity,
    /// The user that the key belongs to, if an event names it.
    pub owner: Option<&'a Entity>,
    /// The first event in which the key was used.
    pub first: Option<&'a CaseEvent>,
    /// The event that created the key.
    pub made: Option<&'a CaseEvent>,
    /// Its events, near the quarantines and later.
    pub seen: Seen,
    /// Its events after the quarantine was lifted.
    pub since_lifted: Seen,
    /// Its state at the end of the log.
    pub end: KeyEnd<'a>,
}

/// The state of a key at the end of the log, with the event that shows it.
#[derive(Debug, Clone, Copy)]
pub enum KeyEnd<'a> {
    /// Nothing shows that it was deactivated or deleted.
    Active,
    /// It was deactivated, and activated again.
    ActiveAgain(&'a CaseEvent),
    /// It was deactivated.
    Inactive(&'a CaseEvent),
    /// It was deleted.
    Deleted(&'a CaseEvent),
    /// Its user was deleted.
    UserDeleted(&'a CaseEvent),
    /// It is the key of a session, which ends by itself.
    OfSession,
    /// It was changed several times, and the order of the changes is not known.
    Unclear(Doubt),
}

impl KeyState<'_> {
    /// Returns whether it is not the key of a session.
    #[must_use]
    pub fn is_long_term(&self) -> bool {
        !is_of_session(self.key)
    }
}

impl<'a> KeyEnd<'a> {
    /// Returns whether a long-term key may still be used at the end of the log, as far as the log shows.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self, Self::Active | Self::ActiveAgain(_) | Self::Unclear(_))
    }

    /// Returns the event that shows the state.
    #[must_use]
    pub fn event(&self) -> Option<&'a CaseEvent> {
        match self {
            Self::ActiveAgain(event)
            | Self::Inactive(event)
            | Self::Deleted(event)
            | Self::UserDeleted(event) => Some(event),
            Self::Active | Self::OfSession | Self::Unclear(_) => None,
        }
    }
}

/// A key while the events are read.
struct Reading<'a> {
    state: KeyState<'a>,
    end: Latest<KeyEnd<'a>>,
}

/// Returns the keys of a user and of what it led to. The keys used most come first.
pub(super) fn keys<'a>(user: &'a UserCase, timeline: &Timeline<'a>) -> Vec<KeyState<'a>> {
    let known = user.known.entities().map(|(entity, _)| entity);
    let known = known.filter(|one| one.kind == Kind::AccessKey);
    // A key that was never used is named only by what was done to it.
    let named = timeline
        .all
        .iter()
        .flat_map(|one| owned(&one.event.alert, &one.event.story));
    let named = named.filter(|(_, owner)| user.known.reach(owner).is_some());
    // The key of a session that no event gives out is named only where it is used.
    let acting = timeline.all.iter().filter(|one| one.is_done());
    let acting = acting.flat_map(|one| &one.event.story.traces.actors);
    let acting = acting.filter(|one| one.kind == Kind::AccessKey);
    let known = known.chain(named.map(|(key, _)| key)).chain(acting);
    let mut readings: BTreeMap<&Entity, Reading<'a>> =
        known.map(|key| (key, Reading::new(key))).collect();
    let mut of_user: BTreeMap<&Entity, Vec<&Entity>> = BTreeMap::new();
    let lifted = lifted(timeline);
    for one in &timeline.all {
        let event = one.event;
        for (key, owner) in owned(&event.alert, &event.story) {
            if let Some(reading) = readings
                .get_mut(key)
                .filter(|one| one.state.owner.is_none())
            {
                reading.state.owner = Some(owner);
                of_user.entry(owner).or_default().push(key);
            }
        }
        for actor in &event.story.traces.actors {
            if let Some(reading) = readings.get_mut(actor) {
                let state = &mut reading.state;
                state.first.get_or_insert(event);
                // Of later use not all events are here, but their number.
                if !one.is_later {
                    state.seen.add(event.alert.time(), one.is_refused());
                    if lifted.is_some_and(|lifted| event.alert.time() > Some(lifted)) {
                        state.since_lifted.add(event.alert.time(), one.is_refused());
                    }
                }
            }
        }
        if one.is_refused() {
            continue;
        }
        for key in &event.story.traces.made {
            if let Some(reading) = readings.get_mut(key) {
                reading.state.made = Some(event);
            }
        }
        for on in &event.story.traces.on {
            let Some(end) = changed(one, on) else {
                continue;
            };
            let of_user = of_user.get(on).into_iter().flatten().copied();
            for key in of_user.chain([on]) {
                if let Some(reading) = readings.get_mut(key) {
                    reading.change(event, end);
                }
            }
        }
    }
    for later in &user.uses {
        if let Some(reading) = readings.get_mut(&later.entity) {
            reading.state.seen.join(&later.seen);
            reading.state.since_lifted.join(&later.since_lifted);
        }
    }
    let mut keys: Vec<KeyState<'a>> = readings.into_values().map(Reading::finish).collect();
    keys.sort_by(|a, b| {
        let by_use = b.seen.n_events.cmp(&a.seen.n_events);
        by_use.then_with(|| a.key.cmp(b.key))
    });
    keys
}

impl<'a> Reading<'a> {
    fn new(key: &'a Entity) -> Self {
        let end = match is_of_session(key) {
            true => KeyEnd::OfSession,
            false => KeyEnd::Active,
        };
        Self {
            state: KeyState {
                key,
                owner: None,
                first: None,
                made: None,
                seen: Seen::default(),
                since_lifted: Seen::default(),
                end,
            },
            end: Latest::new(end),
        }
    }

    fn change(&mut self, event: &'a CaseEvent, end: KeyEnd<'a>) {
        // A deleted key cannot come back, whatever else is done.
        if !matches!(self.end.last(), KeyEnd::OfSession | KeyEnd::Deleted(_)) {
            let is_same = |a: &KeyEnd<'_>, b: &KeyEnd<'_>| discriminant(a) == discriminant(b);
            self.end.set(end, event.alert.time(), is_same);
        }
    }

    fn finish(mut self) -> KeyState<'a> {
        let end = self.end.last();
        let is_gone = matches!(end, KeyEnd::Deleted(_) | KeyEnd::UserDeleted(_));
        let doubt = self.end.doubt().filter(|_| !is_gone);
        self.state.end = doubt.map_or(end, KeyEnd::Unclear);
        self.state
    }
}

/// Returns the state of a key after an event that was not refused, if the event changed it. `on` is the key, or its
/// user.
fn changed<'a>(one: &OwnEvent<'a>, on: &Entity) -> Option<KeyEnd<'a>> {
    let event = one.event;
    let call = event.alert.text(Column::EventAction)?;
    match (on.kind, call, event.story.key_status.as_deref()) {
        (Kind::AccessKey, "DeleteAccessKey", _) => Some(KeyEnd::Deleted(event)),
        (Kind::AccessKey, "UpdateAccessKey", Some("Inactive")) => Some(KeyEnd::Inactive(event)),
        (Kind::AccessKey, "UpdateAccessKey", Some("Active")) => Some(KeyEnd::ActiveAgain(event)),
        (Kind::User, "DeleteUser", _) => Some(KeyEnd::UserDeleted(event)),
        _ => None,
    }
}
