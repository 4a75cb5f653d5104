//! What an intruder made or took, as a verdict and its commands need it.

use std::collections::BTreeMap;

use super::event_text::{changed, in_account, kind};
use super::own::Own;
use super::shown;
use crate::case::CaseEvent;
use crate::case::owners::owned;
use crate::case::state::{self, Change, Fate, MadeThing, Party};
use crate::follow::{Entity, Kind};
use crate::output::Column;

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
}

impl Thing {
    /// Returns its kind and name, its account if that is known, and why it may be gone.
    pub(super) fn words(&self) -> String {
        match self.doubt {
            "" => self.name_in_words(),
            doubt => format!("{} ({doubt})", self.name_in_words()),
        }
    }

    fn name_in_words(&self) -> String {
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
        }
    }
}

/// Returns what an intruder made and nobody removed.
pub(super) fn left(made: &MadeThing<'_>) -> Thing {
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
    };
    Thing {
        is_of_intruder: made.by.party == Party::Intruder,
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
