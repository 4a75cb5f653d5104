//! The use of keys and identities after the windows of a user's quarantines.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::quarantine::lifted;
use super::timeline::Timeline;
use crate::case::later::UseTimes;
use crate::case::owners::owned;
use crate::case::{CaseEvent, LaterUse, Seen, UserCase, Window};
use crate::follow::{Entity, Kind};

/// Returns the use of each entity of a user after the windows of its quarantines.
pub(in crate::case) fn later_uses(
    user: &UserCase,
    events: &[CaseEvent],
    later: &[CaseEvent],
    times: &UseTimes,
    window: Window,
) -> Vec<LaterUse> {
    let timeline = Timeline::of(user, events, user.later_among(events, later));
    let lifted = lifted(&timeline);
    let known = user.known.entities().filter(|(one, _)| one.is_followed());
    let known = known.map(|(one, reach)| (one, reach.since));
    // A key that was used only after the windows is known by its user.
    let named = timeline.all.iter();
    let named = named.flat_map(|one| owned(&one.event.alert, &one.event.story));
    let named = named.filter(|(_, owner)| user.known.reach(owner).is_some());
    let named: BTreeSet<&Entity> = named.map(|(key, _)| key).collect();
    let is_new = |key: &&Entity| user.known.reach(key).is_none();
    let named = named.into_iter().filter(is_new).map(|key| (key, None));
    let known = known.chain(named);
    // The events of the key that the case begins with are all in the case.
    let begun = &user.beginning.entity;
    let known = known.filter(|(one, _)| one.kind != Kind::AccessKey || *one != begun);
    let uses = known.filter_map(|(entity, since)| {
        let mut one = LaterUse {
            entity: entity.clone(),
            seen: Seen::default(),
            since_lifted: Seen::default(),
        };
        for (time, is_refused) in times_of(entity, times) {
            let is_known = since.is_none_or(|since| *time >= since);
            if !is_known || !user.beginning.is_later(Some(*time), window) {
                continue;
            }
            one.seen.add(Some(*time), *is_refused);
            if lifted.is_some_and(|lifted| *time > lifted) {
                one.since_lifted.add(Some(*time), *is_refused);
            }
        }
        (one.seen.n_events > 0).then_some(one)
    });
    uses.collect()
}

/// Returns the times at which an entity was used. A case may begin with a user of any account.
fn times_of<'t>(
    entity: &Entity,
    times: &'t UseTimes,
) -> impl Iterator<Item = &'t (Timestamp, bool)> {
    let is_of_any = entity.kind == Kind::User && entity.account.is_empty();
    let name = entity.name.clone();
    let all = is_of_any.then(|| {
        let named = times.iter();
        named.filter(move |(one, _)| one.kind == Kind::User && one.name == name)
    });
    let all = all.into_iter().flatten().flat_map(|(_, times)| times);
    let own = times.get(entity).filter(|_| !is_of_any);
    own.into_iter().flatten().chain(all)
}
