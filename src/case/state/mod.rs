//! The state of each user at the end of the log: its quarantine, its keys, and what was made.
//!
//! In: a case. Out: a [`UserState`] for each user, which the page and other outputs only show. Events after the windows
//! of the quarantines count for the state: see [`Case::later`].

mod attribution;
pub(in crate::case) mod effects;
pub(in crate::case) mod keys;
mod made;
mod latest;
mod opened;
mod quarantine;
mod sessions;
pub(in crate::case) mod timeline;
mod uses;
pub(in crate::case) mod ways;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::ptr::from_ref;

use jiff::Timestamp;

use super::leak::{AddressUsers, Leak, leak};
use super::{Case, CaseEvent, UserCase};
use crate::follow::{Entity, Kind};
use crate::output::Column;
use made::Trusted;
use timeline::Timeline;

pub use attribution::{Attributed, Attribution, Party, Why};
pub use effects::Change;
pub use keys::{KeyEnd, KeyState};
pub use latest::Doubt;
pub use made::{Fate, MadeThing, Thing};
pub use quarantine::Standing;
pub use sessions::TemporaryKey;
pub(super) use uses::later_uses;
pub use ways::Way;

/// The state of a user at the end of the log.
#[derive(Debug, Clone)]
pub struct UserState<'a> {
    /// The time of the last event that was read, of any user.
    pub log_ends: Option<Timestamp>,
    /// The time of the first quarantine.
    pub quarantined: Option<Timestamp>,
    /// The state of the quarantine.
    pub standing: Standing<'a>,
    /// The keys of the user and of what it led to. The keys used most come first.
    pub keys: Vec<KeyState<'a>>,
    /// Everything that was made, in the order of time.
    pub made: Vec<MadeThing<'a>>,
    /// The outsiders who may take each role by its last trust policy in the log.
    trusted: Trusted<'a>,
    /// The places of the keys in `made`.
    made_keys: BTreeMap<&'a Entity, usize>,
    /// The keys that probably leaked.
    pub leak: Leak<'a>,
    /// The temporary keys that an intruder got, or may have got.
    pub temporary_keys: Vec<TemporaryKey<'a>>,
    /// The events, near its quarantines and later, in the order of time, each with whose call it was.
    pub events: Vec<Attributed<'a>>,
    /// The places of these events, by the addresses of the events in memory.
    places: HashMap<usize, usize>,
    /// The addresses that are foreign to the user, and those of what the intruder made or got.
    pub foreign_addresses: BTreeSet<IpAddr>,
    /// The addresses that the user had before the first foreign use, or before the quarantine.
    pub usual_addresses: BTreeSet<IpAddr>,
    /// The events that acted on the user, near its quarantines and later, in the order of time.
    pub to_user: Vec<&'a CaseEvent>,
}

impl<'a> UserState<'a> {
    /// Returns the long-term keys that may still be used at the end of the log.
    pub fn usable_keys(&self) -> impl Iterator<Item = &KeyState<'a>> {
        let keys = self.keys.iter().filter(|key| key.is_long_term());
        keys.filter(|key| key.end.is_usable())
    }

    /// Returns whether a key is one that probably leaked.
    #[must_use]
    pub fn has_leaked(&self, key: &KeyState<'_>) -> bool {
        self.leak.keys.iter().any(|leaked| leaked.key == key.key)
    }

    /// Returns the keys that probably leaked and were used after the quarantine was lifted.
    pub fn used_since_lifted(&self) -> impl Iterator<Item = &KeyState<'a>> {
        let leaked = self.keys.iter().filter(|key| self.has_leaked(key));
        leaked.filter(|key| key.since_lifted.n_events > 0)
    }

    /// Returns the thing that a key is, if it was made in this case.
    #[must_use]
    pub fn made_key(&self, key: &KeyState<'_>) -> Option<&MadeThing<'a>> {
        self.made.get(*self.made_keys.get(key.key)?)
    }

    /// Returns the outsiders to whom something that was made gives access: accounts by their numbers, others by their
    /// names.
    #[must_use]
    pub fn outsiders_of(&self, made: &MadeThing<'a>) -> Vec<&'a str> {
        match made.thing {
            Thing::Entity(role)
            | Thing::Change {
                what: Change::Trust,
                on: role,
            } => self.trusted.get(role).cloned().unwrap_or_default(),
            Thing::Permission { .. } => opened::outsiders(made.made),
            Thing::Opened { to, .. } if !to.is_empty() => vec![to],
            _ => Vec::new(),
        }
    }

    /// Returns what was made by strangers, or by an unknown maker, and may still be there.
    pub fn left_behind(&self) -> impl Iterator<Item = &MadeThing<'a>> {
        let made = self.made.iter();
        made.filter(|one| one.by.party.may_be_intruder())
            .filter(|one| one.fate.may_be_there())
    }

    /// Returns whose call an event of the user was, and the reason.
    #[must_use]
    pub fn by(&self, event: &CaseEvent) -> Option<Attribution> {
        let place = *self.places.get(&from_ref(event).addr())?;
        self.events.get(place).map(|one| one.by)
    }

    /// Returns the temporary keys that do not end before the end of the log.
    pub fn open_temporary_keys(&self) -> impl Iterator<Item = &TemporaryKey<'a>> {
        let end = self.log_ends;
        let keys = self.temporary_keys.iter();
        keys.filter(move |key| key.ends.zip(end).is_none_or(|(ends, end)| ends > end))
    }

    /// Returns the event that deleted the user, if that is the last that was done of making and deleting it.
    #[must_use]
    pub fn deleted(&self) -> Option<&'a CaseEvent> {
        let is_one = |event: &&&CaseEvent| {
            let call = event.alert.text(Column::EventAction);
            event.story.error_code.is_none() && matches!(call, Some("CreateUser" | "DeleteUser"))
        };
        let last = *self.to_user.iter().rfind(is_one)?;
        (last.alert.text(Column::EventAction) == Some("DeleteUser")).then_some(last)
    }

    /// Returns whether any call is an intruder's.
    #[must_use]
    pub fn has_intruder(&self) -> bool {
        let mut events = self.events.iter();
        events.any(|one| one.by.party == Party::Intruder)
    }
}

/// Returns the state of each user of a case, in their order.
#[must_use]
pub fn states(case: &Case) -> Vec<UserState<'_>> {
    let others = AddressUsers::new(case);
    let states = case.users.iter().map(|user| state(case, user, &others));
    states.collect()
}

fn state<'a>(case: &'a Case, user: &'a UserCase, others: &AddressUsers<'_>) -> UserState<'a> {
    let timeline = Timeline::new(case, user);
    let keys = keys::keys(user, &timeline);
    let begun = &user.beginning.entity;
    let leak = leak(&timeline, begun, &keys, &case.about.countries, others);
    let attributions = attribution::attributions(&timeline, &leak);
    let to_user = timeline.all.iter().map(|one| one.event);
    let to_user = to_user
        .filter(|event| timeline.is_about_user(event))
        .collect();
    let (made, trusted) = made::made(user, &attributions.events);
    let events = attributions.events.iter().enumerate();
    let places = events.map(|(at, one)| (from_ref(one.event).addr(), at));
    UserState {
        log_ends: case.about.log_ends,
        quarantined: timeline.quarantined,
        standing: quarantine::standing(&timeline),
        made_keys: made_keys(&made),
        made,
        trusted,
        places: places.collect(),
        temporary_keys: sessions::temporary_keys(&attributions.events),
        keys,
        leak,
        events: attributions.events,
        foreign_addresses: attributions.foreign,
        usual_addresses: attributions.usual,
        to_user,
    }
}

/// Returns the places of the keys among things that were made; of a key that was made several times, the first.
fn made_keys<'a>(made: &[MadeThing<'a>]) -> BTreeMap<&'a Entity, usize> {
    let mut places = BTreeMap::new();
    for (at, one) in made.iter().enumerate() {
        if let Thing::Entity(entity) = one.thing
            && entity.kind == Kind::AccessKey
        {
            places.entry(entity).or_insert(at);
        }
    }
    places
}

#[cfg(test)]
mod tests;
