//! The state of a user's quarantine at the end of the log.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::timeline::Timeline;
use crate::case::CaseEvent;
use crate::follow::Quarantine;
use crate::output::Column;
use crate::report::Relation;

/// The state of a user's quarantine, as far as the log shows it.
#[derive(Debug, Clone, Copy)]
pub enum Standing<'a> {
    /// No quarantine was seen.
    NeverSeen,
    /// A version of the policy was attached and not detached.
    Quarantined,
    /// The event that detached the last version of the policy.
    Lifted(&'a CaseEvent),
    /// A version was detached, but it is not known whether that was before or after it was attached.
    Unclear,
}

/// Returns the state of the quarantine, from the versions of the policy that were attached and not detached later.
pub(super) fn standing<'a>(timeline: &Timeline<'a>) -> Standing<'a> {
    // Versions of the policy, each in its account.
    let mut attached: BTreeSet<(&str, &str)> = BTreeSet::new();
    let (mut was_attached, mut was_detached) = (false, false);
    let (mut lifted, mut detached, mut is_unclear) = (None, None, false);
    let events = timeline.all.iter().map(|one| one.event);
    for event in events.filter(|event| timeline.is_about_user(event)) {
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
                detached = Some(event);
                is_unclear |= event.alert.time().is_none();
                if attached.remove(&policy) && attached.is_empty() {
                    lifted = Some(event);
                }
            }
            _ => {}
        }
    }
    match (was_attached, attached.is_empty(), lifted) {
        (false, ..) => detached.map_or(Standing::NeverSeen, Standing::Lifted),
        // A version was detached before or after it was attached.
        _ if is_unclear && was_detached => Standing::Unclear,
        (true, true, Some(event)) => Standing::Lifted(event),
        _ => Standing::Quarantined,
    }
}

/// Returns the time at which the quarantine was lifted, if it was.
pub(super) fn lifted(timeline: &Timeline<'_>) -> Option<Timestamp> {
    match standing(timeline) {
        Standing::Lifted(event) => event.alert.time(),
        _ => None,
    }
}
