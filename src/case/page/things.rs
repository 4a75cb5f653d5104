//! What an intruder made or took, as a verdict and its commands need it.

use std::collections::BTreeMap;

use super::event_text::{changed, in_account, kind};
use super::own::Own;
use super::shown;
use crate::case::CaseEvent;
use crate::case::owners::owned;
use crate::case::state::{self, Change, Fate, MadeThing, Party, UserState, Way};
use crate::follow::{Entity, Kind};
use crate::input::layout::is_account;
use crate::output::Column;

/// Maximum number of secrets, or of things that were left, for which a verdict has commands.
pub(super) const COMMANDS_MAX: usize = 40;

/// Something that an intruder made or took.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Thing {
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) region: String,
    /// The user that a key belongs to.
    pub(super) owner: String,
    /// True if it is known that the intruder made it.
    pub(super) is_of_intruder: bool,
    /// The part of it that was made or changed; nothing if all of it was made.
    pub(super) part: Option<Part>,
    /// The outsiders to whom it gives access.
    pub(super) outsiders: Vec<String>,
    /// Why it may be gone; an empty text if the log shows that it is there.
    pub(super) doubt: &'static str,
}

/// A part of something that an intruder made or changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// The policy was attached to this entity or put on it.
    PolicyOf(Entity),
    /// The user was added to a group with this name.
    MemberOf(String),
    /// This was changed in it.
    Changed(Change),
    /// Others were permitted to call the function, by a statement with this id.
    Permission(String),
    /// An outsider was let in.
    Opened {
        /// The way in which that was done.
        way: Way,
        /// The outsider; empty for an identity provider.
        to: String,
        /// The id of what the call gave, if there is one.
        id: String,
    },
}

impl Thing {
    /// Returns its kind and name, its account if that is known, and why it may be gone.
    pub(super) fn words(&self) -> String {
        match self.doubt {
            "" => self.name_in_words("may"),
            doubt => format!("{} ({doubt})", self.name_in_words("may")),
        }
    }

    /// Returns the same for a thing that was removed.
    pub(super) fn words_if_removed(&self) -> String {
        self.name_in_words("could")
    }

    fn name_in_words(&self, may: &str) -> String {
        let words = self.part_in_words();
        let whom: Vec<String> = self.outsiders.iter().map(|one| outsider(one)).collect();
        match (&self.part, whom.join(", ")) {
            (_, whom) if whom.is_empty() => words,
            (Some(Part::Permission(_)), whom) => format!("{words}: {whom}"),
            (Some(Part::Opened { way, .. }), whom) => {
                format!("{words}, open to {whom} ({})", way.words())
            }
            (_, whom) => format!("{words}, which {whom} {may} take"),
        }
    }

    fn part_in_words(&self) -> String {
        let whole = || {
            let whole = in_account(&kind(self.kind), &self.name, &self.account);
            match self.kind == Kind::Instance && !self.region.is_empty() {
                true => format!("{whole} ({})", shown(&self.region)),
                false => whole,
            }
        };
        match &self.part {
            None => whole(),
            Some(Part::PolicyOf(to)) => {
                let policy = self.name.rsplit('/').next().unwrap_or_default();
                let to = format!("{} {}", to.kind.name(), shown(&to.name));
                format!("policy {} on {to}", shown(policy))
            }
            Some(Part::MemberOf(group)) => {
                format!("{} as a member of group {}", whole(), shown(group))
            }
            Some(Part::Changed(what)) => format!("{} of {}", changed(*what), whole()),
            Some(Part::Permission(_)) => {
                let function = in_account("function", &self.name, &self.account);
                format!("permission for others to call {function}")
            }
            Some(Part::Opened { way, to, .. }) => {
                let thing = in_account(&way.kind(), &self.name, &self.account);
                match to.is_empty() {
                    true => format!("{thing} ({})", way.words()),
                    false => thing,
                }
            }
        }
    }
}

/// Returns an outsider in words: `account 444455556666`, `everybody`.
pub(super) fn outsider(name: &str) -> String {
    match is_account(name) {
        true => format!("account {name}"),
        false => shown(name),
    }
}

/// Returns what an intruder made and nobody removed.
pub(super) fn left(state: &UserState<'_>, made: &MadeThing<'_>) -> Thing {
    let one = match made.thing {
        state::Thing::Entity(entity) => thing(entity, made.made),
        state::Thing::Grant { policy, to } => Thing {
            kind: Kind::Policy,
            name: policy.to_owned(),
            part: Some(Part::PolicyOf(to.clone())),
            ..thing(to, made.made)
        },
        state::Thing::Member { user, group } => Thing {
            part: Some(Part::MemberOf(group.name.clone())),
            ..thing(user, made.made)
        },
        state::Thing::Change { what, on } => Thing {
            part: Some(Part::Changed(what)),
            ..thing(on, made.made)
        },
        state::Thing::Permission {
            function,
            statement,
        } => Thing {
            part: Some(Part::Permission(statement.to_owned())),
            ..thing(&Entity::by_name(Kind::Service, function), made.made)
        },
        state::Thing::Opened { way, on, to, id } => Thing {
            part: Some(Part::Opened {
                way,
                to: to.to_owned(),
                id: id.to_owned(),
            }),
            ..thing(&Entity::by_name(Kind::Service, on), made.made)
        },
    };
    let outsiders = state.outsiders_of(made).into_iter();
    Thing {
        is_of_intruder: made.by.party == Party::Intruder,
        outsiders: outsiders.map(str::to_owned).collect(),
        doubt: match made.fate {
            Fate::NotFollowed => "whether it was undone was not searched for",
            Fate::Unclear(_) => "whether it was undone before or after that is not known",
            _ => "",
        },
        ..one
    }
}

fn thing(entity: &Entity, event: &CaseEvent) -> Thing {
    let text = |column| event.alert.text(column).unwrap_or_default();
    let account = match entity.account.is_empty() {
        true => text(Column::RecipientAccountId),
        false => &entity.account,
    };
    let owner = owned(&event.alert, &event.story).find(|(key, _)| *key == entity);
    Thing {
        kind: entity.kind,
        name: entity.name.clone(),
        account: account.to_owned(),
        region: text(Column::AwsRegion).to_owned(),
        owner: owner.map(|(_, user)| user.name.clone()).unwrap_or_default(),
        is_of_intruder: false,
        part: None,
        outsiders: Vec::new(),
        doubt: "",
    }
}

/// Returns the roles whose keys were taken.
pub(super) fn roles(own: &Own<'_>) -> Vec<Thing> {
    // Each role once, and whether the intruder is known to have taken it.
    let mut roles: BTreeMap<Thing, bool> = BTreeMap::new();
    let events = own.of_intruder();
    for one in events.filter(|one| one.event.story.error_code.is_none()) {
        let event = one.event;
        for session in event
            .story
            .traces
            .given
            .iter()
            .filter(|one| one.kind == Kind::Session)
        {
            let Some(role) = Entity::role_of_session(&session.name) else {
                continue;
            };
            let role = Thing {
                region: String::new(),
                owner: String::new(),
                ..thing(&role, event)
            };
            *roles.entry(role).or_default() |= one.by.party == Party::Intruder;
        }
    }
    let roles = roles.into_iter().map(|(role, is_of_intruder)| Thing {
        is_of_intruder,
        ..role
    });
    roles.collect()
}

/// Returns what the intruder made and removed again.
pub(super) fn removed(own: &Own<'_>) -> Vec<String> {
    let is_of_intruder = |event: &CaseEvent| {
        let by = own.state.by(event);
        by.is_some_and(|by| by.party == Party::Intruder)
    };
    let made = own.state.made.iter();
    let made = made.filter(|one| one.by.party == Party::Intruder);
    let removed = made.filter_map(|one| match one.fate {
        Fate::Removed(event) if is_of_intruder(event) => Some(format!(
            "{}: made {}, removed {}",
            left(own.state, one).words_if_removed(),
            own.clock.time(one.made.alert.time()),
            own.clock.time(event.alert.time())
        )),
        _ => None,
    });
    removed.take(COMMANDS_MAX).collect()
}
