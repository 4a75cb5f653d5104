//! The entities that an investigation follows, and their links to events.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::entity::{Entity, Kind};
use super::traces::EntityRefs;
use crate::steps;

/// Identities and other entities that belong to a case, each with the number of steps that lead to it.
#[derive(Debug, Clone, Default)]
pub struct CaseGraph {
    reached: BTreeMap<Entity, Reach>,
    /// True if it has a user whose account is not known.
    has_user_of_any_account: bool,
    hops_max: u32,
    /// True if something was not followed because it is too many steps away.
    is_cut: bool,
}

/// The way in which an entity belongs to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach {
    /// The number of steps that lead to it.
    pub hops: u32,
    /// The time from which it belongs to the case. A created or issued entity has nothing to do with an earlier one of
    /// the same name. Nothing if it has been part of the case from the start.
    pub since: Option<Timestamp>,
}

/// The longest time by which the use of an entity may seem to precede its creation, because two services have two
/// clocks.
const CLOCKS_APART: SignedDuration = SignedDuration::from_mins(5);

/// The reason why an event belongs to a case, and its distance from the beginning of the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link<'a> {
    /// The number of steps.
    pub hops: u32,
    /// The role of the known entity in the event.
    pub part: Role,
    /// The known entity.
    pub entity: &'a Entity,
}

/// The role of a known entity in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It acted.
    By,
    /// It was acted on.
    On,
    /// It was created.
    Made,
    /// It was issued.
    Given,
}

impl CaseGraph {
    /// Creates an empty graph. Entities more than `hops_max` steps away are not followed.
    #[must_use]
    pub fn new(hops_max: u32) -> Self {
        Self {
            hops_max,
            ..Self::default()
        }
    }

    /// Adds an entity that the case begins with.
    pub fn begin_with(&mut self, entity: Entity) {
        self.begin_at(entity, None);
    }

    /// Adds an entity that the case begins with, and that belongs to it from a time on.
    pub fn begin_at(&mut self, entity: Entity, since: Option<Timestamp>) {
        self.insert(entity, Reach { hops: 0, since });
    }

    fn insert(&mut self, entity: Entity, reach: Reach) {
        self.has_user_of_any_account |= entity.kind == Kind::User && entity.account.is_empty();
        self.reached.insert(entity, reach);
    }

    /// Adds what an event made and issued, as if its actor belonged to the case. What belongs to it already stays as it
    /// is.
    pub fn begin_with_results(&mut self, traces: &EntityRefs, time: Option<Timestamp>) {
        let since = time.and_then(|time| time.checked_sub(CLOCKS_APART).ok());
        for one in traces.made.iter().chain(&traces.given) {
            if !self.reached.contains_key(one) {
                self.insert(one.clone(), Reach { hops: 0, since });
            }
        }
    }

    /// Returns whether something was not followed because it is too many steps away.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Returns the entities of the case, and how each belongs to it.
    pub fn entities(&self) -> impl Iterator<Item = (&Entity, Reach)> {
        self.reached.iter().map(|(entity, reach)| (entity, *reach))
    }

    /// Returns how an entity belongs to the case, if it does.
    #[must_use]
    pub fn reach(&self, entity: &Entity) -> Option<Reach> {
        steps::take(1);
        let known = self.reached.get(entity).copied();
        // A case may begin with a user whose account is not known.
        let anywhere = match entity.kind {
            Kind::User if self.has_user_of_any_account => self
                .reached
                .get(&Entity::by_name(entity.kind, &entity.name)),
            _ => None,
        };
        known
            .into_iter()
            .chain(anywhere.copied())
            .reduce(Reach::join)
    }

    /// Returns whether any of these entities is followed at a time.
    #[must_use]
    pub fn has_any(&self, entities: &[Entity], time: Option<Timestamp>) -> bool {
        let mut followed = entities.iter().filter(|one| one.is_followed());
        followed.any(|one| self.reach_at(one, time).is_some())
    }

    /// Returns how an entity belongs to the case at a time. If the time of the event cannot be parsed, any time
    /// matches.
    fn reach_at(&self, entity: &Entity, time: Option<Timestamp>) -> Option<Reach> {
        let reach = self.reach(entity)?;
        let is_too_early = reach
            .since
            .zip(time)
            .is_some_and(|(since, time)| time < since);
        (!is_too_early).then_some(reach)
    }

    /// Returns the search terms that were not searched before, or not from so early a time, and the time to search
    /// from.
    #[must_use]
    pub fn needles(&self, before: &Searched) -> (Vec<String>, Option<Timestamp>) {
        let followed = self
            .reached
            .iter()
            .filter(|(entity, _)| entity.is_followed());
        let new = followed.filter(|(entity, reach)| {
            let searched = before.0.get(entity);
            searched.is_none_or(|since| reach.since < *since)
        });
        let mut needles = BTreeSet::new();
        let mut since: Option<Option<Timestamp>> = None;
        for (entity, reach) in new {
            needles.insert(entity.needle());
            since = Some(since.map_or(reach.since, |since| since.min(reach.since)));
        }
        let needles = needles.into_iter().map(str::to_owned).collect();
        (needles, since.flatten())
    }

    /// Returns the link between an event and the case, if there is one.
    #[must_use]
    pub fn tie<'a>(&self, traces: &'a EntityRefs, time: Option<Timestamp>) -> Option<Link<'a>> {
        let parts = [
            (Role::By, &traces.actors),
            (Role::On, &traces.on),
            (Role::Made, &traces.made),
            (Role::Given, &traces.given),
        ];
        // The actor says more about an event than the entity acted on, so the first role that links them counts.
        parts.into_iter().find_map(|(part, entities)| {
            let followed = entities.iter().filter(|entity| entity.is_followed());
            let ties = followed.filter_map(|entity| {
                let hops = self.reach_at(entity, time)?.hops;
                Some(Link { hops, part, entity })
            });
            ties.min_by_key(|tie| (tie.hops, tie.entity))
        })
    }

    /// Adds the content of another graph.
    pub fn join(&mut self, other: &Self) {
        self.is_cut |= other.is_cut;
        for (entity, reach) in &other.reached {
            self.add(entity, *reach);
        }
    }

    /// Adds what events lead to, each with its time, in any order, until nothing new is found.
    pub fn learn_all<'t>(
        &mut self,
        events: impl Iterator<Item = (&'t EntityRefs, Option<Timestamp>)> + Clone,
    ) {
        loop {
            let mut is_new = false;
            // An entity that seemed too far away may be nearer by another way.
            self.is_cut = false;
            for (traces, time) in events.clone() {
                is_new |= self.learn(traces, time);
            }
            if !is_new {
                return;
            }
        }
    }

    /// Adds what an event leads to. Returns true if something new is known.
    fn learn(&mut self, traces: &EntityRefs, time: Option<Timestamp>) -> bool {
        let mut is_new = false;
        let from = time.and_then(|time| time.checked_sub(CLOCKS_APART).ok());
        // A key belongs to its user or to a console session if it is used together with it or created for it.
        let owned = [
            (&traces.actors, &traces.actors, None),
            (&traces.on, &traces.made, from),
        ];
        let has_keys = |one: &&Entity| matches!(one.kind, Kind::User | Kind::ConsoleSession);
        let is_key = |one: &&Entity| one.kind == Kind::AccessKey;
        for (owners, things, from) in owned {
            if !things.iter().any(|one| is_key(&one)) {
                continue;
            }
            let owners = owners.iter().filter(has_keys);
            if let Some(Reach { hops, since }) = self.nearest(owners, time) {
                for key in things.iter().filter(is_key) {
                    let since = since.max(from);
                    is_new |= self.add(key, Reach { hops, since });
                }
            }
        }
        if traces.made.is_empty() && traces.given.is_empty() {
            return is_new;
        }
        // Entities that it creates, and entities issued to it, are one step further away.
        if let Some(Reach { hops, .. }) = self.nearest(traces.actors.iter(), time) {
            for one in traces.made.iter().chain(&traces.given) {
                let reach = Reach {
                    hops: hops + 1,
                    since: from,
                };
                is_new |= self.add(one, reach);
            }
        }
        is_new
    }

    /// Returns how the nearest followed entity of these belongs to the case.
    fn nearest<'e>(
        &self,
        entities: impl Iterator<Item = &'e Entity>,
        time: Option<Timestamp>,
    ) -> Option<Reach> {
        let followed = entities.filter(|one| one.is_followed());
        let reached = followed.filter_map(|one| self.reach_at(one, time));
        reached.reduce(Reach::join)
    }

    /// Adds an entity that belongs to the case in this way, unless a nearer way is known. Returns true if this is new.
    fn add(&mut self, entity: &Entity, reach: Reach) -> bool {
        if reach.hops > self.hops_max {
            // This way would add it to the case, or add it from an earlier time.
            let known = self.reached.get(entity);
            let is_new = known.is_none_or(|known| reach.since < known.since);
            self.is_cut |= is_new && entity.is_followed();
            return false;
        }
        let Some(known) = self.reached.get_mut(entity) else {
            self.insert(entity.clone(), reach);
            return true;
        };
        let joined = known.join(reach);
        std::mem::replace(known, joined) != joined
    }
}

impl Reach {
    /// Combines the smaller distance and the earlier time. If one way is nearer and another one earlier, the nearer
    /// distance is used from the earlier time on, so that nothing is left out for being too far.
    fn join(self, other: Self) -> Self {
        Self {
            hops: self.hops.min(other.hops),
            // `None` is less than every time.
            since: self.since.min(other.since),
        }
    }
}

/// Entities that were searched for, each with the time from which it was searched.
#[derive(Debug, Clone, Default)]
pub struct Searched(BTreeMap<Entity, Option<Timestamp>>);

impl Searched {
    /// Adds all known entities.
    pub fn extend(&mut self, known: &CaseGraph) {
        for (entity, reach) in known.entities() {
            self.0.insert(entity.clone(), reach.since);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<Timestamp> {
        Some(format!("2024-05-{text}:00Z").parse().unwrap())
    }

    fn key(name: &str) -> Entity {
        Entity::by_name(Kind::AccessKey, name)
    }

    fn by(actor: &Entity) -> EntityRefs {
        EntityRefs {
            actors: vec![actor.clone()],
            ..EntityRefs::default()
        }
    }

    /// Returns the entities of an event that issues a key.
    fn gives(actor: &Entity, given: &Entity) -> EntityRefs {
        EntityRefs {
            given: vec![given.clone()],
            ..by(actor)
        }
    }

    /// Returns the graph that begins with Alice and learns from these events, in any order.
    fn learned(
        hops_max: u32,
        alice: &Entity,
        events: &[(EntityRefs, Option<Timestamp>)],
    ) -> CaseGraph {
        let learn = |events: &mut dyn Iterator<Item = &(EntityRefs, Option<Timestamp>)>| {
            let events: Vec<_> = events.collect();
            let mut known = CaseGraph::new(hops_max);
            known.begin_with(alice.clone());
            known.learn_all(events.iter().map(|(traces, time)| (traces, *time)));
            known
        };
        let known = learn(&mut events.iter());
        let reversed = learn(&mut events.iter().rev());
        assert!(known.entities().eq(reversed.entities()));
        assert_eq!(known.is_cut(), reversed.is_cut());
        known
    }

    #[test]
    fn what_is_given_out_belongs_to_a_case_from_then_on() {
        let alice = Entity::in_account(Kind::User, "111122223333", "alice");
        let session = key("ASIASESSION");
        let known = learned(4, &alice, &[(gives(&alice, &session), time("10T12:00"))]);
        let used = by(&session);
        for (at, belongs) in [
            (time("10T11:54"), false),
            (time("10T11:55"), true),
            (time("11T00:00"), true),
            // A time that cannot be parsed may be any time.
            (None, true),
        ] {
            assert_eq!(known.tie(&used, at).is_some(), belongs, "{at:?}");
        }
    }

    #[test]
    fn what_turns_out_to_be_earlier_is_looked_for_again_from_then_on() {
        let alice = Entity::in_account(Kind::User, "111122223333", "alice");
        let (a, b) = (key("ASIAA"), key("ASIAB"));
        let late = (gives(&alice, &b), time("20T12:00"));
        let mut searched = Searched::default();
        let known = learned(4, &alice, std::slice::from_ref(&late));
        searched.extend(&known);
        assert!(known.needles(&searched).0.is_empty());
        let early = [
            (gives(&alice, &a), time("01T12:00")),
            (gives(&a, &b), time("02T12:00")),
        ];
        let known = learned(4, &alice, &[&early[..], &[late]].concat());
        let (needles, since) = known.needles(&searched);
        assert_eq!(needles, ["ASIAA", "ASIAB"]);
        assert_eq!(since, time("01T11:55"));
    }

    #[test]
    fn a_way_that_is_too_long_is_told_if_it_would_lead_there_earlier() {
        let alice = Entity::in_account(Kind::User, "111122223333", "alice");
        let (a, b) = (key("ASIAA"), key("ASIAB"));
        let near = [
            (gives(&alice, &a), time("01T12:00")),
            (gives(&alice, &b), time("20T12:00")),
        ];
        assert!(!learned(1, &alice, &near).is_cut());
        let far = [&near[..], &[(gives(&a, &b), time("02T12:00"))]].concat();
        assert!(learned(1, &alice, &far).is_cut());
        assert!(!learned(2, &alice, &far).is_cut());
    }

    #[test]
    fn a_user_of_any_account_stays_one_when_it_is_made_in_one_of_them() {
        let any = Entity::by_name(Kind::User, "bob");
        let bob = Entity::in_account(Kind::User, "444455556666", "bob");
        let made = EntityRefs {
            made: vec![bob.clone()],
            ..by(&key("ASIAA"))
        };
        let events = [
            (gives(&bob, &key("ASIAA")), time("01T12:00")),
            (made, time("12T12:00")),
        ];
        let known = learned(4, &any, &events);
        let early = known
            .tie(&events[0].0, time("01T12:00"))
            .map(|tie| tie.hops);
        assert_eq!(early, Some(0));
    }
}
