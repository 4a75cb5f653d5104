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
