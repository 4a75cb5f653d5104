//! The events that name each entity, so that a user's part of a case is found without a look at all events.

use std::collections::{BTreeSet, HashMap};

use crate::follow::{Entity, EntityRefs, Kind};

/// A name of some kind of entity. The account is left out, because a case may begin with a user of any account.
type Name<'e> = (Kind, &'e str);

/// The events that name each entity, by their places in a list.
pub(super) struct EventIndex<'e> {
    events: Vec<&'e EntityRefs>,
    by_name: HashMap<Name<'e>, Vec<usize>>,
}

impl<'e> EventIndex<'e> {
    pub(super) fn new(events: impl Iterator<Item = &'e EntityRefs>) -> Self {
        let mut index = Self {
            events: Vec::new(),
            by_name: HashMap::new(),
        };
        for (at, traces) in events.enumerate() {
            index.events.push(traces);
            for entity in traces.all().filter(|one| one.is_followed()) {
                let named = index.by_name.entry(name(entity)).or_default();
                if named.last() != Some(&at) {
                    named.push(at);
                }
            }
        }
        index
    }

    /// Returns the events that may be linked to a case with these beginnings, in their order: all events that name what
    /// can be reached from them. `teaches` says whether an event leads to anything else.
    pub(super) fn reachable(
        &self,
        beginnings: impl Iterator<Item = &'e Entity>,
        teaches: &dyn Fn(usize) -> bool,
    ) -> BTreeSet<usize> {
        let mut next: Vec<Name<'e>> = beginnings.map(name).collect();
        let mut known: BTreeSet<Name<'e>> = next.iter().copied().collect();
        let mut events = BTreeSet::new();
        while let Some(one) = next.pop() {
            for at in self.by_name.get(&one).into_iter().flatten() {
                events.insert(*at);
                if teaches(*at) {
                    let leads_to = leads_to(self.events[*at], one);
                    next.extend(leads_to.map(name).filter(|new| known.insert(*new)));
                }
            }
        }
        events
    }
}

fn name(entity: &Entity) -> Name<'_> {
    (entity.kind, &entity.name)
}

/// Returns what an event adds to a case that knows this name, whenever that is: see `CaseGraph::learn_all`.
fn leads_to<'e>(traces: &'e EntityRefs, known: Name<'_>) -> impl Iterator<Item = &'e Entity> {
    let has = |entities: &[Entity]| entities.iter().any(|one| name(one) == known);
    let has_keys = matches!(known.0, Kind::User | Kind::ConsoleSession);
    let (is_actor, is_target) = (has(&traces.actors), has_keys && has(&traces.on));
    let is_key = |one: &&Entity| one.kind == Kind::AccessKey;
    let made = traces.made.iter();
    let made = made.filter(move |one| is_actor || is_target && is_key(one));
    let given = traces.given.iter().filter(move |_| is_actor);
    let keys = traces.actors.iter().filter(is_key);
    let keys = keys.filter(move |_| is_actor && has_keys);
    made.chain(given).chain(keys)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::follow::CaseGraph;

    /// Returns numbers that look random and are always the same.
    fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed;
        move |below| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    /// Returns an entity out of a few, so that events have much in common.
    fn entity(n: u64) -> Entity {
        let kinds = [
            Kind::User,
            Kind::AccessKey,
            Kind::ConsoleSession,
            Kind::Role,
            Kind::Instance,
            Kind::Session,
        ];
        let kind = kinds[usize::try_from(n % 6).unwrap()];
        let account = match kind {
            Kind::User | Kind::Role => {
                ["111122223333", "222233334444"][usize::from(n.is_multiple_of(5))]
            }
            _ => "",
        };
        Entity::in_account(kind, account, &format!("name-{}", n / 6))
    }

    fn event(next: &mut impl FnMut(u64) -> u64) -> (EntityRefs, Option<Timestamp>) {
        let mut some = |max: u64| -> Vec<Entity> {
            let n = next(max + 1);
            (0..n).map(|_| entity(next(48))).collect()
        };
        let traces = EntityRefs {
            actors: some(3),
            on: some(2),
            made: some(1),
            given: some(1),
        };
        let time = Timestamp::from_second(next(100_000).cast_signed()).ok();
        (traces, time.filter(|_| next(10) > 0))
    }

    #[test]
    fn a_case_learns_from_the_events_it_can_reach_what_it_learns_from_all() {
        let mut n_left_out = 0;
        for seed in 0..200 {
            let mut next = numbers(seed);
            let n = 5 + next(40);
            let events: Vec<_> = (0..n).map(|_| event(&mut next)).collect();
            let index = EventIndex::new(events.iter().map(|(traces, _)| traces));
            let begin = match next(4) {
                0 => Entity::by_name(Kind::User, "name-1"),
                n => entity(n),
            };
            let reachable = index.reachable([&begin].into_iter(), &|_| true);
            let learned = |events: &[&(EntityRefs, Option<Timestamp>)]| {
                let mut known = CaseGraph::new(3);
                known.begin_with(begin.clone());
                known.learn_all(events.iter().map(|(traces, time)| (traces, *time)));
                known
            };
            let all: Vec<_> = events.iter().collect();
            let some: Vec<_> = reachable.iter().map(|at| &events[*at]).collect();
            let (from_all, from_some) = (learned(&all), learned(&some));
            assert!(from_all.entities().eq(from_some.entities()), "{seed}");
            assert_eq!(from_all.is_cut(), from_some.is_cut(), "{seed}");
            for (at, (traces, time)) in events.iter().enumerate() {
                let is_tied = from_all.tie(traces, *time).is_some();
                assert!(!is_tied || reachable.contains(&at), "{seed}: {at}");
            }
            n_left_out += events.len() - reachable.len();
        }
        assert!(n_left_out > 100, "{n_left_out}");
    }
}
