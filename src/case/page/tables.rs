//! The tables about a user on a page: its addresses, its programs, and calls by their tactic.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ptr::from_ref;

use super::own::{Own, When};
use super::shown;
use crate::case::state::{Fate, Party};
use crate::case::techniques::technique;
use crate::case::{CaseEvent, Seen};
use crate::output::Column;

/// Maximum number of rows of a table that are shown; further ones are only counted.
const ROWS_MAX: usize = 40;

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
    pub(super) fn new(mut all: Vec<T>) -> Self {
        let n_left = all.len().saturating_sub(ROWS_MAX);
        all.truncate(ROWS_MAX);
        Self { first: all, n_left }
    }

    /// Returns the rows with the lowest ranks, and of those with the same rank the first ones, in the order in which
    /// they are given.
    pub(super) fn by_rank(all: Vec<(u8, T)>) -> Self {
        let n_left = all.len().saturating_sub(ROWS_MAX);
        let mut places: Vec<(u8, usize)> = all.iter().map(|(rank, _)| *rank).zip(0..).collect();
        places.sort_unstable();
        places.truncate(ROWS_MAX);
        let kept: BTreeSet<usize> = places.into_iter().map(|(_, place)| place).collect();
        let all = all.into_iter().enumerate();
        let first = all.filter(|(place, _)| kept.contains(place));
        Self {
            first: first.map(|(_, (_, row))| row).collect(),
            n_left,
        }
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

pub(super) fn seen(own: &Own<'_>, name: &'static str, column: Column) -> Table {
    // Each value, with the number of times it was seen before the quarantine and after it.
    let mut all: BTreeMap<&str, (Seen, u64, u64)> = BTreeMap::new();
    for event in own.done() {
        if let Some(value) = event.alert.text(column) {
            let (seen, n_before, n_after) = all.entry(value).or_default();
            seen.add(event.alert.time(), event.story.error_code.is_some());
            match own.when(event) {
                When::Before => *n_before += 1,
                // Without a quarantine there is no other time.
                When::FromThenOn => *n_after += 1,
                When::Unknown => *n_after += u64::from(own.quarantined.is_none()),
            }
        }
    }
    let rows = all.into_iter().map(|(name, (seen, n_before, n_after))| {
        let country = own
            .countries
            .get(name)
            .filter(|_| column == Column::SourceAddress);
        let country = country.map_or_else(String::new, |code| format!(" ({code})"));
        SeenFacts {
            name: format!("{}{country}", shown(name)),
            first: own.clock.time_if_any(seen.first),
            last: own.clock.time_if_any(seen.last),
            n_before,
            n_after,
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
        rows: Rows::new(rows),
    }
}

pub(super) fn calls(own: &Own<'_>) -> Vec<CallFacts> {
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

/// Returns the number of calls that may be the intruder's, besides those that are.
pub(super) fn n_unknown(own: &Own<'_>) -> usize {
    let unknown = own.of_intruder();
    unknown.filter(|one| one.by.party == Party::Unknown).count()
}

/// Returns the calls of the intruder that succeeded, by the tactic that they can be a step of; the other calls by
/// whether they changed something. If no call is known to be the intruder's, these are the calls that may be.
pub(super) fn tactics(own: &Own<'_>) -> Vec<TacticFacts> {
    // The number of calls, by call and technique.
    type Calls<'a> = BTreeMap<(&'a str, &'a str), u64>;
    let mut all: BTreeMap<(usize, &str), Calls<'_>> = BTreeMap::new();
    let party = match own.state.has_intruder() {
        true => Party::Intruder,
        false => Party::Unknown,
    };
    // The removal of a user that the intruder made takes nobody's access away.
    let of_intruder = own.state.made.iter();
    let of_intruder = of_intruder.filter(|one| one.by.party == Party::Intruder);
    let own_removals: HashSet<*const CaseEvent> = of_intruder
        .filter_map(|one| match one.fate {
            Fate::Removed(event) => Some(from_ref(event)),
            _ => None,
        })
        .collect();
    let events = own.of_intruder().filter(|one| one.by.party == party);
    let events = events.map(|one| one.event);
    for event in events.filter(|event| event.story.error_code.is_none()) {
        let column = |name| event.alert.text(name).unwrap_or_default();
        let is_undone = own_removals.contains(&from_ref(event));
        let technique = technique(column(Column::EventProvider), column(Column::EventAction))
            .filter(|_| !is_undone);
        let group = match (technique, event.story.read_only) {
            _ if is_undone => (1, "Removal of what the intruder had made"),
            (Some(technique), _) => (0, technique.tactic),
            (None, Some(true)) => (3, "Other reads"),
            (None, _) => (2, "Other changes"),
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
            calls: Rows::new(calls),
        }
    });
    tactics.collect()
}
