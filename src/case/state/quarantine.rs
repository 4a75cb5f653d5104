//! The state of a user's quarantine at the end of the log.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::latest::{Doubt, Latest};
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
    Unclear(Doubt),
}

/// Returns the state of the quarantine, from the versions of the policy that were attached and not detached later.
pub(super) fn standing<'a>(timeline: &Timeline<'a>) -> Standing<'a> {
    // Versions of the policy, each in its account, and whether it is attached.
    let mut versions: BTreeMap<(&str, &str), Latest<bool>> = BTreeMap::new();
    let (mut was_attached, mut is_undated) = (false, false);
    let (mut lifted, mut detached) = (None, None);
    let events = timeline.all.iter().map(|one| one.event);
    for event in events.filter(|event| timeline.is_about_user(event)) {
        let is_done = event.story.error_code.is_none();
        let is_attached = match event.story.quarantine {
            Some(Quarantine::Made) => true,
            Some(Quarantine::Beside(Relation::Detach)) if is_done => false,
            _ => continue,
        };
        let text = |column| event.alert.text(column).unwrap_or_default();
        let policy = (text(Column::RecipientAccountId), text(Column::PolicyName));
        let version = versions.entry(policy).or_insert(Latest::new(false));
        let was_on = version.last();
        version.set(is_attached, event.alert.time(), bool::eq);
        is_undated |= event.alert.time().is_none();
        if is_attached {
            was_attached = true;
            continue;
        }
        detached = Some(event);
        if was_on && versions.values().all(|version| !version.last()) {
            lifted = Some(event);
        }
    }
    let mut doubts = versions.values().filter_map(Latest::doubt);
    let is_on = |version: &Latest<bool>| version.last() && version.doubt().is_none();
    match (was_attached, lifted) {
        (false, _) => detached.map_or(Standing::NeverSeen, Standing::Lifted),
        // A version was detached before or after it was attached.
        _ if is_undated && detached.is_some() => Standing::Unclear(Doubt::NoTime),
        _ if versions.values().any(is_on) => Standing::Quarantined,
        (true, lifted) => match (doubts.find(|doubt| *doubt != Doubt::NoTime), lifted) {
            (Some(doubt), _) => Standing::Unclear(doubt),
            (None, Some(event)) => Standing::Lifted(event),
            (None, None) => Standing::Quarantined,
        },
    }
}

/// Returns the time at which the quarantine was lifted, if it was.
pub(super) fn lifted(timeline: &Timeline<'_>) -> Option<Timestamp> {
    match standing(timeline) {
        Standing::Lifted(event) => event.alert.time(),
        _ => None,
    }
}
