//! The facts on a page, all derived from a case.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::event_text::time_if_any;
use super::keys::{KeyFacts, MadeFacts, keys, leaked, made};
use super::lacking::lacking;
use super::own::Own;
use super::plot::{Activity, Call};
use super::shown;
use super::words::{day, looked, plural, sentences, state, steps};
use crate::case::state::{Standing, UserState, states};
use crate::case::techniques::technique;
use crate::case::{Case, CaseEvent, LookedFor, Seen, UserCase};
use crate::follow::{Entity, Kind};
use crate::output::Column;
use crate::report::Severity;

/// Maximum number of rows of a table that are shown; further ones are only counted.
const ROWS_MAX: usize = 40;

/// The facts about a case.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) title: String,
    pub(super) version: String,
    /// The day of the last event that was read.
    pub(super) log_ends: String,
    /// The users with the most events come first.
    pub(super) users: Vec<UserFacts>,
    pub(super) n_events: usize,
    pub(super) rounds: String,
    pub(super) all_read: bool,
    pub(super) has_changed: bool,
    pub(super) is_cut: bool,
    pub(super) lacking: Vec<String>,
    pub(super) not_read: Vec<String>,
    /// Other identities at the same addresses.
    pub(super) neighbours: Rows<NeighbourFacts>,
    /// The addresses at which other identities were searched for.
    pub(super) addresses: String,
}

/// Another identity at an address.
#[derive(Debug)]
pub(super) struct NeighbourFacts {
    pub(super) address: String,
    pub(super) country: String,
    pub(super) who: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) n: u64,
    pub(super) n_errors: u64,
}

/// The facts about a user.
#[derive(Debug)]
pub(super) struct UserFacts {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) quarantined: String,
    pub(super) n_events: usize,
    /// The state of the user, in a few words.
    pub(super) verdict: String,
    pub(super) sentences: Vec<String>,
    /// The keys that probably leaked.
    pub(super) leaked: Vec<String>,
    /// The time range that was searched.
    pub(super) looked: String,
    pub(super) state: Vec<(String, String)>,
    pub(super) keys: Rows<KeyFacts>,
    pub(super) plot: Option<String>,
    pub(super) seen: [Table; 2],
    pub(super) calls: Rows<CallFacts>,
    pub(super) made: Rows<MadeFacts>,
    pub(super) tactics: Vec<TacticFacts>,
    pub(super) steps: Vec<(String, String)>,
}

/// Calls of a tactic: each with a technique and the number of calls.
#[derive(Debug)]
pub(super) struct TacticFacts {
    pub(super) name: String,
    pub(super) calls: Rows<(String, String, u64)>,
}

/// A table of values with the times at which they were first and last seen.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) rows: Rows<SeenFacts>,
}

/// The first rows of a table; further ones are only counted.
#[derive(Debug)]
pub(super) struct Rows<T> {
    pub(super) first: Vec<T>,
    pub(super) n_left: usize,
}

impl<T> Rows<T> {
    fn of(mut all: Vec<T>) -> Self {
        let n_left = all.len().saturating_sub(ROWS_MAX);
        all.truncate(ROWS_MAX);
        Self { first: all, n_left }
    }
}

#[derive(Debug)]
pub(super) struct SeenFacts {
    pub(super) name: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) n_before: u64,
    pub(super) n_after: u64,
    pub(super) n_errors: u64,
}

#[derive(Debug)]
pub(super) struct CallFacts {
    pub(super) service: String,
    pub(super) action: String,
    pub(super) n: u64,
    pub(super) n_errors: u64,
    pub(super) technique: String,
}

impl Facts {
    /// Derives the facts from a case.
    pub(super) fn of(case: &Case) -> Self {
        let about = &case.about;
        let states = states(case);
        let users = case.users.iter().zip(&states);
        let mut users: Vec<UserFacts> = users
            .map(|(user, state)| of_user(case, user, state))
            .collect();
        users.sort_by_key(|user| Reverse(user.n_events));
        let names: Vec<&str> = users.iter().map(|user| user.name.as_str()).collect();
        let title = match names.as_slice() {
            [] => "A case of nobody".to_owned(),
            [one] => format!("The case of {one}"),
            [one, two] => format!("The cases of {one} and {two}"),
            [first, others @ ..] => format!("The cases of {first} and {} others", others.len()),
        };
        let errors = about
            .diagnostics
            .iter()
            .filter(|one| one.severity == Severity::Error);
        let needles = about
            .rounds
            .iter()
            .filter(|round| round.looked_for == LookedFor::Names)
            .fold(0_usize, |sum, round| sum.saturating_add(round.needles));
        Self {
            title,
            version: about.version.clone(),
            log_ends: about.log_ends.map(day).unwrap_or_default(),
            n_events: case.events.len(),
            rounds: format!(
                "{}, {} names and keys",
                plural(about.rounds.len() as u64, "round"),
                needles
            ),
            all_read: about.all_read,
            has_changed: about.archive_changed,
            is_cut: about.max_hops_bit,
            lacking: lacking(case),
            not_read: errors.map(|one| shown(&one.to_string())).collect(),
            neighbours: Rows::of(neighbours(case)),
            addresses: addresses(case),
            users,
        }
    }
}

/// Returns other identities at the same addresses, those with the most events first.
fn neighbours(case: &Case) -> Vec<NeighbourFacts> {
    let mut all: Vec<_> = case.neighbours.iter().collect();
    all.sort_by_key(|one| Reverse(one.seen.n_events));
    let rows = all.into_iter().map(|one| NeighbourFacts {
        address: shown(&one.address),
        country: case
            .about
            .countries
            .get(&one.address)
            .cloned()
            .unwrap_or_default(),
        who: entity(&one.entity),
        first: time_if_any(one.seen.first),
        last: time_if_any(one.seen.last),
        n: one.seen.n_events,
        n_errors: one.seen.n_errors,
    });
    rows.collect()
}

/// Returns a kind of entity in words.
fn kind(kind: Kind) -> String {
    kind.name().replace('_', " ")
}

/// Returns an entity in words.
fn entity(entity: &Entity) -> String {
    let (kind, name) = (kind(entity.kind), shown(&entity.name));
    match entity.account.as_str() {
        "" => format!("{kind} {name}"),
        account => format!("{kind} {name} in {}", shown(account)),
    }
}

fn addresses(case: &Case) -> String {
    let counts = case.about.addresses;
    if counts.max_identities == 0 {
        return "Nobody was looked for (--max-identities 0).".to_owned();
    }
    let found = match (case.neighbours.is_empty(), counts.shared) {
        (false, _) => "",
        (true, 0) => " Nobody else was seen there.",
        (true, _) => " At the others nobody else was seen.",
    };
    format!(
        "Looked for at {}. Left out: {} with more than {} others, and {} that the log has no address for, but a name (services of AWS).{found}",
        plural(counts.searched, "address"),
        counts.shared,
        counts.max_identities,
        plural(counts.of_services, "caller")
    )
}

/// Returns the facts about a user that a case began with.
fn of_user(case: &Case, user: &UserCase, at_end: &UserState<'_>) -> UserFacts {
    let user_entity = user.beginning.subject();
    let own = Own::new(case, user, at_end);
    UserFacts {
        name: shown(&user_entity.name),
        account: shown(&user_entity.account),
        quarantined: time_if_any(own.quarantined),
        n_events: own.events.len(),
        verdict: verdict(at_end),
        leaked: leaked(at_end),
        sentences: sentences(&own, user_entity, &user.known),
        looked: looked(&own),
        state: state(&own),
        plot: activity(&own).draw(),
        seen: [
            seen(&own, "Addresses", Column::SourceAddress),
            seen(&own, "User agents", Column::UserAgent),
        ],
        tactics: tactics(&own),
        steps: steps(&own),
        keys: Rows::of(keys(at_end)),
        made: Rows::of(made(at_end)),
        calls: Rows::of(calls(&own)),
    }
}

/// Returns the state of the user at the end of the log, in a few words.
fn verdict(at_end: &UserState<'_>) -> String {
    let quarantine = match at_end.standing {
        Standing::NeverSeen => "no quarantine seen",
        Standing::Quarantined => "quarantined",
        Standing::Lifted(_) => "lifted",
        Standing::Unclear => "perhaps lifted",
    };
    let leaked = &at_end.leak.keys;
    let n_usable = leaked.iter().filter(|key| key.end.is_usable()).count();
    let of_leak = match (leaked.len(), n_usable) {
        (0, _) => "leaked key not known".to_owned(),
        (1, 0) => "leaked key off".to_owned(),
        (1, _) => "leaked key active".to_owned(),
        (n, n_usable) => format!("{n_usable} of {n} probably leaked keys active"),
    };
    let left = match at_end.left_behind().count() {
        0 => String::new(),
        n => format!("; {} left", plural(n as u64, "made thing")),
    };
    format!("{quarantine}; {of_leak}{left}")
}

fn activity(own: &Own<'_>) -> Activity {
    let mut activity = Activity::default();
    for event in own.done() {
        let Some(time) = event.alert.time() else {
            continue;
        };
        let key = event.alert.text(Column::AccessKeyId);
        let key = key.map_or_else(|| "without a key".to_owned(), |key| plain(key, 20));
        let lane = match name_of(event) {
            Some(name) => format!("{key}  {}", plain(name, 16)),
            None => key,
        };
        let story = &event.story;
        let call = match (&story.error_code, story.traces.made.is_empty()) {
            (Some(_), _) => Call::Refused,
            (None, false) => Call::Made,
            (None, true) => Call::Done,
        };
        activity.lanes.entry(lane).or_default().push((time, call));
    }
    let quarantines = own.quarantines();
    activity.marks = quarantines.filter_map(|event| event.alert.time()).collect();
    activity
}

/// Returns the name of the user or role that acts.
fn name_of(event: &CaseEvent) -> Option<&str> {
    let actors = event.story.traces.actors.iter();
    let mut named = actors.filter(|one| matches!(one.kind, Kind::User | Kind::Role));
    named.next().map(|one| one.name.as_str())
}

/// Returns a key's id or a name for use in a picture: at most `n_chars` characters, none of which has a special meaning
/// there.
fn plain(name: &str, n_chars: usize) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@');
    let kept = name.chars().take(n_chars);
    let mut plain: String = kept.map(|c| if is_plain(c) { c } else { '?' }).collect();
    if name.chars().nth(n_chars).is_some() {
        plain.push('…');
    }
    plain
}

fn seen(own: &Own<'_>, name: &'static str, column: Column) -> Table {
    // Each value, with the number of times it was seen before the quarantine.
    let mut all: BTreeMap<&str, (Seen, u64)> = BTreeMap::new();
    for event in own.done() {
        if let Some(value) = event.alert.text(column) {
            let (seen, n_before) = all.entry(value).or_default();
            seen.add(event.alert.time(), event.story.error_code.is_some());
            *n_before += u64::from(own.is_before(event));
        }
    }
    let rows = all.into_iter().map(|(name, (seen, n_before))| {
        let country = own
            .countries
            .get(name)
            .filter(|_| column == Column::SourceAddress);
        let country = country.map_or_else(String::new, |code| format!(" ({code})"));
        SeenFacts {
            name: format!("{}{country}", shown(name)),
            first: time_if_any(seen.first),
            last: time_if_any(seen.last),
            n_before,
            n_after: seen.n_events - n_before,
            n_errors: seen.n_errors,
        }
    });
    let mut rows: Vec<SeenFacts> = rows.collect();
    rows.sort_by(|a, b| {
        (b.n_before + b.n_after)
            .cmp(&(a.n_before + a.n_after))
            .then_with(|| a.name.cmp(&b.name))
    });
    Table {
        name,
        rows: Rows::of(rows),
    }
}

fn calls(own: &Own<'_>) -> Vec<CallFacts> {
    let mut all: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for event in own.done() {
        let column = |name| event.alert.text(name).unwrap_or_default();
        let (n, n_errors) = all
            .entry((column(Column::EventProvider), column(Column::EventAction)))
            .or_default();
        *n += 1;
        *n_errors += u64::from(event.story.error_code.is_some());
    }
    let mut calls: Vec<CallFacts> = all
        .into_iter()
        .map(|((service, action), (n, n_errors))| CallFacts {
            service: shown(service.split('.').next().unwrap_or_default()),
            action: shown(action),
            n,
            n_errors,
            technique: technique(service, action)
                .map_or_else(String::new, |t| format!("{} {}", t.id, t.name)),
        })
        .collect();
    calls.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.action.cmp(&b.action)));
    calls
}

/// Returns the calls that succeeded, by the tactic that they can be a step of; the other calls by whether they changed
/// something.
fn tactics(own: &Own<'_>) -> Vec<TacticFacts> {
    // The number of calls, by call and technique.
    type Calls<'a> = BTreeMap<(&'a str, &'a str), u64>;
    let mut all: BTreeMap<(usize, &str), Calls<'_>> = BTreeMap::new();
    for event in own.done().filter(|event| event.story.error_code.is_none()) {
        let column = |name| event.alert.text(name).unwrap_or_default();
        let technique = technique(column(Column::EventProvider), column(Column::EventAction));
        let group = match (technique, event.story.read_only) {
            (Some(technique), _) => (0, technique.tactic),
            (None, Some(true)) => (2, "Other reads"),
            (None, _) => (1, "Other changes"),
        };
        let id = technique.map_or("", |technique| technique.id);
        let calls = all.entry(group).or_default();
        *calls.entry((column(Column::EventAction), id)).or_default() += 1;
    }
    let tactics = all.into_iter().map(|((_, name), calls)| {
        let mut calls: Vec<(String, String, u64)> = calls
            .into_iter()
            .map(|((call, id), n)| (shown(call), id.to_owned(), n))
            .collect();
        calls.sort_by_key(|(_, _, n)| Reverse(*n));
        TacticFacts {
            name: name.to_owned(),
            calls: Rows::of(calls),
        }
    });
    tactics.collect()
}
