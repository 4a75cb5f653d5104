//! How each user stands at the end of the log, in a line.

use std::collections::BTreeSet;

use super::address::ip;
use super::state::{MadeThing, Party, Standing, UserState};
use super::{Case, Finding, UserCase, is_of_aws};
use crate::follow::{Entity, Kind, Quarantine};

/// A user of a case, in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The user, or what else the case began with.
    pub entity: Entity,
    /// The verdict. The names in it are from the log: whoever shows it must make it safe.
    pub verdict: String,
    /// True if something is usable, may be usable or was left behind, so that somebody must act.
    pub is_open: bool,
    /// True if the user was quarantined and no long-term key of it was seen, so that each of its keys may have leaked.
    pub is_key_unknown: bool,
    /// True if an alert tells of the user's quarantine, and nothing of the user is in what was read.
    pub is_missing: bool,
}

/// Returns a line for each user: those with something open come first, else in the order of the case.
#[must_use]
pub fn summaries(case: &Case, states: &[UserState<'_>]) -> Vec<Summary> {
    let users = case.users.iter().zip(states);
    let mut all: Vec<Summary> = users
        .map(|(user, state)| summary(case, user, state))
        .collect();
    all.sort_by_key(|one| (!one.is_open, one.is_key_unknown));
    all
}

fn summary(case: &Case, user: &UserCase, state: &UserState<'_>) -> Summary {
    let entity = user.beginning.subject();
    let is_key_unknown = is_key_unknown(state, entity);
    let is_not_found = case.about.not_found.contains(&user.beginning.entity);
    let is_missing = is_not_found && state.events.is_empty();
    let (leaked, is_usable) = leaked(state);
    let is_of_intruder = |one: &&MadeThing<'_>| one.by.party == Party::Intruder;
    let n_left = state.left_behind().filter(is_of_intruder).count();
    let n_doubtful = state.left_behind().count() - n_left;
    let n_open = state.open_temporary_keys().count();
    let n_others = n_others(case, state);
    let has_intruder = state.has_intruder();
    let standing = match is_not_found {
        true => "its quarantine is not in what was read",
        false => standing(state),
    };
    let mut parts = match is_missing {
        true => Vec::new(),
        false => vec![leaked],
    };
    parts.push(standing.to_owned());
    if is_attached_by_person(state, entity) && state.leak.finding != Finding::NotByAws {
        parts.push("not attached by AWS".to_owned());
    }
    if n_open > 0 && has_intruder {
        parts.push("temporary keys may be usable".to_owned());
    }
    match n_left {
        0 if has_intruder => parts.push("nothing left behind".to_owned()),
        0 => {}
        1 => parts.push("1 thing left behind".to_owned()),
        n => parts.push(format!("{n} things left behind")),
    }
    match n_doubtful {
        0 => {}
        1 => parts.push("1 thing made by an unknown party".to_owned()),
        n => parts.push(format!("{n} things made by an unknown party")),
    }
    match n_others {
        0 => {}
        1 => parts.push("1 other identity came from the foreign addresses".to_owned()),
        n => parts.push(format!(
            "{n} other identities came from the foreign addresses"
        )),
    }
    Summary {
        entity: entity.clone(),
        verdict: parts.join("; "),
        is_open: is_usable
            || is_key_unknown
            || n_left + n_doubtful > 0
            || n_others > 0
            || n_open > 0 && has_intruder,
        is_key_unknown,
        is_missing,
    }
}

/// Returns what is known about the leaked key, and whether one that leaked, or may have, is usable.
fn leaked(state: &UserState<'_>) -> (String, bool) {
    let leak = &state.leak;
    let is_usable = leak.keys.iter().any(|key| key.end.is_usable());
    let words = match leak.finding {
        Finding::One | Finding::Several => {
            let ids: Vec<&str> = leak.keys.iter().map(|key| &*key.key.name).collect();
            let state = match is_usable {
                true => "and is still usable",
                false => "and is off",
            };
            format!("key {} probably leaked {state}", ids.join(" or "))
        }
        Finding::NotByAws => {
            "no sign of a leak, a person attached the quarantine policy".to_owned()
        }
        Finding::OnlySessions | Finding::NoKey => {
            "it is not known which key leaked: no long-term key of the user was seen".to_owned()
        }
        Finding::NothingPoints | Finding::NoUser => "it is not known which key leaked".to_owned(),
    };
    let may_have_leaked = |key: &&Entity| leak.others.contains(key);
    let candidates = state
        .usable_keys()
        .any(|key| may_have_leaked(&key.key) && leak.finding == Finding::NothingPoints);
    (words, is_usable || candidates)
}

/// Returns whether a user was quarantined and no long-term key of it was seen. Then each key that it has may have
/// leaked.
pub(super) fn is_key_unknown(state: &UserState<'_>, entity: &Entity) -> bool {
    let is_unseen = matches!(state.leak.finding, Finding::OnlySessions | Finding::NoKey);
    let is_there = entity.kind == Kind::User && state.deleted().is_none();
    is_unseen && is_there && !matches!(state.standing, Standing::NeverSeen)
}

/// Returns the state of the quarantine in a few words.
pub(super) fn standing(state: &UserState<'_>) -> &'static str {
    match state.standing {
        Standing::NeverSeen => "no quarantine seen",
        Standing::Quarantined => "quarantined",
        Standing::Lifted(_) => "quarantine lifted",
        Standing::Unclear(_) => "quarantine perhaps lifted",
    }
}

/// Returns whether the first quarantine of a user was attached by somebody else than AWS.
fn is_attached_by_person(state: &UserState<'_>, entity: &Entity) -> bool {
    let is_quarantine = |event: &&&super::CaseEvent| {
        entity.kind == Kind::User && event.story.quarantine == Some(Quarantine::Made)
    };
    let first = state.to_user.iter().find(is_quarantine);
    first.is_some_and(|event| !is_of_aws(&event.alert))
}

/// Returns the number of other identities that came from the foreign addresses.
fn n_others(case: &Case, state: &UserState<'_>) -> usize {
    let foreign = &state.foreign_addresses;
    let there = case
        .neighbours
        .iter()
        .filter(|one| ip(&one.address).is_some_and(|ip| foreign.contains(&ip)));
    let others: BTreeSet<&Entity> = there.map(|one| &one.entity).collect();
    others.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::state::states;
    use crate::case::testing::{Call, OFFICE, STRANGER, case, lifts, quarantine, user};

    fn call(at: &str, name: &str) -> Call {
        Call::new(at, name).by("alice", "AKIALEAKED")
    }

    #[track_caller]
    fn check(calls: &[Call], verdict: &str, is_open: bool) {
        let case = case(&user("alice"), calls);
        let [summary] = &summaries(&case, &states(&case))[..] else {
            panic!("not one user");
        };
        assert_eq!((&*summary.verdict, summary.is_open), (verdict, is_open));
    }

    #[test]
    fn a_quarantined_user_whose_key_is_not_known_needs_action() {
        let verdict =
            "it is not known which key leaked: no long-term key of the user was seen; quarantined";
        check(&[quarantine("alice")], verdict, true);
        let gone = Call::new("05-11 10:00", "DeleteUser")
            .by("ops", "AKIAOPS")
            .on(user("alice"));
        check(&[quarantine("alice"), gone], verdict, false);
    }

    #[test]
    fn of_a_user_that_is_not_in_what_was_read_nothing_is_said() {
        let mut case = case(&user("alice"), &[]);
        case.about.not_found = vec![user("alice")];
        let summaries = summaries(&case, &states(&case));
        assert_eq!(
            summaries[0].verdict,
            "its quarantine is not in what was read"
        );
        assert_eq!(
            (summaries[0].is_missing, summaries[0].is_open),
            (true, false)
        );
    }

    #[test]
    fn a_line_has_what_leaked_and_what_is_open() {
        let usual = call("05-01 10:00", "ListBuckets").from(OFFICE, "cli");
        let foreign = call("05-08 21:40", "ListUsers").from(STRANGER, "kali");
        let made = call("05-08 21:45", "CreateUser").from(STRANGER, "kali");
        let made = made.made(user("bob"));
        let off = Call::new("05-10 13:00", "DeleteAccessKey")
            .by("ops", "AKIAOPS")
            .on(crate::case::testing::key("AKIALEAKED"))
            .on(user("alice"));
        let known = [usual.clone(), foreign, quarantine("alice")];
        check(
            &known,
            "key AKIALEAKED probably leaked and is still usable; quarantined; nothing left behind",
            true,
        );
        check(
            &[&known[..], std::slice::from_ref(&off)].concat(),
            "key AKIALEAKED probably leaked and is off; quarantined; nothing left behind",
            false,
        );
        check(
            &[&known[..], &[off, made, lifts("05-12 10:00", "alice")]].concat(),
            "key AKIALEAKED probably leaked and is off; quarantine lifted; 1 thing left behind",
            true,
        );
    }
}
