//! The verdict about a user: what leaked, since when it was used by others, what is still open.
//!
//! It is plain data, which the templates show. What an address or a key says about a stranger is a guess, and each
//! guess has its reasons beside it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::clock::length;
use super::data::{Logs, Secret, is_data, logs, secrets};
use super::event_text::{call, doubt_words, entity_words, target, who};
use super::keys::{KeyFacts, key_end};
use super::lacking::gaps;
use super::own::Own;
use super::places::{Places, address};
use super::shown;
use super::things::{COMMANDS_MAX, Thing, left, removed, roles};
use super::words::{day, plural};
use crate::case::address::ip;
use crate::case::logging::attacks_logging;
use crate::case::state::{Party, Standing};
use crate::case::summary::{is_key_unknown, standing as standing_in_short};
use crate::case::{CaseEvent, Finding, ForeignUse, Neighbour, is_of_aws, leak};
use crate::follow::Entity;
use crate::output::Column;

/// The verdict about a user.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Its state in a few words, for a table of users.
    pub(super) state: String,
    /// How urgent it is. Only the order of two users counts.
    pub(super) risk: u32,
    /// The keys that probably leaked, the most probable first.
    pub(super) leaked: Vec<LeakedKey>,
    /// The reason why none is named.
    pub(super) not_known: String,
    /// How much they were used after the quarantine was lifted.
    pub(super) used_later: String,
    /// The first use by a stranger, and how long that was before the quarantine.
    pub(super) first_foreign: Option<String>,
    /// Keys that are usable at the end of the log and leaked, may have leaked, or were made by the intruder.
    pub(super) usable: Vec<String>,
    /// The temporary keys that may be usable after the end of the log, and how many others have ended.
    pub(super) temporary: Vec<String>,
    /// The number of temporary keys that an intruder got and that may be usable after the end of the log.
    pub(super) n_open: usize,
    /// What the archive lacks for this verdict; nothing if gaps cannot be seen.
    pub(super) gaps: Option<Vec<String>>,
    /// The user's own usable keys if nothing says which of several leaked.
    pub(super) candidates: Vec<String>,
    /// What the intruder, or an unknown party, made and nobody removed.
    pub(super) left: Vec<Thing>,
    /// Data that was read, copied, shared, changed or removed, each with the call.
    pub(super) touched: Vec<String>,
    /// Calls against logs and detectors.
    pub(super) logging: Vec<String>,
    /// Addresses that are foreign to the user. If there are none, nothing separates the intruder's calls from the user's.
    pub(super) foreign: Vec<String>,
    /// Others who came from the foreign addresses: their keys may have leaked as well.
    pub(super) others: Vec<Other>,
    /// Secrets and parameters that were read or changed.
    pub(super) secrets: Vec<Secret>,
    /// True if the quarantine was lifted.
    pub(super) is_lifted: bool,
    /// Addresses that the user was seen at before.
    pub(super) usual: Vec<String>,
    /// The roles that the user, or the intruder, took.
    pub(super) roles: Vec<Thing>,
    /// The state of the quarantine.
    pub(super) quarantine: String,
    /// When the user was deleted and by whom, if it was, and not made again.
    pub(super) deleted: Option<String>,
    /// The trails and accounts that calls against logs acted on.
    pub(super) logs: Vec<Logs>,
    /// The person who attached the policy, and the address, if it was not AWS.
    pub(super) attached_by: Option<String>,
    /// True if a person attached the policy and nothing points at a leak.
    pub(super) is_false_alarm: bool,
    /// What the intruder made and removed again, each with the times.
    pub(super) removed: Vec<String>,
    /// True if the user was quarantined and no long-term key of it was seen.
    pub(super) is_key_unknown: bool,
}

impl Verdict {
    /// Returns the first things that were left, those open to outsiders before the others.
    pub(super) fn first_left(&self) -> &[Thing] {
        &self.left[..self.left.len().min(COMMANDS_MAX)]
    }

    /// Returns the number of the others.
    pub(super) fn n_more_left(&self) -> usize {
        self.left.len() - self.first_left().len()
    }

    /// Returns whether the archive is known to have gaps.
    pub(super) fn has_gaps(&self) -> bool {
        self.gaps.as_ref().is_some_and(|gaps| !gaps.is_empty())
    }
}

/// A key that probably leaked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeakedKey {
    pub(super) id: String,
    /// Why it is one.
    pub(super) reasons: Vec<String>,
    /// Its state at the end of the log.
    pub(super) at_end: String,
    /// True if nothing in the log shows that it was switched off.
    pub(super) is_usable: bool,
}

/// Another identity at a foreign address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) who: Entity,
    pub(super) words: String,
}

/// Returns the verdict about a user.
pub(super) fn verdict(own: &Own<'_>, places: &Places<'_>, keys: &[KeyFacts]) -> Verdict {
    let leak = &own.state.leak;
    let first = leak
        .keys
        .iter()
        .filter_map(|key| Some((key, key.first_foreign_use?)));
    let first = first.min_by_key(|(_, first)| first.time);
    let left = own.state.left_behind().map(|made| left(own.state, made));
    let mut left: Vec<Thing> = left.collect();
    // What outsiders can use must not be missed among things of other kinds.
    left.sort_by_key(|thing| thing.outsiders.is_empty());
    let usable = keys.iter().filter(|key| key.is_bad);
    let with_country = |address: &&str| {
        let country = own.countries.get(*address);
        let country = country.map_or_else(String::new, |code| format!(" ({code})"));
        format!("{}{country}", shown(address))
    };
    let mut verdict = Verdict {
        first_foreign: first.map(|(key, first)| first_foreign(own, first, key.before_quarantine)),
        used_later: used_later(own),
        touched: calls(own, &is_data),
        logging: calls(own, &|event| attacks_logging(event).map(|_| 0)),
        foreign: places.foreign.iter().map(with_country).collect(),
        others: others(own),
        secrets: secrets(own),
        candidates: candidates(own),
        temporary: temporary(own),
        n_open: own
            .state
            .open_temporary_keys()
            .filter(|key| key.by.party == Party::Intruder)
            .count(),
        gaps: gaps(own),
        is_lifted: matches!(own.state.standing, Standing::Lifted(_)),
        usual: places.usual.iter().map(with_country).collect(),
        roles: roles(own),
        quarantine: quarantine(own),
        deleted: deleted(own),
        logs: logs(own),
        attached_by: attached_by(own),
        is_false_alarm: leak.finding == Finding::NotByAws,
        removed: removed(own),
        leaked: leak.keys.iter().map(|key| leaked(own, key)).collect(),
        not_known: not_known(own),
        is_key_unknown: is_key_unknown(own.state, own.user()),
        usable: usable.map(|key| key.id.clone()).collect(),
        left,
        state: String::new(),
        risk: 0,
    };
    verdict.state = state(own, &verdict);
    verdict.risk = risk(&verdict);
    verdict
}

/// Returns the state in a few words.
fn state(own: &Own<'_>, verdict: &Verdict) -> String {
    let mut parts = vec![standing_in_short(own.state).to_owned()];
    if verdict.deleted.is_some() {
        parts.push("user deleted".to_owned());
    }
    if verdict.attached_by.is_some() {
        parts.push("not by AWS".to_owned());
    }
    if verdict.leaked.iter().any(|key| key.is_usable) {
        parts.push("leaked key usable".to_owned());
    } else if !verdict.leaked.is_empty() {
        parts.push("leaked key off".to_owned());
    }
    if verdict.is_key_unknown {
        parts.push("key not known".to_owned());
    }
    if verdict.n_open > 0 {
        parts.push("temporary keys perhaps usable".to_owned());
    }
    if !verdict.left.is_empty() {
        parts.push(format!(
            "{} left behind",
            plural(verdict.left.len() as u64, "thing")
        ));
    }
    parts.join("; ")
}

fn risk(verdict: &Verdict) -> u32 {
    let n = |len: usize| u32::try_from(len.min(20)).unwrap_or(20);
    let usable = verdict.leaked.iter().filter(|key| key.is_usable).count();
    100 * n(usable.min(1))
        + 50 * n(verdict.n_open.min(1))
        + 50 * n(usize::from(verdict.is_key_unknown))
        + 20 * n(verdict.left.len())
        + 15 * n(verdict.logging.len().min(2))
        + 10 * n(verdict.touched.len().min(5))
        + 5 * n(verdict.roles.len().min(5))
        + 10 * n(verdict.foreign.len().min(2))
        + 10 * n(verdict.others.len().min(2))
}

fn quarantine(own: &Own<'_>) -> String {
    let by = attached_by(own).map(|by| format!(" (attached by {by}, not by AWS)"));
    standing(own) + &by.unwrap_or_default()
}

/// Returns the person who attached the policy, and the address, if it was not AWS.
fn attached_by(own: &Own<'_>) -> Option<String> {
    let event = own.quarantine().filter(|event| !is_of_aws(&event.alert))?;
    let from = address(event)?;
    Some(format!("{} from {}", who(event), shown(from)))
}

fn standing(own: &Own<'_>) -> String {
    match own.state.standing {
        Standing::NeverSeen => "none was seen".to_owned(),
        Standing::Quarantined => match own.quarantined {
            None => "in place, since a time that cannot be read".to_owned(),
            time => format!("in place since {}", own.clock.time(time)),
        },
        Standing::Lifted(event) => {
            let (when, doubt) = (own.clock.time(event.alert.time()), own.doubt_about(event));
            format!("lifted {when} by {}{doubt}", who(event))
        }
        Standing::Unclear(doubt) => {
            format!(
                "not clear whether it was lifted: {}",
                doubt_words(doubt, own.clock)
            )
        }
    }
}

/// Returns when the user was deleted and by whom, if that is the last that was done of making and deleting it.
fn deleted(own: &Own<'_>) -> Option<String> {
    own.account()?;
    let last = own.state.deleted()?;
    let when = own.clock.time(last.alert.time());
    Some(format!(
        "deleted {when} by {}{}",
        who(last),
        own.doubt_about(last)
    ))
}

/// Returns the others who came from the foreign addresses.
fn others(own: &Own<'_>) -> Vec<Other> {
    let strangers = &own.state.foreign_addresses;
    let is_there = |address: &str| ip(address).is_some_and(|ip| strangers.contains(&ip));
    let mut others: BTreeMap<&Entity, Vec<&Neighbour>> = BTreeMap::new();
    for one in own.neighbours.iter().filter(|one| is_there(&one.address)) {
        others.entry(&one.entity).or_default().push(one);
    }
    let others = others.into_iter().map(|(who, at)| {
        let calls = at.iter().map(|one| {
            let n = plural(one.seen.n_events, "call");
            format!("{n} from {}", shown(&one.address))
        });
        let calls: Vec<String> = calls.collect();
        let last = at.iter().filter_map(|one| one.seen.last).max();
        let last = last.map(|last| format!(", the last {}", own.clock.time(Some(last))));
        Other {
            who: who.clone(),
            words: format!(
                "{}: {}{}",
                entity_words(who),
                calls.join(", "),
                last.unwrap_or_default()
            ),
        }
    });
    others.collect()
}

/// Returns the user's own usable keys if nothing says which of several leaked.
fn candidates(own: &Own<'_>) -> Vec<String> {
    if own.state.leak.finding != Finding::NothingPoints {
        return Vec::new();
    }
    let usable = own.state.usable_keys();
    let own_keys = usable.filter(|key| own.state.leak.others.contains(&key.key));
    own_keys.map(|key| key.key.name.clone()).collect()
}

/// Returns the temporary keys that may be usable after the end of the log, and how many others have ended.
fn temporary(own: &Own<'_>) -> Vec<String> {
    let has_intruder = own.state.has_intruder();
    let open: Vec<_> = own.state.open_temporary_keys().collect();
    let n_over = own.state.temporary_keys.len() - open.len();
    let words = open.iter().take(CALLS_MAX).map(|one| {
        let role = one.role.as_ref();
        let role = role.map_or_else(String::new, |role| format!(", {}", entity_words(role)));
        let until = match one.ends {
            Some(ends) => format!("usable until {}, unless a policy denies it", own.clock.time(Some(ends))),
            None => "the log does not show when it ends; unless a policy denies it, it may still be usable".to_owned(),
        };
        let unknown = match (has_intruder, one.by.party) {
            (true, Party::Unknown) => ", got by an unknown party",
            _ => "",
        };
        let key = shown(&one.key.name);
        format!("{key} (from {}{role}){unknown}: {until}", call(one.given))
    });
    let mut words: Vec<String> = words.collect();
    let n_left = open.len().saturating_sub(CALLS_MAX);
    if n_left > 0 {
        words.push(format!("and {n_left} more"));
    }
    if n_over > 0 {
        let over = plural(n_over as u64, "temporary key");
        words.push(format!(
            "{over} ended before the end of the log: {}",
            ended(own)
        ));
    }
    words
}

/// Returns the first temporary keys that ended before the end of the log.
fn ended(own: &Own<'_>) -> String {
    let open = own.state.open_temporary_keys();
    let open: BTreeSet<&str> = open.map(|one| one.key.name.as_str()).collect();
    let all = own.state.temporary_keys.iter();
    let over = all.filter(|one| !open.contains(one.key.name.as_str()));
    let mut names: Vec<String> = over.map(|one| shown(&one.key.name)).collect();
    let n_left = names.len().saturating_sub(CALLS_MAX);
    names.truncate(CALLS_MAX);
    if n_left > 0 {
        names.push(format!("{n_left} more"));
    }
    names.join(", ")
}

fn first_foreign(
    own: &Own<'_>,
    first: ForeignUse<'_>,
    before_quarantine: Option<SignedDuration>,
) -> String {
    let mut words = format!(
        "{}, {} from {}",
        own.clock.time(Some(first.time)),
        call(first.event),
        shown(first.address)
    );
    if let Some(agent) = first.agent {
        words.push_str(&format!(" with {}", shown(agent)));
    }
    if let Some(before) = before_quarantine {
        let side = if before.is_negative() {
            "after"
        } else {
            "before"
        };
        words.push_str(&format!("; {} {side} the quarantine", length(before)));
    }
    words
}

/// Returns a key that probably leaked, with the reasons.
fn leaked(own: &Own<'_>, key: &leak::LeakedKey<'_>) -> LeakedKey {
    let reasons = key.reasons.iter().map(|reason| reason.words().to_owned());
    LeakedKey {
        id: shown(&key.key.name),
        reasons: reasons.collect(),
        at_end: key_end(key.end, own.clock),
        is_usable: key.end.is_usable(),
    }
}

/// Returns the reason why no key is named; an empty text if one is.
fn not_known(own: &Own<'_>) -> String {
    let leak = &own.state.leak;
    match leak.finding {
        Finding::One | Finding::Several => String::new(),
        Finding::NothingPoints => {
            let others: Vec<String> = leak.others.iter().map(|key| shown(&key.name)).collect();
            format!("not known: nothing points at one of {}", others.join(", "))
        }
        Finding::NotByAws => {
            "no key: a person attached the policy, not AWS, and no use of a key looks foreign"
                .to_owned()
        }
        Finding::OnlySessions | Finding::NoKey => {
            format!(
                "not known: no long-term key of the user was seen{}",
                further_back(own)
            )
        }
        Finding::NoUser => "not known: the case is not about a user".to_owned(),
    }
}

/// Returns how to look for keys in earlier events, if the case has none from before its time range.
fn further_back(own: &Own<'_>) -> String {
    let Some(since) = own.since else {
        return String::new();
    };
    format!(
        " since {}; {} looks further back",
        day(since),
        own.about.window.further_back()
    )
}

/// Returns how much the leaked keys were used after the quarantine was lifted; an empty text if they were not.
fn used_later(own: &Own<'_>) -> String {
    let words = own.state.used_since_lifted().map(|key| {
        format!(
            "{}: {}, the last {}",
            shown(&key.key.name),
            plural(key.since_lifted.n_events, "call"),
            own.clock.time(key.since_lifted.last)
        )
    });
    words.collect::<Vec<_>>().join("; ")
}

/// Maximum number of calls of a kind that a verdict names.
const CALLS_MAX: usize = 12;

/// Returns calls of a kind, each with its target and the number of times: those with the lowest rank first.
fn calls(own: &Own<'_>, rank: &dyn Fn(&CaseEvent) -> Option<u8>) -> Vec<String> {
    let mut found: BTreeMap<(u8, String), u64> = BTreeMap::new();
    let has_intruder = own.state.has_intruder();
    for one in own.of_intruder() {
        let event = one.event;
        let Some(rank) = rank(event) else {
            continue;
        };
        let refused = event.story.error_code.as_ref().map_or("", |_| ", refused");
        let target = match target(event) {
            target if target.is_empty() => String::new(),
            target => format!(" {target}"),
        };
        let account = event.alert.text(Column::RecipientAccountId);
        let account = account.filter(|account| Some(*account) != own.account());
        let account = account.map_or_else(String::new, |account| format!(" in {}", shown(account)));
        let unknown = match (has_intruder, one.by.party) {
            (true, Party::Unknown) => ", by an unknown party",
            _ => "",
        };
        let words = format!("{}{target}{account}{refused}{unknown}", call(event));
        *found.entry((rank, words)).or_default() += 1;
    }
    let n_left = found.len().saturating_sub(CALLS_MAX);
    let mut calls: Vec<String> = found
        .into_iter()
        .take(CALLS_MAX)
        .map(|((_, call), n)| match n {
            1 => call,
            n => format!("{call} ({n} times)"),
        })
        .collect();
    if n_left > 0 {
        calls.push(format!("and {n_left} more"));
    }
    calls
}
