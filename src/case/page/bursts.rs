//! What happened to a user, in bursts: calls from one address with short gaps between them, as a few words each.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::clock::stamp;
use super::event_text::{call, kind, target, who};
use super::own::Own;
use super::places::{Places, address};
use super::shown;
use super::words::plural;
use crate::case::CaseEvent;
use crate::follow::{Entity, Kind, Quarantine};
use crate::output::Column;
use crate::report::Relation;

/// Calls that are further apart belong to two bursts.
const GAP: SignedDuration = SignedDuration::from_mins(30);
/// Maximum number of names of a kind in the words about a burst.
const NAMES_MAX: usize = 4;

/// Whose calls a burst has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    /// From an address that is usual for the user, or about which nothing is known.
    Usual,
    /// From an address that is foreign to the user.
    Foreign,
    /// AWS quarantined the user, or tried to.
    Quarantine,
    /// Others acted on the user or on what was made.
    Response,
}

impl Side {
    /// Returns its name on a page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Usual => "usual",
            Self::Foreign => "intruder",
            Self::Quarantine => "quarantine",
            Self::Response => "response",
        }
    }
}

/// A burst of calls.
#[derive(Debug)]
pub(super) struct Burst<'a> {
    pub(super) side: Side,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    /// The address, or the name that the log has in its place.
    pub(super) from: String,
    pub(super) events: Vec<&'a CaseEvent>,
}

/// Returns the bursts, in the order of their first calls. Events without a time are in none.
pub(super) fn bursts<'a>(own: &Own<'a>, places: &Places<'_>) -> Vec<Burst<'a>> {
    let mut bursts: Vec<Burst<'a>> = Vec::new();
    // The last burst of each side and address.
    let mut open: BTreeMap<(Side, &str), usize> = BTreeMap::new();
    for (event, is_done) in own.all_with_done() {
        let Some(time) = event.alert.time() else {
            continue;
        };
        let from = event.alert.text(Column::SourceAddress).unwrap_or_default();
        let side = side(own, event, is_done, places);
        let last = open.get(&(side, from)).and_then(|n| bursts.get_mut(*n));
        match last {
            Some(burst) if time.duration_since(burst.last) <= GAP => {
                burst.last = burst.last.max(time);
                burst.events.push(event);
            }
            _ => {
                open.insert((side, from), bursts.len());
                bursts.push(Burst {
                    side,
                    first: time,
                    last: time,
                    from: shown(from),
                    events: vec![event],
                });
            }
        }
    }
    bursts
}

fn side(own: &Own<'_>, event: &CaseEvent, is_done: bool, places: &Places<'_>) -> Side {
    match event.story.quarantine {
        Some(Quarantine::Made) => return Side::Quarantine,
        Some(Quarantine::Beside(Relation::FailedAttach | Relation::LegacyQuarantine)) => {
            return Side::Quarantine;
        }
        _ => {}
    }
    // A service that acts for an intruder's session has a name in place of an address.
    let is_for_session = is_done && address(event).is_none() && !own.is_by_user(event);
    let is_foreign = places.is_foreign(event) || (is_for_session && !places.foreign.is_empty());
    match (is_foreign, is_done) {
        // Another account's log has the intruder's calls too, and names nobody as their actor.
        (true, _) => Side::Foreign,
        (false, true) => Side::Usual,
        (false, false) => Side::Response,
    }
}

/// A line of the narrative.
#[derive(Debug)]
pub(super) struct BurstFacts {
    pub(super) side: &'static str,
    pub(super) when: String,
    pub(super) text: String,
    /// The part of the page's address that shows its events.
    pub(super) link: String,
}

/// Returns the narrative: each burst of the intruder, the quarantine and the response, and the usual calls between them
/// as one line each.
pub(super) fn narrative(own: &Own<'_>, bursts: &[Burst<'_>]) -> Vec<BurstFacts> {
    let mut lines = Vec::new();
    let mut rest = bursts.iter().peekable();
    while let Some(burst) = rest.next() {
        if burst.side != Side::Usual {
            lines.push(BurstFacts {
                side: burst.side.name(),
                when: own.clock.span(burst.first, burst.last),
                text: text(burst),
                link: link(burst.first, burst.last),
            });
            continue;
        }
        let mut usual = vec![burst];
        while let Some(next) = rest.next_if(|next| next.side == Side::Usual) {
            usual.push(next);
        }
        lines.push(usual_line(own, &usual));
    }
    lines
}

/// Returns a line about usual calls, which may be in many bursts.
fn usual_line(own: &Own<'_>, usual: &[&Burst<'_>]) -> BurstFacts {
    let first = usual
        .iter()
        .map(|burst| burst.first)
        .min()
        .unwrap_or_default();
    let last = usual
        .iter()
        .map(|burst| burst.last)
        .max()
        .unwrap_or_default();
    let text = match usual {
        [one] => text(one),
        many => {
            let n = many.iter().map(|burst| burst.events.len() as u64).sum();
            let mut from: Vec<&str> = many.iter().map(|burst| burst.from.as_str()).collect();
            from.sort_unstable();
            from.dedup();
            let events = many.iter().flat_map(|burst| burst.events.iter().copied());
            let deeds = deeds(&events.collect::<Vec<_>>());
            format!("{} from {}{deeds}", plural(n, "call"), some(&from))
        }
    };
    BurstFacts {
        side: Side::Usual.name(),
        when: own.clock.span(first, last),
        text,
        link: link(first, last),
    }
}

/// Returns the part of the page's address that shows the events of a span of time.
pub(super) fn link(first: Timestamp, last: Timestamp) -> String {
    let [from, to] = [first, last].map(|time| stamp(time, 'T', true));
    format!("#events?from={from}Z&to={to}Z")
}

/// Returns a burst in words.
fn text(burst: &Burst<'_>) -> String {
    let n = burst.events.len() as u64;
    let from = match burst.from.as_str() {
        "" => String::new(),
        from => format!(" from {from}"),
    };
    match burst.side {
        Side::Usual | Side::Foreign => {
            let refused = burst
                .events
                .iter()
                .filter(|event| event.story.error_code.is_some());
            let refused = match refused.count() {
                0 => String::new(),
                n => format!(" ({n} refused)"),
            };
            format!(
                "{}{refused}{from}{}",
                plural(n, "call"),
                deeds(&burst.events)
            )
        }
        Side::Quarantine | Side::Response => {
            let mut actors: Vec<String> = burst.events.iter().map(|event| who(event)).collect();
            actors.dedup();
            let actors: Vec<&str> = actors.iter().map(String::as_str).collect();
            format!(
                "{}{from}: {}",
                some(&actors),
                listed(&burst.events, " refused")
            )
        }
    }
}

/// Returns calls with their targets, and with this word after those that were refused.
fn listed(events: &[&CaseEvent], after_refused: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for event in events {
        let target = match target(event) {
            target if target.is_empty() => String::new(),
            target => format!(" ({target})"),
        };
        let refused = event
            .story
            .error_code
            .as_ref()
            .map_or("", |_| after_refused);
        words.push(format!("{}{refused}{target}", call(event)));
    }
    words.dedup();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    some_of(&words, 2 * NAMES_MAX)
}

/// Returns the first names of a list, and how many more there are.
fn some(names: &[&str]) -> String {
    some_of(names, NAMES_MAX)
}

fn some_of(names: &[&str], n_max: usize) -> String {
    let (named, more) = names.split_at(names.len().min(n_max));
    match more.len() {
        0 => named.join(", "),
        n => format!("{} and {n} more", named.join(", ")),
    }
}

/// Returns what was done in words that say more than the calls' names: roles taken, users made, instances started.
fn deeds(events: &[&CaseEvent]) -> String {
    let mut deeds: Vec<String> = Vec::new();
    let succeeded: Vec<&CaseEvent> = events
        .iter()
        .copied()
        .filter(|event| event.story.error_code.is_none())
        .collect();
    deeds.extend(took(&succeeded));
    deeds.extend(made(&succeeded));
    let mut others: Vec<String> = Vec::new();
    for event in &succeeded {
        let is_named = !event.story.traces.made.is_empty() || !event.story.traces.given.is_empty();
        let action = call(event);
        if is_named || action == "AttachUserPolicy" || is_read(event) {
            continue;
        }
        others.push(match target(event) {
            target if target.is_empty() => action,
            target => format!("{action} ({target})"),
        });
    }
    others.dedup();
    if !others.is_empty() {
        let others: Vec<&str> = others.iter().map(String::as_str).collect();
        deeds.push(some(&others));
    }
    let refused: Vec<&CaseEvent> = events
        .iter()
        .copied()
        .filter(|event| event.story.error_code.is_some() && !is_read(event))
        .collect();
    if !refused.is_empty() {
        deeds.push(format!("was refused {}", listed(&refused, "")));
    }
    if deeds.is_empty() {
        let mut reads: Vec<String> = succeeded.iter().map(|event| call(event)).collect();
        reads.sort_unstable();
        reads.dedup();
        let reads: Vec<&str> = reads.iter().map(String::as_str).collect();
        if !reads.is_empty() {
            deeds.push(format!("only looked: {}", some(&reads)));
        }
    }
    match deeds.is_empty() {
        true => String::new(),
        false => format!("; {}", deeds.join("; ")),
    }
}

/// Returns whether a call only reads: the log says so, or, in older logs, its name does.
fn is_read(event: &CaseEvent) -> bool {
    let action = event.alert.text(Column::EventAction).unwrap_or_default();
    let verbs = ["Get", "List", "Describe", "Head", "Lookup"];
    let is_named_so = verbs.iter().any(|verb| action.starts_with(verb));
    event.story.read_only.unwrap_or(is_named_so)
}

/// Returns the roles that were taken, in their order.
fn took(events: &[&CaseEvent]) -> Option<String> {
    let mut roles: Vec<String> = Vec::new();
    for event in events {
        let given = event.story.traces.given.iter();
        let taken = given
            .filter(|one| one.kind == Kind::Session)
            .filter_map(|session| Entity::role_of_session(&session.name));
        roles.extend(taken.map(|role| shown(&role.name)));
    }
    roles.dedup();
    let (first, others) = roles.split_first()?;
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    Some(match others.is_empty() {
        true => format!("took role {first}"),
        false => format!("took role {first}, then {}", some(&others)),
    })
}

/// Returns what was made and started, with the policies that made users got.
fn made(events: &[&CaseEvent]) -> Vec<String> {
    let mut made: BTreeMap<Kind, Vec<String>> = BTreeMap::new();
    for event in events {
        for entity in &event.story.traces.made {
            let name = match entity.kind {
                Kind::Policy => shown(entity.name.rsplit('/').next().unwrap_or_default()),
                _ => shown(&entity.name),
            };
            let policies = match entity.kind {
                Kind::User => policies(events, &entity.name),
                _ => Vec::new(),
            };
            let with = match policies.is_empty() {
                true => String::new(),
                false => format!(" with {}", policies.join(", ")),
            };
            made.entry(entity.kind).or_default().push(name + &with);
        }
    }
    let words = made.into_iter().map(|(of, names)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let names = some(&names);
        match of {
            Kind::Instance => format!("started {names}"),
            Kind::LoginProfile => format!("set a console password for {names}"),
            Kind::AccessKey => format!("made key {names}"),
            other => format!("made {} {names}", kind(other)),
        }
    });
    words.collect()
}

/// Returns the policies that were attached to a user.
fn policies(events: &[&CaseEvent], user: &str) -> Vec<String> {
    let attached = events.iter().filter(|event| {
        let on = &event.story.traces.on;
        call(event) == "AttachUserPolicy"
            && on
                .iter()
                .any(|one| one.kind == Kind::User && one.name == user)
    });
    let policies = attached.flat_map(|event| {
        let on = event.story.traces.on.iter();
        on.filter(|one| one.kind == Kind::Policy)
    });
    policies
        .map(|policy| shown(policy.name.rsplit('/').next().unwrap_or_default()))
        .collect()
}

/// Returns the spans of the intruder's or the response's bursts, for a chart.
pub(super) fn spans(bursts: &[Burst<'_>], side: Side) -> Vec<(Timestamp, Timestamp)> {
    let own = bursts.iter().filter(|burst| burst.side == side);
    own.map(|burst| (burst.first, burst.last)).collect()
}
