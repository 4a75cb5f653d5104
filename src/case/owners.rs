//! The users of the keys that a case begins with, and the quarantines of these users.

use std::collections::BTreeMap;

use super::beginning::Beginning;
use super::collected::Sighted;
use super::users::is_of_session;
use crate::follow::{CaseDetails, Entity, Kind, Quarantine};
use crate::output::{Alert, Column};

/// Finds the user of each long-term key that a case begins with: by an event with the key, or by one in which the key
/// was created or changed. Returns true if a user was found that was not known before.
pub(super) fn find<'e>(
    beginnings: &mut [Beginning],
    events: impl Iterator<Item = &'e Sighted>,
) -> bool {
    let mut keys: BTreeMap<Entity, &mut Beginning> = BTreeMap::new();
    for beginning in beginnings {
        let key = &beginning.entity;
        let is_key = key.kind == Kind::AccessKey && !is_of_session(key);
        if is_key && beginning.owner.is_none() {
            keys.insert(key.clone(), beginning);
        }
    }
    if keys.is_empty() {
        return false;
    }
    let mut is_new = false;
    for event in events {
        for (key, user) in owned(&event.alert, &event.story) {
            if let Some(beginning) = keys.remove(key) {
                beginning.owner = Some(user.clone());
                is_new = true;
            }
        }
    }
    is_new
}

/// The calls that create or change a key.
const CHANGES_OF_KEYS: [&str; 3] = ["CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"];

/// Returns the keys in an event whose user it names, each with the user.
pub(super) fn owned<'e>(
    alert: &Alert,
    story: &'e CaseDetails,
) -> impl Iterator<Item = (&'e Entity, &'e Entity)> {
    let traces = &story.traces;
    let action = alert.text(Column::EventAction).unwrap_or_default();
    // Other calls about a key are made by anybody: `GetAccessKeyLastUsed` by those who respond.
    let is_change = story.error_code.is_none() && CHANGES_OF_KEYS.contains(&action);
    let user = |entities: &'_ [Entity]| entities.iter().position(|one| one.kind == Kind::User);
    let actor = user(&traces.actors).map(|at| &traces.actors[at]);
    // A call of IAM about a key that names no user is about the user that calls.
    let target = user(&traces.on).map(|at| &traces.on[at]).or(actor);
    let changed = traces.made.iter().chain(&traces.on);
    let changed = changed.filter(move |_| is_change);
    let acting = traces.actors.iter().map(move |key| (key, actor));
    let all = acting.chain(changed.map(move |key| (key, target)));
    all.filter_map(|(key, user)| {
        let user = user.filter(|_| key.kind == Kind::AccessKey)?;
        Some((key, user))
    })
}

/// Sets the times of quarantines for each case that begins with a key: those of the key's user.
pub(super) fn set_quarantines<'e>(
    beginnings: &mut [Beginning],
    events: impl Iterator<Item = &'e Sighted>,
) {
    let mut by_user: BTreeMap<Entity, Vec<&mut Beginning>> = BTreeMap::new();
    for beginning in beginnings {
        let owner = beginning.owner.clone();
        if let (Some(owner), None) = (owner, &beginning.quarantines) {
            by_user.entry(owner).or_default().push(beginning);
        }
    }
    let mut times: BTreeMap<&Entity, Vec<_>> = BTreeMap::new();
    let mut undated: Vec<&Entity> = Vec::new();
    for event in events {
        if event.story.quarantine != Some(Quarantine::Made) {
            continue;
        }
        for user in event.story.traces.on.iter() {
            match event.alert.time() {
                Some(time) => times.entry(user).or_default().push(time),
                None => undated.push(user),
            }
        }
    }
    for (user, beginnings) in by_user {
        // With a quarantine at an unknown time, any event may be near it.
        let Some(mut times) = times.remove(&user).filter(|_| !undated.contains(&&user)) else {
            continue;
        };
        times.sort_unstable();
        times.dedup();
        for beginning in beginnings {
            beginning.quarantines = Some(times.clone());
        }
    }
}
