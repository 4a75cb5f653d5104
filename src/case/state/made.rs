//! What was made in a case, who made it, and what became of it by the end of the log.

use std::collections::{BTreeMap, BTreeSet};

use super::timeline::{OwnEvent, Timeline};
use crate::case::leak::{Leak, address};
use crate::case::owners::owned;
use crate::case::{CaseEvent, UserCase, is_done};
use crate::follow::{CaseGraph, Entity, Kind};
use crate::output::Column;

/// Something that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing<'a> {
    /// A user, key, role, policy, group, instance or the like.
    Entity(&'a Entity),
    /// A policy that was attached to something or put on it, by its ARN or name.
    Grant {
        /// The policy.
        policy: &'a str,
        /// The user, role or group.
        to: &'a Entity,
    },
}

/// Something that was made, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct MadeThing<'a> {
    /// The thing.
    pub thing: Thing<'a>,
    /// The event that made it, the last one if it was made several times.
    pub made: &'a CaseEvent,
    /// Who made it.
    pub maker: Maker,
    /// What became of it.
    pub fate: Fate<'a>,
}

/// Who made something, as far as the log shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// It was made with a key that probably leaked, or with what that key led to.
    Intruder,
    /// It was made after the quarantine by somebody to whom the case has no other link.
    Response,
    /// It was made by the user itself as usual, or by somebody else before the quarantine.
    Owner,
    /// It is unknown.
    Unclear,
}

/// What became of something by the end of the log, with the event that shows it.
#[derive(Debug, Clone, Copy)]
pub enum Fate<'a> {
    /// It was removed.
    Removed(&'a CaseEvent),
    /// It is there but switched off: a key that was deactivated, an instance that was stopped.
    SwitchedOff(&'a CaseEvent),
    /// Nothing shows that it was removed.
    Present,
    /// What was done to it was not searched for.
    NotFollowed,
    /// It was removed before or after it was made: a time cannot be read.
    Unclear,
}

impl Fate<'_> {
    /// Returns whether it may still be in use at the end of the log.
    #[must_use]
    pub fn may_be_there(&self) -> bool {
        matches!(self, Self::Present | Self::NotFollowed | Self::Unclear)
    }
}

/// A thing while the events are read.
struct Reading<'a> {
    made: OwnEvent<'a>,
    n_made: u64,
    fate: Fate<'a>,
    /// True if it was made at an unknown time.
    is_undated: bool,
}

/// Returns everything that was made, in the order of time.
pub(super) fn made<'a>(
    user: &'a UserCase,
    timeline: &Timeline<'a>,
    leak: &Leak<'a>,
) -> Vec<MadeThing<'a>> {
    let mut readings: BTreeMap<Thing<'a>, Reading<'a>> = BTreeMap::new();
    // What ends with each entity: the keys, the password and the policies of a user.
    let mut of_entity: BTreeMap<Entity, BTreeSet<Thing<'a>>> = BTreeMap::new();
    let mut changed_undated: BTreeSet<Thing<'a>> = BTreeSet::new();
    for one in timeline.all.iter().filter(|one| !one.is_refused()) {
        let event = one.event;
        for thing in things(event) {
            for on in ends_with(event, thing) {
                of_entity.entry(on).or_default().insert(thing);
            }
            let reading = readings.entry(thing).or_insert_with(|| Reading::new(*one));
            reading.make(*one);
        }
        let mut changes = changes(event);
        for removed in removed(event) {
            changes.push((Thing::Entity(removed), Fate::Removed(event)));
            let with_it = of_entity.get(removed).into_iter().flatten();
            changes.extend(with_it.map(|thing| (*thing, Fate::Removed(event))));
        }
        for (thing, fate) in changes {
            if event.alert.time().is_none() {
                changed_undated.insert(thing);
            }
            if let Some(reading) = readings.get_mut(&thing) {
                reading.change(fate);
            }
        }
    }
    let makers = Makers::new(timeline, leak);
    let things = readings.into_iter().map(|(thing, reading)| {
        let is_unclear = changed_undated.contains(&thing);
        MadeThing {
            thing,
            made: reading.made.event,
            maker: makers.of(&reading.made),
            fate: reading.finish(is_unclear, is_followed(thing, user)),
        }
    });
    let mut things: Vec<MadeThing<'a>> = things.collect();
    things.sort_by_key(|one| (one.made.alert.time(), one.thing));
    things
}

impl<'a> Reading<'a> {
    fn new(made: OwnEvent<'a>) -> Self {
        Self {
            made,
            n_made: 0,
            fate: Fate::Present,
            is_undated: false,
        }
    }

    fn make(&mut self, made: OwnEvent<'a>) {
        self.made = made;
        self.n_made += 1;
        self.fate = Fate::Present;
        self.is_undated |= made.event.alert.time().is_none();
    }

    fn change(&mut self, fate: Fate<'a>) {
        // What is gone cannot be switched on or off.
        if !matches!(self.fate, Fate::Removed(_)) {
            self.fate = fate;
        }
    }

    fn finish(&self, is_unclear: bool, is_followed: bool) -> Fate<'a> {
        match self.fate {
            Fate::Removed(_) if self.is_undated && self.n_made > 1 => Fate::Unclear,
            Fate::Present | Fate::SwitchedOff(_) if is_unclear => Fate::Unclear,
            Fate::Present if !is_followed => Fate::NotFollowed,
            fate => fate,
        }
    }
}

/// Returns whether what was done to a thing was searched for.
fn is_followed(thing: Thing<'_>, user: &UserCase) -> bool {
    let is_known = |entity: &Entity| entity.is_followed() && user.known.reach(entity).is_some();
    match thing {
        Thing::Entity(entity) => is_known(entity),
        Thing::Grant { policy, to } => {
            is_known(to) || is_known(&Entity::by_name(Kind::Policy, policy))
        }
    }
}

/// Calls of IAM that give a policy to something, and those that take it away, each with the kind of thing.
const GRANTS: [(&str, &str, Kind); 6] = [
    ("AttachUserPolicy", "DetachUserPolicy", Kind::User),
    ("AttachRolePolicy", "DetachRolePolicy", Kind::Role),
    ("AttachGroupPolicy", "DetachGroupPolicy", Kind::Group),
    ("PutUserPolicy", "DeleteUserPolicy", Kind::User),
    ("PutRolePolicy", "DeleteRolePolicy", Kind::Role),
    ("PutGroupPolicy", "DeleteGroupPolicy", Kind::Group),
];

/// Calls that remove an entity, each with its kind.
const REMOVALS: [(&str, Kind); 8] = [
    ("DeleteUser", Kind::User),
    ("DeleteAccessKey", Kind::AccessKey),
    ("DeleteLoginProfile", Kind::LoginProfile),
    ("DeleteRole", Kind::Role),
    ("DeletePolicy", Kind::Policy),
    ("DeleteGroup", Kind::Group),
    ("DeleteInstanceProfile", Kind::InstanceProfile),
    ("TerminateInstances", Kind::Instance),
];

fn call(event: &CaseEvent) -> &str {
    event.alert.text(Column::EventAction).unwrap_or_default()
}

/// Returns what an event made. The policy of a quarantine is not one of these things.
fn things(event: &CaseEvent) -> Vec<Thing<'_>> {
    let entities = event.story.traces.made.iter().map(Thing::Entity);
    let call = call(event);
    let is_grant =
        |(give, _, kind): &&(&str, &str, Kind)| *give == call && is_of_kind(event, *kind);
    let grant = GRANTS.iter().find(is_grant);
    let grant = grant.and_then(|(.., kind)| granted(event, *kind));
    entities.chain(grant).collect()
}

fn is_of_kind(event: &CaseEvent, kind: Kind) -> bool {
    event.story.traces.on.iter().any(|one| one.kind == kind)
}

/// Returns the policy that an event gives or takes away, with the entity of this kind.
fn granted(event: &CaseEvent, kind: Kind) -> Option<Thing<'_>> {
    if event.story.quarantine.is_some() {
        return None;
    }
    let arn = event.alert.text(Column::PolicyArn);
    let policy = arn.or_else(|| event.alert.text(Column::PolicyName))?;
    let to = event.story.traces.on.iter().find(|one| one.kind == kind)?;
    Some(Thing::Grant { policy, to })
}

/// Returns the entities with which a thing ends, besides itself.
fn ends_with(event: &CaseEvent, thing: Thing<'_>) -> Vec<Entity> {
    match thing {
        Thing::Grant { policy, to } => vec![to.clone(), Entity::by_name(Kind::Policy, policy)],
        Thing::Entity(entity) if entity.kind == Kind::AccessKey => {
            let owners = owned(&event.alert, &event.story).filter(|(key, _)| *key == entity);
            owners.map(|(_, owner)| owner.clone()).collect()
        }
        Thing::Entity(entity) if entity.kind == Kind::LoginProfile => vec![Entity {
            kind: Kind::User,
            ..entity.clone()
        }],
        Thing::Entity(_) => Vec::new(),
    }
}

/// Returns the entities that an event removed.
fn removed(event: &CaseEvent) -> impl Iterator<Item = &Entity> {
    let call = call(event);
    let removal = REMOVALS.iter().find(|(name, _)| *name == call);
    let kind = removal.map(|(_, kind)| *kind);
    let on = event.story.traces.on.iter();
    on.filter(move |one| Some(one.kind) == kind)
}

/// Returns what else an event changed: policies that were taken away, keys and instances that were switched on or off.
fn changes(event: &CaseEvent) -> Vec<(Thing<'_>, Fate<'_>)> {
    let call = call(event);
    let taken = GRANTS.iter().find(|(_, take, _)| *take == call);
    let taken = taken.and_then(|(.., kind)| granted(event, *kind));
    let mut changes: Vec<_> = taken
        .into_iter()
        .map(|thing| (thing, Fate::Removed(event)))
        .collect();
    let (kind, fate) = match (call, event.story.key_status.as_deref()) {
        ("UpdateAccessKey", Some("Inactive")) => (Kind::AccessKey, Fate::SwitchedOff(event)),
        ("UpdateAccessKey", Some("Active")) => (Kind::AccessKey, Fate::Present),
        ("StopInstances", _) => (Kind::Instance, Fate::SwitchedOff(event)),
        ("StartInstances", _) => (Kind::Instance, Fate::Present),
        _ => return changes,
    };
    let on = event.story.traces.on.iter().filter(|one| one.kind == kind);
    changes.extend(on.map(|one| (Thing::Entity(one), fate)));
    changes
}

/// Tells who made things.
struct Makers<'t, 'a> {
    timeline: &'t Timeline<'a>,
    leak: &'t Leak<'a>,
    /// What the leaked keys led to, since their first foreign use.
    lineage: CaseGraph,
    has_foreign_use: bool,
}

impl<'t, 'a> Makers<'t, 'a> {
    fn new(timeline: &'t Timeline<'a>, leak: &'t Leak<'a>) -> Self {
        let mut lineage = CaseGraph::new(u32::MAX);
        let mut has_foreign_use = false;
        for key in &leak.keys {
            if let Some(first) = key.first_foreign_use {
                has_foreign_use = true;
                lineage.begin_at(key.key.clone(), Some(first.time));
            }
        }
        if has_foreign_use {
            let events = timeline.all.iter();
            lineage.learn_all(events.map(|one| (&one.event.story.traces, one.event.alert.time())));
        }
        Self {
            timeline,
            leak,
            lineage,
            has_foreign_use,
        }
    }

    fn of(&self, one: &OwnEvent<'_>) -> Maker {
        let (time, actors) = (one.event.alert.time(), &one.event.story.traces.actors);
        let is_foreign =
            address(one.event).is_some_and(|at| self.leak.foreign_addresses.contains(&at));
        if is_foreign {
            return Maker::Intruder;
        }
        if self.lineage.has_any(actors, time) {
            let leaked = self.leak.keys.iter();
            let is_direct = leaked.map(|one| one.key).any(|key| actors.contains(key));
            return match is_direct {
                // The user may use its leaked key, too.
                true => Maker::Unclear,
                false => Maker::Intruder,
            };
        }
        match (is_done(one.link), self.timeline.quarantined) {
            (true, _) if self.has_foreign_use => Maker::Owner,
            (true, _) | (false, None) => Maker::Unclear,
            (false, Some(_)) if self.timeline.is_after(time) => Maker::Response,
            (false, Some(_)) => Maker::Owner,
        }
    }
}
