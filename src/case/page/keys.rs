//! The keys of a user and what was made, as a page shows them.

use super::clock::Clock;
use super::event_text::{changed, doubt_words, kind, text, who};
use super::shown;
use super::things::outsider;
use crate::case::state::{Fate, KeyEnd, KeyState, MadeThing, Party, Thing, UserState};
use crate::case::{CaseEvent, Finding, is_of_aws};
use crate::output::Column;

/// The facts about a key.
#[derive(Debug)]
pub(super) struct KeyFacts {
    pub(super) id: String,
    pub(super) whose: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) n: u64,
    pub(super) state: String,
    /// True if it may still be used, and leaked or was made by strangers.
    pub(super) is_bad: bool,
}

/// Returns the keys of the user and of what it led to, with their state. Those to be switched off come first, then those
/// that leaked.
pub(super) fn keys(state: &UserState<'_>, clock: &Clock) -> Vec<KeyFacts> {
    let keys = state.keys.iter().map(|key| {
        let has_leaked = state.has_leaked(key);
        let maker = state.made_key(key).map(|made| made.by.party);
        let is_of_strangers = maker.is_some_and(Party::may_be_intruder);
        let may_have_leaked =
            state.leak.finding == Finding::NothingPoints && state.leak.others.contains(&key.key);
        let is_of_aws = key.first.is_some_and(|event| is_of_aws(&event.alert));
        let mut notes = match is_of_aws {
            true => vec!["temporary key of AWS itself, which acted in the user's name".to_owned()],
            false => vec![key_end(key.end, clock)],
        };
        if key.seen.n_events == 0 {
            notes.push("not seen in use".to_owned());
        }
        if has_leaked {
            notes.push("probably leaked".to_owned());
        }
        notes.extend(maker.map(|maker| made_by(maker).to_owned()));
        let is_bad = key.is_long_term()
            && key.end.is_usable()
            && (has_leaked || may_have_leaked || is_of_strangers);
        let rank = (!is_bad, !has_leaked, !key.is_long_term());
        let facts = KeyFacts {
            id: shown(&key.key.name),
            whose: whose(key),
            first: clock.time_if_any(key.seen.first),
            last: clock.time_if_any(key.seen.last),
            n: key.seen.n_events,
            state: notes.join("; "),
            is_bad,
        };
        (rank, facts)
    });
    let mut keys: Vec<_> = keys.collect();
    keys.sort_by_key(|(rank, _)| *rank);
    keys.into_iter().map(|(_, facts)| facts).collect()
}

/// Returns the state of a key at the end of the log.
pub(super) fn key_end(end: KeyEnd<'_>, clock: &Clock) -> String {
    let when = |event: &CaseEvent| clock.time(event.alert.time());
    let since = |event: &CaseEvent| match event.alert.time() {
        None => clock.time(None),
        time => format!("since {}", clock.time(time)),
    };
    match end {
        KeyEnd::Active => "active: this archive has no event that switched it off".to_owned(),
        KeyEnd::ActiveAgain(event) => format!("active again {}", since(event)),
        KeyEnd::Inactive(event) => format!("inactive {}", since(event)),
        KeyEnd::Deleted(event) => format!("deleted {}", when(event)),
        KeyEnd::UserDeleted(event) => format!("its user was deleted {}", when(event)),
        KeyEnd::OfSession => "temporary key of a session".to_owned(),
        KeyEnd::Unclear(doubt) => format!("not known: {}", doubt_words(doubt, clock)),
    }
}

/// Returns the owner of a key: the user or the session, without the beginning of its ARN.
fn whose(key: &KeyState<'_>) -> String {
    let Some(event) = key.first else {
        return match key.owner {
            Some(owner) => shown(&format!("user/{} in {}", owner.name, owner.account)),
            None => String::new(),
        };
    };
    let arn = event.alert.text(Column::ActorArn).unwrap_or_default();
    let mut parts = arn.splitn(6, ':').skip(4);
    match (parts.next(), parts.next()) {
        (Some(account), Some(resource)) => shown(&format!("{resource} in {account}")),
        _ => text(event, Column::ActorName),
    }
}

/// Returns who made something.
fn made_by(party: Party) -> &'static str {
    match party {
        Party::Intruder => "made by the intruder",
        Party::Unknown => "made by an unknown party",
        Party::User => "made by the user",
        Party::Response => "made by the response",
        Party::Other => "made by others before the quarantine",
        Party::Aws => "made by AWS",
    }
}

/// Something that was made.
#[derive(Debug)]
pub(super) struct MadeFacts {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) when: String,
    pub(super) by: String,
    pub(super) maker: &'static str,
    /// The reason to say that it was made by these.
    pub(super) why: &'static str,
    pub(super) fate: String,
    /// True if strangers made it, and it may still be there.
    pub(super) is_bad: bool,
}

/// Returns what was made, with its maker and its fate. What may be left of strangers comes first.
pub(super) fn made(state: &UserState<'_>, clock: &Clock) -> Vec<MadeFacts> {
    let made = state.made.iter().map(|one| {
        let (kind, name) = match one.thing {
            Thing::Entity(entity) => (kind(entity.kind), shown(&entity.name)),
            Thing::Grant { policy, to } => {
                let to = format!(
                    "{} for {} {}",
                    shown(policy),
                    to.kind.name(),
                    shown(&to.name)
                );
                ("policy attached".to_owned(), to)
            }
            Thing::Member { user, group } => {
                let to = format!("{} in group {}", shown(&user.name), shown(&group.name));
                ("member of a group".to_owned(), to)
            }
            Thing::Change { what, on } => (
                changed(what).to_owned(),
                format!("{} {}", on.kind.name(), shown(&on.name)),
            ),
            Thing::Permission { function, .. } => {
                ("permission for others".to_owned(), shown(function))
            }
            Thing::Opened { way, on, to, .. } => {
                let to = match to {
                    "" => String::new(),
                    to => format!(" for {}", outsider(to)),
                };
                let name = format!("{} {}{to}", way.kind(), shown(on));
                (way.words().to_owned(), name)
            }
        };
        MadeFacts {
            kind,
            name,
            when: clock.time(one.made.alert.time()),
            by: who(one.made),
            maker: made_by(one.by.party),
            why: one.by.why.words(),
            fate: fate(one, clock),
            is_bad: one.by.party.may_be_intruder() && one.fate.may_be_there(),
        }
    });
    let mut made: Vec<MadeFacts> = made.collect();
    made.sort_by_key(|one| !one.is_bad);
    made
}

fn fate(one: &MadeThing<'_>, clock: &Clock) -> String {
    let by = |event: &CaseEvent| format!("{} by {}", clock.time(event.alert.time()), who(event));
    match one.fate {
        Fate::Removed(event) => format!("removed {}", by(event)),
        Fate::Replaced(event) => format!("changed again {}", by(event)),
        Fate::SwitchedOff(event) => format!("switched off {}", by(event)),
        Fate::Present => "still there: this archive has no event that removed it".to_owned(),
        Fate::NotFollowed => "not known: later events about it were not searched for".to_owned(),
        Fate::Unclear(doubt) => format!("not known: {}", doubt_words(doubt, clock)),
    }
}
