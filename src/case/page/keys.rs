//! The keys of a user and of what it led to, with their state.

use std::collections::BTreeMap;

use super::event_text::{text, time, time_if_any};
use super::own::Own;
use super::shown;
use crate::case::users::is_of_session;
use crate::case::{CaseEvent, Seen};
use crate::follow::{CaseGraph, Entity, Kind};
use crate::output::Column;

/// The facts about a key.
#[derive(Debug)]
pub(super) struct KeyFacts {
    pub(super) id: String,
    pub(super) whose: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) n: u64,
    pub(super) state: String,
    /// True if it is not the key of a session.
    pub(super) is_long_term: bool,
    /// True if it is a long-term key, and nothing in the archive shows that it was switched off or deleted.
    pub(super) is_active: bool,
}

/// The events of a key.
#[derive(Default)]
struct KeyUse {
    seen: Seen,
    whose: String,
    /// The last deletion or deactivation, unless the key was activated again later.
    ended: Option<String>,
    resumed: Option<String>,
}

/// Returns the keys of the user and of what it led to, with their state. The keys used most come first.
pub(super) fn keys(own: &Own<'_>, known: &CaseGraph) -> Vec<KeyFacts> {
    let is_key = |entity: &Entity| entity.kind == Kind::AccessKey;
    let keys = known.entities().filter(|(entity, _)| is_key(entity));
    let mut uses: BTreeMap<&Entity, KeyUse> =
        keys.map(|(key, _)| (key, KeyUse::default())).collect();
    for event in own.all() {
        let traces = &event.story.traces;
        let at = event.alert.time();
        for key in traces.actors.iter().filter(|one| is_key(one)) {
            let Some(used) = uses.get_mut(key) else {
                continue;
            };
            used.seen.add(at, event.story.error_code.is_some());
            if used.whose.is_empty() {
                used.whose = whose(event);
            }
        }
        if event.story.error_code.is_some() {
            continue;
        }
        for key in traces.on.iter().filter(|one| is_key(one)) {
            let Some(used) = uses.get_mut(key) else {
                continue;
            };
            let when = time(at);
            let action = event.alert.text(Column::EventAction);
            match (action, event.story.key_status.as_deref()) {
                (Some("DeleteAccessKey"), _) => used.ended = Some(format!("deleted {when}")),
                (Some("UpdateAccessKey"), Some("Inactive")) => {
                    used.ended = Some(format!("inactive since {when}"));
                }
                (Some("UpdateAccessKey"), Some("Active")) => {
                    used.ended = None;
                    used.resumed = Some(format!("active again since {when}"));
                }
                _ => {}
            }
        }
    }
    let facts = uses.into_iter().map(|(key, used)| {
        let is_of_session = is_of_session(key);
        let is_active = !is_of_session && used.ended.is_none();
        let mut state = match (used.ended, used.resumed) {
            (Some(ended), _) => ended,
            (None, Some(resumed)) => resumed,
            (None, None) if is_of_session => "of a session".to_owned(),
            (None, None) => "active, as far as this archive tells".to_owned(),
        };
        if used.seen.n_events == 0 {
            state.push_str(", not seen in use");
        }
        KeyFacts {
            id: shown(&key.name),
            whose: used.whose,
            first: time_if_any(used.seen.first),
            last: time_if_any(used.seen.last),
            n: used.seen.n_events,
            state,
            is_long_term: !is_of_session,
            is_active,
        }
    });
    let mut facts: Vec<KeyFacts> = facts.collect();
    facts.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.id.cmp(&b.id)));
    facts
}

/// Returns the owner of a key: the user or the session, without the beginning of its ARN.
fn whose(event: &CaseEvent) -> String {
    let arn = event.alert.text(Column::ActorArn).unwrap_or_default();
    let mut parts = arn.splitn(6, ':').skip(4);
    match (parts.next(), parts.next()) {
        (Some(account), Some(resource)) => shown(&format!("{resource} in {account}")),
        _ => text(event, Column::ActorName),
    }
}
