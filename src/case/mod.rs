//! An investigation: it begins with identities, and finds what they did, what was done to them, and what was done with
//! what they created.
//!
//! In: the beginning of a case, and how a hunt reads the archive. Out: a [`Case`], and its files.
//!
//! ```text
//! beginning ─▶ rounds ─▶ collected ─▶ users ─▶ neighbours ─▶ files ─▶ state ─▶ page
//!   seeds        archive    later       index                  leak
//!   owners                                     stored ──────▶ a case that is read back
//! ```
//!
//! It works in passes. Each pass is a hunt with different search terms: the events of one pass lead to keys, users and
//! roles, which the next pass searches for, until nothing new is found. The result does not depend on the order of
//! files, because after each pass everything is learned again from all events.

mod about;
mod address;
mod alert_columns;
mod analyzer;
mod archive;
mod beginning;
mod collected;
mod columns;
mod countries;
mod event_table;
mod files;
mod index;
mod later;
mod leak;
pub mod logging;
mod near_names;
mod neighbours;
mod owners;
#[cfg(feature = "page")]
pub mod page;
#[cfg(not(feature = "page"))]
#[path = "no_page.rs"]
pub mod page;
mod rounds;
mod seeds;
mod seen;
mod shell;
pub mod state;
mod stored;
mod summary;
mod sums;
mod target_columns;
mod techniques;
#[cfg(test)]
mod testing;
mod threads;
mod users;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::ScanConfig;
use crate::error::Error;
use crate::follow::{
    CaseDetails, CaseGraph, Entity, Kind, Link, PassQuery, PassTarget, Quarantine, Role,
    Searched as SearchedEntities,
};
use crate::input::layout::is_account;
use crate::output::{Alert, Column};
use crate::report::{Diagnostic, PassReport};
use crate::rule::Rule;
use beginning::Windows;
use collected::Collected;
use later::{Later, UseTimes};
use near_names::near_names;
use neighbours::Neighbours;
use rounds::Rounds;
use users::Divided;

pub use about::{About, Addresses, LookedFor, Round, Unseen};
pub use archive::{AccountCoverage, CaseHole, Coverage};
pub use beginning::{Beginning, Seed, Window};
pub use countries::Countries;
pub use files::{ABOUT, FILES, write};
pub use leak::{Finding, ForeignUse, Leak, LeakedKey, Reason};
pub use neighbours::Neighbour;
pub use seeds::{Seeds, holds_alerts, seeds};
pub use seen::Seen;
pub use shell::quoted;
pub use stored::read;
pub use summary::{Summary, summaries};
pub use sums::{SUMS, renew_sum, write_sums};
pub use techniques::{Technique, technique};
pub use users::{CaseEvent, LaterUse, UserCase};

/// The configuration of an investigation.
#[derive(Debug, Clone)]
pub struct CaseConfig {
    /// The run's id.
    pub run_id: String,
    /// The rule that finds quarantines. There is one, whatever rules the alerts are of that the case begins with: its
    /// windows, its story and its page are about quarantines.
    pub rule: Arc<Rule>,
    /// The configuration for reading the archive.
    pub scan: ScanConfig,
    /// The identities that the case begins with.
    pub seeds: Vec<Seed>,
    /// Maximum distance of an event from a quarantine.
    pub window: Window,
    /// Maximum number of steps from the beginning for which something is followed.
    pub hops_max: u32,
    /// Maximum number of other identities at an address. If there are more, the address is left out. With 0 there is no
    /// search for other identities.
    pub max_identities: usize,
    /// The file with the countries of addresses.
    pub countries: Option<Arc<Countries>>,
}

/// The result of an investigation.
#[derive(Debug)]
pub struct Case {
    /// The metadata of the case.
    pub about: About,
    /// The users that the case began with, each with its part.
    pub users: Vec<UserCase>,
    /// The entities that belong to the case.
    pub known: CaseGraph,
    /// Its events, in the order of their times; events without a time come first.
    pub events: Vec<CaseEvent>,
    /// Events after the windows of the quarantines, in the order of their times: those that show how the case ended. The
    /// case learns nothing from them.
    pub later: Vec<CaseEvent>,
    /// Other identities at the same addresses.
    pub neighbours: Vec<Neighbour>,
}

impl Case {
    /// Returns what was made or taken in the case and not followed, because it is more steps away than allowed, each
    /// once.
    #[must_use]
    pub fn not_followed(&self) -> BTreeSet<&Entity> {
        if !self.about.max_hops_bit {
            return BTreeSet::new();
        }
        let done = self.users.iter().flat_map(|user| {
            let events = user.events(&self.events);
            events.filter(|(event, link)| {
                is_by(*link, &event.alert) && event.story.error_code.is_none()
            })
        });
        let traces = done.map(|(event, _)| &event.story.traces);
        let results = traces.flat_map(|traces| traces.made.iter().chain(&traces.given));
        results
            .filter(|one| one.is_followed() && self.known.reach(one).is_none())
            .collect()
    }
}

/// Runs an investigation.
///
/// # Errors
///
/// The same errors as a hunt.
///
/// # Panics
///
/// Never: there is always a first pass.
pub fn run(config: &CaseConfig, notify: &mut dyn FnMut(&Diagnostic)) -> Result<Case, Error> {
    let mut beginnings = Beginning::of(&config.seeds);
    let mut rounds = Rounds::new(&config.rule, &config.scan, notify);
    let Searched {
        divided,
        uses,
        is_cut: later_cut,
    } = search(config, &mut beginnings, &mut rounds)?;
    let Divided {
        events,
        later,
        mut users,
    } = divided;
    for user in &mut users {
        user.uses = state::later_uses(user, &events, &later, &uses, config.window);
    }
    let known = joined(&users, config.hops_max);
    let windows = Windows::new(&beginnings, config.window);
    let found = Neighbours::of(&users, &events, config.max_identities);
    let (neighbours, addresses) = search_neighbours(found, &known, &windows, &mut rounds)?;
    let countries = config.countries.as_ref().map(|countries| {
        let events = events.iter().map(|event| &event.alert);
        let of_events = events.filter_map(|alert| alert.text(Column::SourceAddress));
        let of_others = neighbours.iter().map(|one| one.address.as_str());
        countries.of_all(of_events.chain(of_others))
    });
    let unseen = near_names(&mut rounds, unseen(&users, &events))?;
    let has_changed = rounds.archive.has_changed();
    let not_found = not_found(&users, &events);
    let first = rounds.first.expect("there was a first round");
    let (archive, map) = (&rounds.archive, rounds.map.as_ref());
    let archive = archive.coverage(&config.scan, map, &accounts(&known, &events), &first);
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        run_id: config.run_id.clone(),
        made_at: Some(first.started_at),
        command: Vec::new(),
        complete: rounds.is_whole && !has_changed && not_found.is_empty() && unseen.is_empty(),
        since: config.scan.wanted.since,
        until: config.scan.wanted.until,
        not_found,
        unseen,
        all_read: rounds.is_whole,
        archive_changed: has_changed,
        window: config.window,
        max_hops: config.hops_max,
        max_hops_bit: known.is_cut(),
        events: events.len() as u64,
        later: later.len() as u64,
        later_cut,
        log_ends: log_ends(&first, config.scan.wanted.until),
        rounds: rounds.done,
        addresses,
        countries: countries.unwrap_or_default(),
        archive,
        files: BTreeMap::new(),
        sources: first.sources,
        diagnostics: rounds.diagnostics,
        beginnings,
    };
    Ok(Case {
        about,
        users,
        known,
        events,
        later,
        neighbours,
    })
}

/// Searches for other identities at the addresses of the case.
fn search_neighbours(
    mut found: Neighbours,
    known: &CaseGraph,
    windows: &Windows,
    rounds: &mut Rounds<'_>,
) -> Result<(Vec<Neighbour>, Addresses), Error> {
    let Some(sought) = found.sought(known) else {
        return Ok(found.finish());
    };
    rounds.run(sought, None, &mut |event| {
        if windows.is_near(event.alert.time()) {
            found.take(event);
        }
    })?;
    let (neighbours, addresses) = found.finish();
    rounds.found(neighbours.iter().map(|one| one.seen.n_events).sum());
    Ok((neighbours, addresses))
}

/// Returns the time of the last event that was read, if any event had a time. Later ones than requested do not count.
fn log_ends(first: &PassReport, until: Option<Timestamp>) -> Option<Timestamp> {
    let last = first.stats.event_times.last()?;
    let last = Timestamp::from_microsecond(last).ok()?; // a time outside of the years that dates have
    Some(until.map_or(last, |until| last.min(until)))
}

/// The result of a search.
struct Searched {
    divided: Divided,
    /// The times at which entities were used after the windows.
    uses: UseTimes,
    /// True if later events were left out.
    is_cut: bool,
}

/// Searches for what belongs to the case, pass by pass, until nothing new is found.
fn search(
    config: &CaseConfig,
    beginnings: &mut [Beginning],
    rounds: &mut Rounds<'_>,
) -> Result<Searched, Error> {
    let mut known = CaseGraph::new(config.hops_max);
    for beginning in &*beginnings {
        known.begin_with(beginning.entity.clone());
    }
    let windows = Windows::new(beginnings, config.window);
    let mut collected = Collected::default();
    let mut later = Later::default();
    let mut searched = SearchedEntities::default();
    loop {
        let (needles, since) = known.needles(&searched);
        if needles.is_empty() && rounds.first.is_some() {
            break;
        }
        searched.extend(&known);
        let followed = PassQuery {
            sought: PassTarget::CaseGraph(known.clone()),
            needles,
        };
        let n_before = collected.n();
        let names_lied = rounds.archive.names_lie;
        rounds.run(followed, since, &mut |event| {
            let time = event.alert.time();
            let is_within = windows.is_near(time);
            if is_within {
                collected.take(event);
            }
            if windows.may_be_later(time) {
                later.take(&event.alert, &event.story, &known, is_within);
            }
        })?;
        rounds.found((collected.n() - n_before) as u64);
        later.end_round();
        collected.teach(&mut known);
        if owners::find(beginnings, collected.events()) {
            let owners = beginnings.iter().filter_map(|one| one.owner.as_ref());
            owners.for_each(|owner| known.begin_with(owner.clone()));
        }
        if rounds.archive.names_lie && !names_lied {
            // Earlier passes may have skipped files because of their names, so all terms are searched for again in all
            // files.
            searched = SearchedEntities::default();
        }
    }
    owners::set_quarantines(beginnings, collected.events());
    // Where the case began with a key, the windows are known only now.
    let ended = Windows::new(beginnings, config.window);
    if ended != windows {
        for seen in collected.events() {
            if ended.may_be_later(seen.alert.time()) {
                later.take(&seen.alert, &seen.story, &known, true);
            }
        }
    }
    let (later, uses, is_cut) = later.finish();
    let divided = users::divide(
        collected.into_events(),
        later,
        beginnings,
        config.window,
        config.hops_max,
    );
    Ok(Searched {
        divided,
        uses,
        is_cut,
    })
}

/// Returns the users whose quarantine is in the alerts but not in the archive.
fn not_found(users: &[UserCase], events: &[CaseEvent]) -> Vec<Entity> {
    let is_missing = |user: &&UserCase| {
        let mut own = user.events(events);
        let is_made = |event: &CaseEvent| event.story.quarantine == Some(Quarantine::Made);
        let is_expected = user.beginning.quarantined().is_some();
        is_expected && !own.any(|(event, _)| is_made(event))
    };
    let missing = users.iter().filter(is_missing);
    missing.map(|user| user.beginning.entity.clone()).collect()
}

/// Returns the identities that the case was to begin with and that no event names. A user in an alert is not one of
/// them: the alert names it.
fn unseen(users: &[UserCase], events: &[CaseEvent]) -> Vec<Entity> {
    let is_unseen = |user: &&UserCase| {
        user.beginning.quarantined().is_none() && user.events(events).next().is_none()
    };
    let unseen = users.iter().filter(is_unseen);
    unseen.map(|user| user.beginning.entity.clone()).collect()
}

/// Returns the combined entities of all users' parts.
fn joined(users: &[UserCase], hops_max: u32) -> CaseGraph {
    let mut known = CaseGraph::new(hops_max);
    users.iter().for_each(|user| known.join(&user.known));
    known
}

/// Returns the accounts of a case.
fn accounts(known: &CaseGraph, events: &[CaseEvent]) -> BTreeSet<String> {
    // Requests that were refused lead to nothing.
    let answered = || {
        let events = events.iter();
        events.filter(|event| event.story.error_code.is_none())
    };
    let named = answered().flat_map(|event| event.story.traces.all());
    let known = known.entities().map(|(entity, _)| entity);
    let of_things = named.chain(known).map(|entity| {
        let role = Entity::role_of_session(&entity.name).filter(|_| entity.kind == Kind::Session);
        role.map_or_else(|| entity.account.clone(), |role| role.account)
    });
    let of_events = answered().flat_map(|event| {
        let columns = [Column::AccountId, Column::RecipientAccountId];
        columns
            .into_iter()
            .filter_map(|column| event.alert.text(column).map(str::to_owned))
    });
    let all = of_things.chain(of_events);
    all.filter(|name| is_account(name)).collect()
}

/// The name in a log for AWS itself when it acts in the name of a user.
const AWS: &str = "AWS Internal";

/// Returns whether AWS itself acted, in the name of the actor.
pub(crate) fn is_of_aws(alert: &Alert) -> bool {
    alert.text(Column::InvokedBy) == Some(AWS)
}

/// Returns whether AWS itself acted on a quarantine, in the name of the actor.
fn is_quarantine_of_aws(alert: &Alert, story: &CaseDetails) -> bool {
    is_of_aws(alert) && story.quarantine.is_some()
}

/// Returns whether the actor of an event belongs to the case.
fn is_done(tie: Link<'_>) -> bool {
    tie.part == Role::By
}

/// Returns whether a user of the case, or something that it led to, called itself, and not AWS in its name.
fn is_by(link: Link<'_>, alert: &Alert) -> bool {
    is_done(link) && !is_of_aws(alert)
}
