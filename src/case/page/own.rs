//! A user's own part of a case, in the form that the page needs.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::case::{Case, CaseEvent, UserCase, is_done};
use crate::follow::{Entity, Kind, Link, Quarantine};
use crate::output::Column;
use crate::report::Relation;

/// A user's events, each with its link to the user.
pub(super) struct Own<'a> {
    user: &'a Entity,
    pub(super) events: Vec<(&'a CaseEvent, Link<'a>)>,
    /// The time of the first quarantine.
    pub(super) quarantined: Option<Timestamp>,
    /// The start of the time range that was searched, if there was such a limit.
    pub(super) since: Option<Timestamp>,
    /// The end of that time range.
    pub(super) until: Option<Timestamp>,
    pub(super) countries: &'a BTreeMap<String, String>,
}

/// The state of a user's quarantine, as far as an archive shows it.
#[derive(Clone, Copy)]
pub(super) enum Standing<'a> {
    NeverSeen,
    Quarantined,
    /// The event that detached the last version of the policy.
    Lifted(&'a CaseEvent),
    /// A version was detached, but it is not known whether that was before or after it was attached.
    Unclear,
}

/// The name in a log for AWS itself when it acts in the name of a user.
pub(super) const AWS: &str = "AWS Internal";

impl<'a> Own<'a> {
    pub(super) fn new(case: &'a Case, user: &'a UserCase) -> Self {
        let mut own = Self {
            user: &user.beginning.entity,
            events: user.events(&case.events, case.about.window).collect(),
            quarantined: user.beginning.quarantined(),
            since: None,
            until: None,
            countries: &case.about.countries,
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
        let first = own.quarantines().find_map(|event| event.alert.time());
        own.quarantined = own.quarantined.or(first);
        own
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &'a CaseEvent> + '_ {
        self.events.iter().map(|(event, _)| *event)
    }

    /// Returns whether the event acted on this user. Always true if the case began with a key or a role, because the
    /// user is not known then.
    pub(super) fn is_about_user(&self, event: &CaseEvent) -> bool {
        let is_user = |one: &Entity| {
            let is_in_account = self.user.account.is_empty() || one.account == self.user.account;
            one.kind == Kind::User && one.name == self.user.name && is_in_account
        };
        self.user.kind != Kind::User || event.story.traces.on.iter().any(is_user)
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

    /// Returns the state of the quarantine, from the versions of the policy that were attached and not detached later.
    pub(super) fn standing(&self) -> Standing<'a> {
        // Versions of the policy, each in its account.
        let mut attached: BTreeSet<(&str, &str)> = BTreeSet::new();
        let (mut was_attached, mut was_detached) = (false, false);
        let (mut lifted, mut is_unclear) = (None, false);
        for event in self.all().filter(|event| self.is_about_user(event)) {
            let text = |column| event.alert.text(column).unwrap_or_default();
            let policy = (text(Column::RecipientAccountId), text(Column::PolicyName));
            match event.story.quarantine {
                Some(Quarantine::Made) => {
                    was_attached = true;
                    is_unclear |= event.alert.time().is_none();
                    attached.insert(policy);
                }
                Some(Quarantine::Beside(Relation::Detach)) if event.story.error_code.is_none() => {
                    was_detached = true;
                    is_unclear |= event.alert.time().is_none();
                    if attached.remove(&policy) && attached.is_empty() {
                        lifted = Some(event);
                    }
                }
                _ => {}
            }
        }
        match (was_attached, attached.is_empty(), lifted) {
            (false, ..) => Standing::NeverSeen,
            // A version was detached before or after it was attached.
            _ if is_unclear && was_detached => Standing::Unclear,
            (true, true, Some(event)) => Standing::Lifted(event),
            _ => Standing::Quarantined,
        }
    }

    /// Returns the events done by the user and by what it led to, but not the quarantines that AWS made in its name.
    pub(super) fn done(&self) -> impl Iterator<Item = &'a CaseEvent> + '_ {
        let done = self.events.iter().filter(|(event, tie)| {
            let is_of_aws = event.alert.text(Column::InvokedBy) == Some(AWS);
            is_done(*tie) && !(is_of_aws && event.story.quarantine.is_some())
        });
        done.map(|(event, _)| *event)
    }

    pub(super) fn is_before(&self, event: &CaseEvent) -> bool {
        self.quarantined
            .is_some_and(|at| event.alert.time().is_some_and(|time| time < at))
    }
}
