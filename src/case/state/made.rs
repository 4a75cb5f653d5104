//! What was made or changed in a case, whose call that was, and what became of it by the end of the log.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

use super::attribution::{Attributed, Attribution};
use super::effects::{Change, Effect, effect};
use super::latest::{Doubt, Latest};
use super::opened::{Does, Opening, id_of, openings, outsiders, text_after, with_trust_policy};
use super::ways::Way;
use crate::case::owners::owned;
use crate::case::{CaseEvent, UserCase};
use crate::follow::{Entity, Kind, TargetRole};
use crate::output::Column;

/// Something that was made or changed, so that it lasts.
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
    /// A user that was added to a group.
    Member {
        /// The user.
        user: &'a Entity,
        /// The group.
        group: &'a Entity,
    },
    /// Something in an entity that was replaced.
    Change {
        /// The part of the entity.
        what: Change,
        /// The entity.
        on: &'a Entity,
    },
    /// The permission of others to call a function.
    Permission {
        /// The function's name, as the request has it.
        function: &'a str,
        /// The id of the statement in the function's policy; empty if the record does not show it.
        statement: &'a str,
    },
    /// The access of an outsider to a thing.
    Opened {
        /// The way in which it was given.
        way: Way,
        /// The thing's name.
        on: &'a str,
        /// The outsider: an account, or a name. Empty for an identity provider, which lets in its own users.
        to: &'a str,
        /// The id of what the call gave; empty if there is none, or if the record does not show it.
        id: &'a str,
    },
}

/// Something that was made, and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct MadeThing<'a> {
    /// The thing.
    pub thing: Thing<'a>,
    /// The event that made it, the last one if it was made several times.
    pub made: &'a CaseEvent,
    /// Whose call that was.
    pub by: Attribution,
    /// What became of it.
    pub fate: Fate<'a>,
}

/// What became of something by the end of the log, with the event that shows it.
#[derive(Debug, Clone, Copy)]
pub enum Fate<'a> {
    /// It was removed.
    Removed(&'a CaseEvent),
    /// Somebody else replaced it.
    Replaced(&'a CaseEvent),
    /// It is there but switched off: a key that was deactivated, an instance that was stopped.
    SwitchedOff(&'a CaseEvent),
    /// Nothing shows that it was removed.
    Present,
    /// What was done to it was not searched for.
    NotFollowed,
    /// It is not known whether it was removed before or after it was made.
    Unclear(Doubt),
}

impl Fate<'_> {
    /// Returns whether it may still be in use at the end of the log.
    #[must_use]
    pub fn may_be_there(&self) -> bool {
        matches!(self, Self::Present | Self::NotFollowed | Self::Unclear(_))
    }

    fn is_same(&self, other: &Self) -> bool {
        discriminant(self) == discriminant(other)
    }
}

/// A thing while the events are read.
struct Reading<'a> {
    /// The event that made it, if one was read.
    made: Option<Attributed<'a>>,
    n_made: usize,
    fate: Latest<Fate<'a>>,
    /// True if it was made at an unknown time.
    is_undated: bool,
    /// True if AWS gives it an id that it does not use again.
    is_unique: bool,
}

/// What is known about all things while the events are read.
#[derive(Default)]
struct Readings<'a> {
    things: BTreeMap<Thing<'a>, Reading<'a>>,
    /// What ends with each entity: the keys, the password and the policies of a user.
    of_entity: BTreeMap<Entity, BTreeSet<Thing<'a>>>,
    of_function: BTreeMap<&'a str, BTreeSet<Thing<'a>>>,
    /// The outsiders that were let in to each thing.
    of_opened: BTreeMap<(Way, &'a str), BTreeSet<Thing<'a>>>,
    trusted: Trusted<'a>,
    /// Changes by one party that another one replaced.
    replaced: Vec<MadeThing<'a>>,
}

/// The outsiders who may take each role by its last trust policy that an event shows.
pub(super) type Trusted<'a> = BTreeMap<&'a Entity, Vec<&'a str>>;

/// Returns everything that was made, in the order of time, and who may take the roles.
pub(super) fn made<'a>(
    user: &'a UserCase,
    events: &[Attributed<'a>],
) -> (Vec<MadeThing<'a>>, Trusted<'a>) {
    let mut readings = Readings::default();
    for one in events
        .iter()
        .filter(|one| one.event.story.error_code.is_none())
    {
        readings.read(one);
    }
    let mut things = readings.replaced;
    things.extend(readings.things.into_iter().filter_map(|(thing, reading)| {
        let made = reading.made?;
        Some(MadeThing {
            thing,
            made: made.event,
            by: made.by,
            fate: reading.finish(is_followed(thing, user)),
        })
    }));
    things.sort_by_key(|one| (one.made.alert.time(), one.thing));
    (things, readings.trusted)
}

impl<'a> Readings<'a> {
    /// Reads an event that was not refused.
    fn read(&mut self, one: &Attributed<'a>) {
        let event = one.event;
        for thing in things(event) {
            self.make(thing, one);
        }
        for thing in ended(event) {
            let with_it = match thing {
                Ended::Entity(entity) => {
                    self.change(Thing::Entity(entity), Fate::Removed(event), event);
                    self.of_entity.get(entity)
                }
                Ended::Function(name) => self.of_function.get(name),
            };
            for thing in with_it.cloned().unwrap_or_default() {
                self.change(thing, Fate::Removed(event), event);
            }
        }
        for (thing, fate) in changes(event) {
            self.change(thing, fate, event);
        }
        for opening in openings(event) {
            self.open(&opening, one);
        }
        if let Some(role) = with_trust_policy(event) {
            self.trusted.insert(role, outsiders(event));
        }
    }

    /// Reads what an event does about the access of outsiders to a thing.
    fn open(&mut self, opening: &Opening<'a>, one: &Attributed<'a>) {
        let Opening { way, on, ref does } = *opening;
        let event = one.event;
        let id = id_of(event, way);
        let is_ended = |thing: &Thing<'a>| {
            let Thing::Opened { to, id: given, .. } = thing else {
                return false;
            };
            match does {
                Does::LetIn(is_set, outsiders, removed) => {
                    removed.contains(to) || *is_set && !outsiders.contains(to)
                }
                Does::TakeBack => true,
                Does::TakeBackId => !id.is_empty() && *given == id,
            }
        };
        let before = self.of_opened.entry((way, on)).or_default().clone();
        for thing in before.into_iter().filter(is_ended) {
            self.change(thing, Fate::Removed(event), event);
        }
        let Does::LetIn(_, outsiders, _) = does else {
            return;
        };
        for to in outsiders.iter().copied() {
            let thing = Thing::Opened { way, on, to, id };
            self.of_opened.entry((way, on)).or_default().insert(thing);
            // Who sets the policy again gives nothing to those who have it.
            let known = self.things.get(&thing);
            if !known.is_some_and(|one| one.fate.last().may_be_there()) {
                self.make(thing, one);
            }
        }
    }

    fn make(&mut self, thing: Thing<'a>, one: &Attributed<'a>) {
        if let Thing::Change { what, on } = thing {
            // A key or a password that was made in this case is there as such.
            let whole = match what {
                Change::Password => Entity {
                    kind: Kind::LoginProfile,
                    ..on.clone()
                },
                _ => on.clone(),
            };
            let made = self
                .things
                .get(&Thing::Entity(&whole))
                .and_then(|one| one.made);
            let is_part = matches!(what, Change::Password | Change::Activation);
            if is_part && made.is_some() {
                return;
            }
            self.replace(thing, one);
        }
        for on in ends_with(one.event, thing) {
            self.of_entity.entry(on).or_default().insert(thing);
        }
        if let Thing::Permission { function, .. } = thing {
            self.of_function.entry(function).or_default().insert(thing);
        }
        let new = || Reading::new(is_unique(thing));
        self.things.entry(thing).or_insert_with(new).make(one);
    }

    /// Keeps the change of another party that this event replaces.
    fn replace(&mut self, thing: Thing<'a>, by: &Attributed<'a>) {
        let Some(reading) = self.things.get(&thing) else {
            return;
        };
        let before = reading.made.filter(|before| before.by.party != by.by.party);
        let Some(before) = before.filter(|_| reading.fate.last().may_be_there()) else {
            return;
        };
        let (time, time_before) = (by.event.alert.time(), before.event.alert.time());
        let fate = match (time, time_before) {
            (Some(time), Some(before)) if time == before => Fate::Unclear(Doubt::SameTime(time)),
            (Some(_), Some(_)) => Fate::Replaced(by.event),
            _ => Fate::Unclear(Doubt::NoTime),
        };
        self.replaced.push(MadeThing {
            thing,
            made: before.event,
            by: before.by,
            fate,
        });
    }

    fn change(&mut self, thing: Thing<'a>, fate: Fate<'a>, event: &CaseEvent) {
        let new = || Reading::new(is_unique(thing));
        self.things
            .entry(thing)
            .or_insert_with(new)
            .change(fate, event);
    }
}

impl<'a> Reading<'a> {
    fn new(is_unique: bool) -> Self {
        Self {
            made: None,
            n_made: 0,
            fate: Latest::new(Fate::Present),
            is_undated: false,
            is_unique,
        }
    }

    /// Reads an event that made it.
    fn make(&mut self, made: &Attributed<'a>) {
        let time = made.event.alert.time();
        self.made = Some(*made);
        self.n_made += 1;
        self.is_undated |= time.is_none();
        // A thing with an id of its own was made before all else that was done to it.
        if !(self.is_unique && self.fate.is_at(time)) {
            self.fate.set(Fate::Present, time, Fate::is_same);
        }
    }

    fn change(&mut self, fate: Fate<'a>, event: &CaseEvent) {
        // What is gone cannot be switched on or off.
        if matches!(self.fate.last(), Fate::Removed(_)) {
            return;
        }
        let was_just_made = self.is_unique && self.made.is_some() && self.fate.n_changes() == 1;
        let is_same: fn(&Fate<'a>, &Fate<'a>) -> bool = match was_just_made {
            true => |_, _| true,
            false => Fate::is_same,
        };
        self.fate.set(fate, event.alert.time(), is_same);
    }

    fn finish(&self, is_followed: bool) -> Fate<'a> {
        let fate = self.fate.last();
        let is_removed = matches!(fate, Fate::Removed(_));
        let doubt = match self.fate.doubt() {
            // What was made once was made before it was removed.
            Some(Doubt::NoTime) if is_removed && !(self.is_undated && self.n_made > 1) => None,
            doubt => doubt,
        };
        match (fate, doubt) {
            (_, Some(doubt)) => Fate::Unclear(doubt),
            (Fate::Present, None) if !is_followed => Fate::NotFollowed,
            (fate, None) => fate,
        }
    }
}

/// Returns whether AWS gives a thing an id that it does not use again.
fn is_unique(thing: Thing<'_>) -> bool {
    matches!(thing, Thing::Entity(entity) if matches!(entity.kind, Kind::AccessKey | Kind::Instance))
}

/// Returns whether what was done to a thing was searched for.
fn is_followed(thing: Thing<'_>, user: &UserCase) -> bool {
    let is_known = |entity: &Entity| entity.is_followed() && user.known.reach(entity).is_some();
    match thing {
        Thing::Entity(entity) | Thing::Change { on: entity, .. } => is_known(entity),
        Thing::Grant { policy, to } => {
            is_known(to) || is_known(&Entity::by_name(Kind::Policy, policy))
        }
        Thing::Member { user, group } => is_known(user) || is_known(group),
        Thing::Permission { .. } | Thing::Opened { .. } => false,
    }
}

fn effect_of(event: &CaseEvent) -> Option<Effect> {
    effect(event.alert.text(Column::EventAction).unwrap_or_default())
}

/// Returns what an event made. The policy of a quarantine is not one of these things.
fn things(event: &CaseEvent) -> Vec<Thing<'_>> {
    let entities = event.story.traces.made.iter().map(Thing::Entity);
    let lasting = match effect_of(event) {
        Some(Effect::Give(kind)) => granted(event, kind),
        Some(Effect::Join) => member(event),
        Some(Effect::Change(what, kind)) => on(event, kind).map(|on| Thing::Change { what, on }),
        Some(Effect::SetKey) if event.story.key_status.as_deref() == Some("Active") => {
            let what = Change::Activation;
            on(event, Kind::AccessKey).map(|on| Thing::Change { what, on })
        }
        Some(Effect::Permit) => permission(event),
        _ => None,
    };
    entities.chain(lasting).collect()
}

/// Returns the first entity of a kind that an event acted on.
fn on(event: &CaseEvent, kind: Kind) -> Option<&Entity> {
    event.story.traces.on.iter().find(|one| one.kind == kind)
}

/// Returns the policy that an event gives or takes away, with the entity of this kind.
fn granted(event: &CaseEvent, kind: Kind) -> Option<Thing<'_>> {
    if event.story.quarantine.is_some() {
        return None;
    }
    let arn = event.alert.text(Column::PolicyArn);
    let policy = arn.or_else(|| event.alert.text(Column::PolicyName))?;
    let to = on(event, kind)?;
    Some(Thing::Grant { policy, to })
}

fn member(event: &CaseEvent) -> Option<Thing<'_>> {
    let (user, group) = (on(event, Kind::User)?, on(event, Kind::Group)?);
    Some(Thing::Member { user, group })
}

/// Returns the name of the function that an event acted on.
fn function(event: &CaseEvent) -> Option<&str> {
    let mut targets = event.story.touched.with_role(TargetRole::On);
    let found = targets.find(|one| one.kind == "function")?;
    Some(&found.name)
}

fn permission(event: &CaseEvent) -> Option<Thing<'_>> {
    let function = function(event)?;
    let record = event.alert.text(Column::RawEvent).unwrap_or_default();
    let statement = text_after(record, "\"statementId\"").unwrap_or_default();
    Some(Thing::Permission {
        function,
        statement,
    })
}

/// Returns the entities with which a thing ends, besides itself.
fn ends_with(event: &CaseEvent, thing: Thing<'_>) -> Vec<Entity> {
    let owner = |key: &Entity| {
        let owners = owned(&event.alert, &event.story).filter(|(one, _)| *one == key);
        owners.map(|(_, owner)| owner.clone()).collect::<Vec<_>>()
    };
    match thing {
        Thing::Grant { policy, to } => vec![to.clone(), Entity::by_name(Kind::Policy, policy)],
        Thing::Member { user, group } => vec![user.clone(), group.clone()],
        Thing::Entity(entity) if entity.kind == Kind::AccessKey => owner(entity),
        Thing::Entity(entity) if entity.kind == Kind::LoginProfile => vec![Entity {
            kind: Kind::User,
            ..entity.clone()
        }],
        Thing::Change {
            what: Change::Activation,
            on,
        } => {
            let mut ends = owner(on);
            ends.push(on.clone());
            ends
        }
        Thing::Change {
            what: Change::Password,
            on,
        } => {
            let password = Entity {
                kind: Kind::LoginProfile,
                ..on.clone()
            };
            vec![on.clone(), password]
        }
        Thing::Change { on, .. } => vec![on.clone()],
        Thing::Entity(_) | Thing::Permission { .. } | Thing::Opened { .. } => Vec::new(),
    }
}

/// What an event removed, and with it all that ends with it.
enum Ended<'a> {
    Entity(&'a Entity),
    Function(&'a str),
}

fn ended(event: &CaseEvent) -> Vec<Ended<'_>> {
    match effect_of(event) {
        Some(Effect::Remove(kind)) => {
            let on = event.story.traces.on.iter().filter(|one| one.kind == kind);
            on.map(Ended::Entity).collect()
        }
        Some(Effect::RemoveFunction) => function(event).map(Ended::Function).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Returns what else an event changed: policies that were detached, keys and instances that were switched on or off.
fn changes<'a>(event: &'a CaseEvent) -> Vec<(Thing<'a>, Fate<'a>)> {
    let removed = |thing: Option<Thing<'a>>| -> Vec<(Thing<'a>, Fate<'a>)> {
        let removed = thing.map(|thing| (thing, Fate::Removed(event)));
        removed.into_iter().collect()
    };
    let switched = |kind: Kind, fate: Fate<'a>| {
        let on = event.story.traces.on.iter().filter(|one| one.kind == kind);
        on.map(|one| (Thing::Entity(one), fate)).collect::<Vec<_>>()
    };
    match (effect_of(event), event.story.key_status.as_deref()) {
        (Some(Effect::Take(kind)), _) => removed(granted(event, kind)),
        (Some(Effect::Leave), _) => removed(member(event)),
        (Some(Effect::Forbid), _) => removed(permission(event)),
        (Some(Effect::Stop(kind)), _) => switched(kind, Fate::SwitchedOff(event)),
        (Some(Effect::Start(kind)), _) => switched(kind, Fate::Present),
        (Some(Effect::SetKey), Some("Active")) => switched(Kind::AccessKey, Fate::Present),
        (Some(Effect::SetKey), Some("Inactive")) => {
            let off = Fate::SwitchedOff(event);
            let mut changes = switched(Kind::AccessKey, off);
            let what = Change::Activation;
            let key = on(event, Kind::AccessKey);
            changes.extend(key.map(|on| (Thing::Change { what, on }, off)));
            changes
        }
        _ => Vec::new(),
    }
}
