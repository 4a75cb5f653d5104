//! A user's events in the order of time, within the windows of its quarantines and after them.

use jiff::Timestamp;

use crate::case::{Case, CaseEvent, UserCase, is_by};
use crate::follow::{Entity, Kind, Link, Quarantine};

/// An event of a user.
#[derive(Debug, Clone, Copy)]
pub(in crate::case) struct OwnEvent<'a> {
    pub(in crate::case) event: &'a CaseEvent,
    pub(in crate::case) link: Link<'a>,
    /// True if it came after the windows of the user's quarantines.
    pub(in crate::case) is_later: bool,
}

impl OwnEvent<'_> {
    /// Returns whether the user, or something that it led to, acted, and not AWS in its name.
    pub(in crate::case) fn is_done(&self) -> bool {
        is_by(self.link, &self.event.alert)
    }

    pub(in crate::case) fn is_refused(&self) -> bool {
        self.event.story.error_code.is_some()
    }
}

/// The events of a user.
pub(in crate::case) struct Timeline<'a> {
    /// The user. It is another entity if the case began with one whose user is not known.
    pub(in crate::case) user: &'a Entity,
    /// The time of the first quarantine.
    pub(in crate::case) quarantined: Option<Timestamp>,
    /// The events, in the order of time. Events without a time come first.
    pub(in crate::case) all: Vec<OwnEvent<'a>>,
}

impl<'a> Timeline<'a> {
    pub(in crate::case) fn new(case: &'a Case, user: &'a UserCase) -> Self {
        Self::of(user, &case.events, user.later(case))
    }

    /// Returns the timeline of a user in a case that is not complete yet.
    pub(in crate::case) fn of(
        user: &'a UserCase,
        events: &'a [CaseEvent],
        later: impl Iterator<Item = (&'a CaseEvent, Link<'a>)>,
    ) -> Self {
        let own = |is_later| {
            move |(event, link)| OwnEvent {
                event,
                link,
                is_later,
            }
        };
        let near = user.events(events).map(own(false));
        let mut all: Vec<OwnEvent<'a>> = near.chain(later.map(own(true))).collect();
        all.sort_by_key(|one| one.event.alert.time());
        let mut timeline = Self {
            user: user.beginning.subject(),
            quarantined: user.beginning.quarantined(),
            all,
        };
        let mut made = timeline.all.iter().filter(|one| {
            let is_made = one.event.story.quarantine == Some(Quarantine::Made);
            is_made && timeline.is_about_user(one.event)
        });
        let first = made.find_map(|one| one.event.alert.time());
        timeline.quarantined = timeline.quarantined.or(first);
        timeline
    }

    /// Returns whether an entity is the user itself.
    pub(in crate::case) fn is_user(&self, entity: &Entity) -> bool {
        is_user(self.user, entity)
    }

    /// Returns whether the event acted on this user. Always true if the user of the case is not known.
    pub(in crate::case) fn is_about_user(&self, event: &CaseEvent) -> bool {
        is_among(self.user, &event.story.traces.on)
    }

    /// Returns whether a time is at the first quarantine or after it.
    pub(in crate::case) fn is_after(&self, time: Option<Timestamp>) -> bool {
        let at = time.zip(self.quarantined);
        at.is_some_and(|(time, quarantined)| time >= quarantined)
    }
}

/// Returns whether an entity is the user of a case.
fn is_user(user: &Entity, entity: &Entity) -> bool {
    let is_in_account = user.account.is_empty() || entity.account == user.account;
    entity.kind == Kind::User && entity.name == user.name && is_in_account
}

/// Returns whether the user of a case is among these entities. Always true if the user is not known.
pub(in crate::case) fn is_among(user: &Entity, entities: &[Entity]) -> bool {
    user.kind != Kind::User || entities.iter().any(|one| is_user(user, one))
}
