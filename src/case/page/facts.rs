//! The facts on a page, all derived from a case.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::net::IpAddr;

use super::action::Action;
use super::bursts::{BurstFacts, bursts, narrative};
use super::chart::chart;
use super::clock::Clock;
use super::commands::actions;
use super::event_text::entity_words;
use super::keys::{KeyFacts, MadeFacts, keys, made};
use super::lacking::lacking;
use super::own::Own;
use super::places::Places;
use super::shown;
use super::steps::{StepFacts, steps};
use super::tables::{CallFacts, Rows, Table, TacticFacts, calls, n_unknown, seen, tactics};
use super::unknown;
use super::verdict::{Verdict, verdict};
use super::words::{day, looked, plural, sentences, state, undated, whose_calls};
use crate::case::address::ip;
use crate::case::shell::quoted;
use crate::case::state::UserState;
use crate::case::threads::Threads;
use crate::case::{About, Case, LookedFor, Neighbour, UserCase};
use crate::output::Column;
use crate::report::Severity;

/// The facts about a case.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) title: String,
    pub(super) version: String,
    /// The day of the last event that was read.
    pub(super) log_ends: String,
    pub(super) run_id: String,
    /// The time of the run.
    pub(super) made_at: String,
    /// A sentence about the times on the page.
    pub(super) times: String,
    /// The SHA-256 of the table of events.
    pub(super) sha256: String,
    /// The users at the highest risk come first.
    pub(super) users: Vec<UserFacts>,
    /// Numbers of users by what is open, each with its words.
    pub(super) counts: Vec<(usize, &'static str)>,
    /// What to do about quarantined users whose key is not known, and who have no part of their own on the page.
    pub(super) unknown: Option<Action>,
    /// What the alerts tell and what was read has not: an empty text if there is no such thing.
    pub(super) not_found: String,
    pub(super) n_events: usize,
    /// The number of events after the time range of the case.
    pub(super) n_later: usize,
    pub(super) all_read: bool,
    pub(super) has_changed: bool,
    pub(super) is_cut: bool,
    /// What was not followed, because it is more steps away than allowed.
    pub(super) not_followed: String,
    /// The command, the inputs and what of them was read.
    pub(super) provenance: Vec<(&'static str, String)>,
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
    /// True if no user of the case has this address as a usual one.
    pub(super) is_foreign: bool,
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
    /// Its number on the page, in the order of the case.
    pub(super) nth: usize,
    pub(super) name: String,
    pub(super) account: String,
    pub(super) quarantined: String,
    pub(super) n_events: usize,
    /// The number of kept events after the windows of its quarantines. Others were left out.
    pub(super) n_later: usize,
    /// True if it is one line only: it has one event at most, and nothing is open but its quarantine.
    pub(super) is_folded: bool,
    pub(super) verdict: Verdict,
    pub(super) actions: Vec<Action>,
    pub(super) bursts: Rows<BurstFacts>,
    pub(super) sentences: Vec<String>,
    /// The time range that was searched.
    pub(super) looked: String,
    /// Whose the calls with the user's keys are, if nothing separates them from an intruder's.
    pub(super) whose_calls: &'static str,
    /// True if a person attached the policy, and no use of a key looks foreign.
    pub(super) is_false_alarm: bool,
    /// The number of events that have no time, in words; an empty text if there are none.
    pub(super) undated: String,
    pub(super) state: Vec<(String, String)>,
    pub(super) keys: Rows<KeyFacts>,
    pub(super) chart: Option<String>,
    pub(super) seen: [Table; 2],
    pub(super) calls: Rows<CallFacts>,
    pub(super) made: Rows<MadeFacts>,
    pub(super) tactics: Vec<TacticFacts>,
    /// True if some calls are known to be the intruder's.
    pub(super) has_intruder: bool,
    /// The number of calls that may be the intruder's, besides those that are.
    pub(super) n_unknown: usize,
    pub(super) steps: Vec<StepFacts>,
}

impl Facts {
    /// Derives the facts from a case.
    pub(super) fn new(
        case: &Case,
        states: &[UserState<'_>],
        clock: &Clock,
        threads: &Threads,
    ) -> Self {
        let about = &case.about;
        let has_many = case.users.len() > 1;
        let all: Vec<_> = case.users.iter().zip(states).collect();
        let mut users = threads.each(all.len(), &|nth| {
            let (user, state) = all[nth];
            let own = Own::new(case, user, state, clock);
            of_user(&own, user, nth, has_many)
        });
        users.sort_by_key(|user| Reverse((user.verdict.risk, user.n_events)));
        let unknown = users
            .iter()
            .filter(|user| user.is_folded && user.verdict.is_key_unknown)
            .filter_map(|user| case.users.get(user.nth))
            .map(|user| user.beginning.subject());
        let unknown = unknown::step(unknown.collect());
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
        Self {
            title,
            version: about.version.clone(),
            log_ends: about.log_ends.map(day).unwrap_or_default(),
            run_id: shown(&about.run_id),
            made_at: clock.time_if_any(about.made_at),
            times: clock.about(),
            sha256: about
                .files
                .get("events.parquet")
                .map(|sum| shown(sum))
                .unwrap_or_default(),
            counts: counts(&users),
            unknown,
            not_found: not_found(about),
            n_events: case.events.len(),
            n_later: case.later.len(),
            all_read: about.all_read,
            has_changed: about.archive_changed,
            is_cut: about.max_hops_bit,
            not_followed: not_followed(case),
            provenance: provenance(about),
            lacking: lacking(case),
            not_read: errors
                .map(|one| format!("{} [{}]", shown(&one.to_string()), one.code.name()))
                .collect(),
            neighbours: Rows::new(neighbours(case, states, clock)),
            addresses: addresses(case),
            users,
        }
    }
}

/// Returns which quarantines of the alerts are not in what was read; an empty text if all are.
fn not_found(about: &About) -> String {
    let all = about.not_found.len() == about.beginnings.len();
    let names = about.not_found.iter().take(NAMES_MAX);
    let mut names: Vec<String> = names.map(|user| shown(&user.name)).collect();
    let n_left = about.not_found.len() - names.len();
    if n_left > 0 {
        names.push(format!("{n_left} more"));
    }
    match (names.is_empty(), all) {
        (true, _) => String::new(),
        (false, true) => "No quarantine of the alerts is in what was read: it is another archive, or only a part of it. This page is no verdict about anybody.".to_owned(),
        (false, false) => format!("The quarantines of these users are not in what was read, so this page is no verdict about them: {}.", names.join(", ")),
    }
}

/// Maximum number of names that a note has.
const NAMES_MAX: usize = 10;

/// Returns what was not followed, because it is more steps away than allowed; an empty text if that is not known.
fn not_followed(case: &Case) -> String {
    let entities = case.not_followed();
    let names = entities.iter().take(NAMES_MAX);
    let mut names: Vec<String> = names.map(|entity| entity_words(entity)).collect();
    if entities.len() > NAMES_MAX {
        names.push(format!("{} more", entities.len() - NAMES_MAX));
    }
    names.join(", ")
}

/// Returns how many users have something open.
fn counts(users: &[UserFacts]) -> Vec<(usize, &'static str)> {
    let count =
        |is_one: &dyn Fn(&UserFacts) -> bool| users.iter().filter(|user| is_one(user)).count();
    vec![
        (users.len(), "users"),
        (
            count(&|user| !user.verdict.usable.is_empty()),
            "with a usable key that leaked or was made",
        ),
        (
            count(&|user| !user.verdict.left.is_empty()),
            "with things that were made and not removed",
        ),
        (
            count(&|user| !user.verdict.touched.is_empty()),
            "with data touched",
        ),
        (
            count(&|user| user.verdict.is_lifted),
            "whose quarantine was lifted",
        ),
        (
            count(&|user| user.verdict.is_key_unknown),
            "quarantined, and no long-term key was seen",
        ),
        (count(&|user| user.is_folded), "with no more than one event"),
    ]
}

/// Returns the command, the run and what of the archive was read.
fn provenance(about: &About) -> Vec<(&'static str, String)> {
    let words = about.command.iter().map(|word| match quoted(word) {
        Some(word) => word,
        None => shown(word),
    });
    let command: Vec<String> = words.collect();
    let sources = &about.sources;
    let archive = &about.archive;
    let accounts = archive.accounts.iter();
    let accounts: Vec<String> = accounts
        .map(|one| format!("{} ({})", shown(&one.account_id), plural(one.files, "file")))
        .collect();
    let regions: Vec<String> = archive.regions.iter().map(|region| shown(region)).collect();
    let days = archive.from.zip(archive.to);
    let names = about.rounds.iter();
    let names = names.filter(|round| round.looked_for == LookedFor::Names);
    let names = names.fold(0_usize, |sum, round| sum.saturating_add(round.needles));
    let rows = [
        ("Command", command.join(" ")),
        (
            "Files",
            format!(
                "{} found, {} read, {} read in part, {} not read",
                sources.found,
                sources.read + sources.empty,
                sources.partial,
                sources.failed
            ),
        ),
        (
            "Search",
            format!(
                "{} through the archive, for {} (users, keys, roles and what they made)",
                plural(about.rounds.len() as u64, "search"),
                plural(names as u64, "name")
            ),
        ),
        ("Accounts of the case", accounts.join(", ")),
        ("Regions with files", regions.join(", ")),
        (
            "Days",
            days.map_or_else(String::new, |(from, to)| format!("{from} to {to}")),
        ),
    ];
    rows.into_iter()
        .filter(|(_, text)| !text.is_empty())
        .collect()
}

/// Returns other identities at the same addresses: those at foreign addresses first, and those with the most events.
fn neighbours(case: &Case, states: &[UserState<'_>], clock: &Clock) -> Vec<NeighbourFacts> {
    let mut all: Vec<_> = case.neighbours.iter().collect();
    let foreign: BTreeSet<IpAddr> = states
        .iter()
        .flat_map(|state| &state.foreign_addresses)
        .copied()
        .collect();
    let is_foreign = |one: &Neighbour| ip(&one.address).is_some_and(|ip| foreign.contains(&ip));
    all.sort_by_key(|one| (!is_foreign(one), Reverse(one.seen.n_events)));
    let rows = all.into_iter().map(|one| NeighbourFacts {
        address: shown(&one.address),
        is_foreign: is_foreign(one),
        country: case
            .about
            .countries
            .get(&one.address)
            .cloned()
            .unwrap_or_default(),
        who: entity_words(&one.entity),
        first: clock.time_if_any(one.seen.first),
        last: clock.time_if_any(one.seen.last),
        n: one.seen.n_events,
        n_errors: one.seen.n_errors,
    });
    rows.collect()
}

fn addresses(case: &Case) -> String {
    let counts = case.about.addresses;
    if counts.max_identities == 0 {
        return "Other identities were not searched for (--max-identities 0).".to_owned();
    }
    let found = match (case.neighbours.is_empty(), counts.shared) {
        (false, _) => "",
        (true, 0) => " Nobody else was seen there.",
        (true, _) => " Nobody else was seen at the others.",
    };
    format!(
        "Other identities were searched for at {}. Left out: {} with more than {} others, and {} without an address (AWS services).{found}",
        plural(counts.searched, "address"),
        plural(counts.shared, "address"),
        counts.max_identities,
        plural(counts.of_services, "caller")
    )
}

/// Returns the facts about a user that a case began with.
fn of_user(own: &Own<'_>, user: &UserCase, nth: usize, has_many: bool) -> UserFacts {
    let user_entity = user.beginning.subject();
    let (state_at_end, clock): (&UserState<'_>, &Clock) = (own.state, own.clock);
    let keys = keys(state_at_end, clock);
    let places = Places::new(own);
    let verdict = verdict(own, &places, &keys);
    let bursts = bursts(own);
    let is_quiet = verdict.left.is_empty() && verdict.used_later.is_empty();
    let is_folded = has_many && is_quiet && own.attributed().take(2).count() < 2;
    UserFacts {
        nth,
        name: shown(&user_entity.name),
        account: shown(&user_entity.account),
        quarantined: clock.time_if_any(own.quarantined),
        n_events: own.all().count(),
        n_later: own.attributed().filter(|one| one.is_later).count(),
        is_folded,
        actions: actions(user_entity, &verdict),
        bursts: narrative(own, &bursts),
        sentences: sentences(own, user_entity),
        looked: looked(own),
        whose_calls: whose_calls(own),
        is_false_alarm: own.is_false_alarm(),
        undated: undated(own),
        state: state(own),
        chart: match is_folded {
            true => None,
            false => chart(own, &bursts, &verdict),
        },
        seen: [
            seen(own, "Addresses", Column::SourceAddress),
            seen(own, "User agents", Column::UserAgent),
        ],
        tactics: tactics(own),
        has_intruder: own.state.has_intruder(),
        n_unknown: n_unknown(own),
        steps: steps(own),
        keys: Rows::new(keys),
        made: Rows::new(made(state_at_end, clock)),
        calls: Rows::new(calls(own)),
        verdict,
    }
}
