//! What an investigation follows, and which events meet it.

use std::collections::{BTreeMap, BTreeSet};

use super::entity::{Entity, Kind};
use super::traces::Traces;

/// Identities and things that belong to a case, each with the number of steps that lead to it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    hops: BTreeMap<Entity, u32>,
    hops_max: u32,
    /// Whether something was not followed because it is too many steps away.
    is_cut: bool,
}

/// Why an event belongs to a case, and how far from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tie<'a> {
    /// The number of steps.
    pub hops: u32,
    /// The part that what is known has in it.
    pub part: Part,
    /// What is known.
    pub entity: &'a Entity,
}

/// The part that something known has in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// It acted.
    By,
    /// It was acted on.
    On,
    /// It was made.
    Made,
    /// It was given out.
    Given,
}

impl Known {
    /// Nothing yet; what is more steps away than this is not followed.
    #[must_use]
    pub fn new(hops_max: u32) -> Self {
        Self {
            hops_max,
            ..Self::default()
        }
    }

    /// Takes in where the case begins.
    pub fn begin_with(&mut self, entity: Entity) {
        self.hops.insert(entity, 0);
    }

    /// Whether something was not followed because it is too many steps away.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// What belongs to the case, and how many steps away it is.
    pub fn entities(&self) -> impl Iterator<Item = (&Entity, u32)> {
        self.hops.iter().map(|(entity, hops)| (entity, *hops))
    }

    /// How many steps away it is, if it belongs to the case.
    #[must_use]
    pub fn hops(&self, entity: &Entity) -> Option<u32> {
        let known = self.hops.get(entity).copied();
        // A case may begin with a user of whom the account is not known.
        let anywhere = || {
            self.hops
                .get(&Entity::by_name(entity.kind, &entity.name))
                .copied()
        };
        known.or_else(|| anywhere().filter(|_| entity.kind == Kind::User))
    }

    /// What is looked for in the log, that was not before.
    #[must_use]
    pub fn needles(&self, before: &BTreeSet<Entity>) -> Vec<String> {
        let followed = self.hops.keys().filter(|entity| entity.is_followed());
        let new = followed.filter(|entity| !before.contains(entity));
        let needles: BTreeSet<&str> = new.map(Entity::needle).collect();
        needles.into_iter().map(str::to_owned).collect()
    }

    /// Why an event belongs to the case, if it does.
    #[must_use]
    pub fn tie<'a>(&self, traces: &'a Traces) -> Option<Tie<'a>> {
        let parts = [
            (Part::By, &traces.actors),
            (Part::On, &traces.on),
            (Part::Made, &traces.made),
            (Part::Given, &traces.given),
        ];
        let ties = parts.into_iter().flat_map(|(part, entities)| {
            let followed = entities.iter().filter(|entity| entity.is_followed());
            followed.filter_map(move |entity| {
                let hops = self.hops(entity)?;
                Some(Tie { hops, part, entity })
            })
        });
        // What it does says more of an event than to whom it does it.
        ties.min_by_key(|tie| (tie.part, tie.hops, tie.entity))
    }

    /// Takes in what another one knows.
    pub fn join(&mut self, other: &Self) {
        self.is_cut |= other.is_cut;
        for (entity, hops) in &other.hops {
            self.add(entity, *hops);
        }
    }

    /// Takes in what events lead to, whatever their order, until nothing new comes of them.
    pub fn learn_all<'t>(&mut self, events: impl Iterator<Item = &'t Traces> + Clone) {
        loop {
            let mut is_new = false;
            // What seemed too far may be nearer by another way.
            self.is_cut = false;
            for traces in events.clone() {
                is_new |= self.learn(traces);
            }
            if !is_new {
                return;
            }
        }
    }

    /// Takes in what an event leads to. True if something new is known by it.
    pub fn learn(&mut self, traces: &Traces) -> bool {
        let mut is_new = false;
        let users = |entities: &[Entity]| {
            let users = entities.iter().filter(|one| one.kind == Kind::User);
            users.cloned().collect::<Vec<_>>()
        };
        // A key is its user's: seen with it, or made for it.
        let owned = [
            (users(&traces.actors), &traces.actors),
            (users(&traces.on), &traces.made),
        ];
        for (users, things) in owned {
            let keys = things.iter().filter(|one| one.kind == Kind::AccessKey);
            if let Some(hops) = self.nearest(&users) {
                for key in keys {
                    is_new |= self.add(key, hops);
                }
            }
        }
        // What it makes, and what it is given, is a step away.
        if let Some(hops) = self.nearest(&traces.actors) {
            for one in traces.made.iter().chain(&traces.given) {
                is_new |= self.add(one, hops + 1);
            }
        }
        is_new
    }

    /// How many steps away the nearest of these is that is followed.
    fn nearest(&self, entities: &[Entity]) -> Option<u32> {
        let followed = entities.iter().filter(|one| one.is_followed());
        followed.filter_map(|one| self.hops(one)).min()
    }

    /// Takes in something that is so many steps away, unless it is known to be nearer. True if it was not known so.
    fn add(&mut self, entity: &Entity, hops: u32) -> bool {
        if hops > self.hops_max {
            self.is_cut |= !self.hops.contains_key(entity);
            return false;
        }
        match self.hops.get_mut(entity) {
            Some(known) if *known <= hops => false,
            Some(known) => {
                *known = hops;
                true
            }
            None => {
                self.hops.insert(entity.clone(), hops);
                true
            }
        }
    }
}
