//! A user's own part of a case, in the form that the page needs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::clock::Clock;
use crate::case::state::timeline::is_among;
use crate::case::state::{Attributed, Party, UserState, Why};
use crate::case::{About, Case, CaseEvent, Finding, Neighbour, Seen, UserCase};
use crate::follow::{Entity, Kind, Quarantine};
use crate::output::Column;

/// A user's events, each with whose call it was.
pub(super) struct Own<'a> {
    user: &'a Entity,
    /// The state of the user at the end of the log.
    pub(super) state: &'a UserState<'a>,
    /// The time of the first quarantine.
    pub(super) quarantined: Option<Timestamp>,
    /// The start of the time range that was searched, if there was such a limit.
    pub(super) since: Option<Timestamp>,
    /// The end of that time range.
    pub(super) until: Option<Timestamp>,
    /// True if the case began with a key, whose calls belong to it at all times.
    pub(super) is_begun_with_key: bool,
    /// The user's calls after the time range of the case.
    pub(super) later_use: Seen,
    /// The metadata of the case.
    pub(super) about: &'a About,
    pub(super) countries: &'a BTreeMap<String, String>,
    /// Other identities at addresses of the case.
    pub(super) neighbours: &'a [Neighbour],
    pub(super) clock: &'a Clock,
}

/// When an event was, as seen from the first quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    Before,
    FromThenOn,
    /// The time of the event or of the quarantine cannot be read.
    Unknown,
}

impl<'a> Own<'a> {
    pub(super) fn new(
        case: &'a Case,
        user: &'a UserCase,
        state: &'a UserState<'a>,
        clock: &'a Clock,
    ) -> Self {
        let mut own = Self {
            user: user.beginning.subject(),
            state,
            quarantined: state.quarantined,
            since: None,
            until: None,
            is_begun_with_key: user.beginning.entity.kind == Kind::AccessKey,
            later_use: later_use(user),
            about: &case.about,
            countries: &case.about.countries,
            neighbours: &case.neighbours,
            clock,
        };
        let times = user.beginning.quarantines.as_deref().unwrap_or_default();
        let about = &case.about;
        let begins = times
            .first()
            .and_then(|time| time.checked_sub(about.window.before).ok());
        let ends = times
            .last()
            .and_then(|time| time.checked_add(about.window.after).ok());
        own.since = begins.max(about.since);
        own.until = ends.into_iter().chain(about.until).min();
        own
    }

    /// Returns the user. It is another entity if the case began with one whose user is not known.
    pub(super) fn user(&self) -> &'a Entity {
        self.user
    }

    /// Returns all events up to the end of the log, each with whose call it was.
    pub(super) fn attributed(&self) -> impl Iterator<Item = &'a Attributed<'a>> + '_ {
        self.state.events.iter()
    }

    /// Returns the events near the quarantines.
    pub(super) fn all(&self) -> impl Iterator<Item = &'a CaseEvent> + '_ {
        let near = self.attributed().filter(|one| !one.is_later);
        near.map(|one| one.event)
    }

    /// Returns words about whose call an event was, to be put after its actor: if it is an intruder's, or may be.
    pub(super) fn doubt_about(&self, event: &CaseEvent) -> &'static str {
        match self.state.by(event).map(|by| by.party) {
            Some(Party::Intruder) => " (the intruder)",
            Some(Party::Unknown) => " (the user, the intruder or somebody else: not known)",
            _ => "",
        }
    }

    /// Returns the accounts that the user's events are in, and those that its keys and sessions lead to.
    pub(super) fn accounts(&self) -> BTreeSet<String> {
        let mut accounts: BTreeSet<String> =
            self.account().map(str::to_owned).into_iter().collect();
        let answered = self.attributed().map(|one| one.event);
        for event in answered.filter(|event| event.story.error_code.is_none()) {
            let columns = [Column::AccountId, Column::RecipientAccountId];
            let texts = columns.into_iter().filter_map(|one| event.alert.text(one));
            accounts.extend(texts.map(str::to_owned));
            let given = event.story.traces.given.iter();
            let roles = given.filter_map(|one| Entity::role_of_session(&one.name));
            accounts.extend(roles.map(|role| role.account));
        }
        accounts
    }

    /// Returns the account of the user, if it is known.
    pub(super) fn account(&self) -> Option<&'a str> {
        Some(self.user.account.as_str()).filter(|account| !account.is_empty())
    }

    /// Returns whether this user itself acted. Always true if the case began with a key or a role.
    pub(super) fn is_by_user(&self, event: &CaseEvent) -> bool {
        is_among(self.user, &event.story.traces.actors)
    }

    /// Returns whether the event acted on this user. Always true if the case began with a key or a role, because the
    /// user is not known then.
    pub(super) fn is_about_user(&self, event: &CaseEvent) -> bool {
        is_among(self.user, &event.story.traces.on)
    }

    /// Returns the events that quarantined the user, in the order of time.
    pub(super) fn quarantines(&self) -> impl Iterator<Item = &'a CaseEvent> + '_ {
        let made = self
            .all()
            .filter(|event| event.story.quarantine == Some(Quarantine::Made));
        made.filter(|event| self.is_about_user(event))
    }

    /// Returns the event at the time of the first quarantine, or otherwise the first event that quarantined the user.
    pub(super) fn quarantine(&self) -> Option<&'a CaseEvent> {
        let mut made = self.quarantines();
        let at_the_time = made.find(|event| event.alert.time() == self.quarantined);
        at_the_time.or_else(|| self.quarantines().next())
    }

    /// Returns the events done by the user and by what it led to, but not what AWS itself did in its name.
    pub(super) fn done(&self) -> impl Iterator<Item = &'a CaseEvent> + '_ {
        let done = self
            .attributed()
            .filter(|one| !one.is_later && one.is_done());
        done.map(|one| one.event)
    }

    /// Returns the same up to the end of the log. Of plain use after the windows only the first few events are there.
    pub(super) fn done_to_the_end(&self) -> impl Iterator<Item = &'a Attributed<'a>> + '_ {
        self.attributed().filter(|one| one.is_done())
    }

    /// Returns the events done up to the end of the log that are an intruder's, and those that may be: see
    /// [`Party`]. A call across accounts is in the logs of both, and counts once.
    pub(super) fn of_intruder(&self) -> impl Iterator<Item = &'a Attributed<'a>> + '_ {
        let done = self.done_to_the_end();
        done.filter(|one| one.by.party.may_be_intruder())
    }

    /// Returns whether a person attached the policy, and no use of a key looks foreign.
    pub(super) fn is_false_alarm(&self) -> bool {
        self.state.leak.finding == Finding::NotByAws
    }

    /// Returns whether nothing separates calls of an intruder from those of the user.
    pub(super) fn has_nothing_foreign(&self) -> bool {
        let mut done = self.done_to_the_end();
        done.any(|one| one.by.why == Why::NothingForeign)
    }

    pub(super) fn when(&self, event: &CaseEvent) -> When {
        match self.quarantined.zip(event.alert.time()) {
            Some((quarantined, time)) if time < quarantined => When::Before,
            Some(_) => When::FromThenOn,
            None => When::Unknown,
        }
    }
}

/// Returns the calls of the user itself after the time range of the case.
fn later_use(user: &UserCase) -> Seen {
    let subject = user.beginning.subject();
    let own = user.uses.iter().find(|later| later.entity == *subject);
    own.map(|later| later.seen.clone()).unwrap_or_default()
}
