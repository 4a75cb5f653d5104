//! What a page says of a user: all of it drawn from the events of its own case.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::plot::Activity;
use super::shown;
use super::words::{sentences, state, steps};
use crate::case::techniques::technique;
use crate::case::{Case, CaseEvent, Seed};
use crate::follow::{Kind, Known, Part, Quarantine, Tie};
use crate::report::Relation;

/// Rows of a table that are shown; the others are counted.
const ROWS_MAX: usize = 40;

/// What is said of a user.
#[derive(Debug)]
pub(super) struct UserFacts {
    pub(super) name: String,
    pub(super) account: String,
    pub(super) sentences: Vec<String>,
    pub(super) state: Vec<(String, String)>,
    pub(super) keys: Vec<KeyFacts>,
    pub(super) plot: Option<String>,
    pub(super) seen: [Table; 2],
    pub(super) calls: Vec<CallFacts>,
    pub(super) n_calls_left: usize,
    pub(super) made: Vec<[String; 4]>,
    pub(super) tactics: Vec<TacticFacts>,
    pub(super) steps: Vec<(String, String)>,
}

/// Calls of a tactic: each with a technique and how often it was called.
#[derive(Debug)]
pub(super) struct TacticFacts {
    pub(super) name: String,
    pub(super) calls: Vec<(String, String, u64)>,
}

/// A table of what was seen from when to when.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) rows: Vec<SeenFacts>,
    pub(super) n_left: usize,
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
pub(super) struct KeyFacts {
    pub(super) id: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) n: u64,
    pub(super) state: String,
}

#[derive(Debug)]
pub(super) struct CallFacts {
    pub(super) service: String,
    pub(super) action: String,
    pub(super) n: u64,
    pub(super) n_errors: u64,
    pub(super) technique: String,
}

/// A user's events, each with why it belongs to it.
pub(super) struct Own<'a> {
    events: Vec<(&'a CaseEvent, Tie<'a>)>,
    pub(super) quarantined: Option<Timestamp>,
}

/// What is said of the user that a case began with.
pub(super) fn of_user(case: &Case, seed: &Seed) -> UserFacts {
    let mut known = Known::new(u32::MAX);
    known.begin_with(seed.entity.clone());
    known.learn_all(case.events.iter().map(|event| &event.story().traces));
    let events = case.events.iter();
    let events = events.filter_map(|event| Some((event, known.tie(&event.story().traces)?)));
    let own = Own {
        events: events.collect(),
        quarantined: seed.time,
    };
    let calls = calls(&own);
    let n_calls = calls.len();
    UserFacts {
        name: shown(&seed.entity.name),
        account: shown(&seed.entity.account),
        sentences: sentences(&own, seed, &known),
        state: state(&own),
        keys: keys(&own, &known),
        plot: activity(&own).draw(),
        seen: [
            seen(&own, "Addresses", "source_address"),
            seen(&own, "User agents", "user_agent"),
        ],
        tactics: tactics(&own),
        made: made(&own),
        steps: steps(&own),
        n_calls_left: n_calls.saturating_sub(ROWS_MAX),
        calls: calls.into_iter().take(ROWS_MAX).collect(),
    }
}

pub(super) fn text(event: &CaseEvent, column: &str) -> String {
    shown(event.alert.text(column).unwrap_or_default())
}

pub(super) fn time(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "at a time that cannot be read".to_owned(),
        |t| t.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
    )
}

pub(super) fn who(event: &CaseEvent) -> String {
    let named = ["actor_arn", "actor_name", "invoked_by"].map(|column| text(event, column));
    named
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "somebody".to_owned())
}

impl<'a> Own<'a> {
    pub(super) fn beside(&self, relation: Relation) -> impl Iterator<Item = &'a CaseEvent> + '_ {
        self.all()
            .filter(move |event| event.story().quarantine == Some(Quarantine::Beside(relation)))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &'a CaseEvent> + '_ {
        self.events.iter().map(|(event, _)| *event)
    }

    pub(super) fn quarantine(&self) -> Option<&'a CaseEvent> {
        let mut made = self
            .all()
            .filter(|event| event.story().quarantine == Some(Quarantine::Made));
        made.find(|event| event.alert.time() == self.quarantined)
    }

    /// What it and what it led to did.
    pub(super) fn done(&self) -> impl Iterator<Item = &'a CaseEvent> + '_ {
        let done = self.events.iter().filter(|(_, tie)| tie.part == Part::By);
        done.map(|(event, _)| *event)
    }

    pub(super) fn is_before(&self, event: &CaseEvent) -> bool {
        self.quarantined
            .is_some_and(|at| event.alert.time().is_some_and(|time| time < at))
    }
}

/// The keys of the user and of what it led to: what became of them.
fn keys(own: &Own<'_>, known: &Known) -> Vec<KeyFacts> {
    let mut keys: Vec<KeyFacts> = Vec::new();
    for (key, hops) in known
        .entities()
        .filter(|(entity, _)| entity.kind == Kind::AccessKey)
    {
        let is_actor = |event: &&CaseEvent| event.story().traces.actors.contains(key);
        let used: Vec<&CaseEvent> = own.all().filter(is_actor).collect();
        let mut state = match key.name.starts_with("ASIA") {
            true => "of a session".to_owned(),
            false => "active, as far as this archive tells".to_owned(),
        };
        for event in own.all().filter(|event| event.story().error_code.is_none()) {
            let is_meant = event.story().traces.on.contains(key);
            let request = event.alert.text("request_parameters").unwrap_or_default();
            let when = time(event.alert.time());
            match event.alert.text("event_action") {
                Some("DeleteAccessKey") if is_meant => state = format!("deleted {when}"),
                Some("UpdateAccessKey") if is_meant && is_inactive(request) => {
                    state = format!("inactive since {when}")
                }
                Some("UpdateAccessKey") if is_meant => state = format!("active again since {when}"),
                _ => {}
            }
        }
        if used.is_empty() && hops > 0 && key.name.starts_with("ASIA") {
            state.push_str(", not seen in use");
        }
        let times = || used.iter().filter_map(|event| event.alert.time());
        keys.push(KeyFacts {
            id: shown(&key.name),
            first: times().min().map_or_else(String::new, |t| time(Some(t))),
            last: times().max().map_or_else(String::new, |t| time(Some(t))),
            n: used.len() as u64,
            state,
        });
    }
    keys.sort_by(|a, b| b.n.cmp(&a.n).then_with(|| a.id.cmp(&b.id)));
    keys
}

/// Whether a request to update a key, as text, makes it inactive.
fn is_inactive(request: &str) -> bool {
    ["status=Inactive", "\"status\":\"Inactive\""]
        .iter()
        .any(|status| request.contains(status))
}

fn activity(own: &Own<'_>) -> Activity {
    let mut activity = Activity::default();
    for event in own.done() {
        let Some(time) = event.alert.time() else {
            continue;
        };
        let lane = match event.alert.text("access_key_id") {
            Some(key) => plain(key),
            None => "without a key".to_owned(),
        };
        let is_refused = event.story().error_code.is_some();
        activity
            .lanes
            .entry(lane)
            .or_default()
            .push((time, is_refused));
    }
    let quarantines = own
        .all()
        .filter(|event| event.story().quarantine == Some(Quarantine::Made));
    activity.marks = quarantines.filter_map(|event| event.alert.time()).collect();
    activity
}

/// A key's id as it can stand in a picture.
fn plain(key: &str) -> String {
    let kept = key.chars().take(24);
    kept.map(|c| if c.is_ascii_alphanumeric() { c } else { '?' })
        .collect()
}

fn seen(own: &Own<'_>, name: &'static str, column: &str) -> Table {
    let mut all: BTreeMap<&str, Vec<&CaseEvent>> = BTreeMap::new();
    for event in own.done() {
        if let Some(value) = event.alert.text(column) {
            all.entry(value).or_default().push(event);
        }
    }
    let mut rows: Vec<SeenFacts> = all
        .into_iter()
        .map(|(name, events)| {
            let times = || events.iter().filter_map(|event| event.alert.time());
            let n = |holds: &dyn Fn(&CaseEvent) -> bool| {
                events.iter().filter(|event| holds(event)).count() as u64
            };
            SeenFacts {
                name: shown(name),
                first: time(times().min()),
                last: time(times().max()),
                n_before: n(&|event| own.is_before(event)),
                n_after: n(&|event| !own.is_before(event)),
                n_errors: n(&|event| event.story().error_code.is_some()),
            }
        })
        .collect();
    rows.sort_by(|a, b| {
        (b.n_before + b.n_after)
            .cmp(&(a.n_before + a.n_after))
            .then_with(|| a.name.cmp(&b.name))
    });
    let n_left = rows.len().saturating_sub(ROWS_MAX);
    rows.truncate(ROWS_MAX);
    Table { name, rows, n_left }
}

fn calls(own: &Own<'_>) -> Vec<CallFacts> {
    let mut all: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
    for event in own.done() {
        let column = |name| event.alert.text(name).unwrap_or_default();
        let (n, n_errors) = all
            .entry((column("event_provider"), column("event_action")))
            .or_default();
        *n += 1;
        *n_errors += u64::from(event.story().error_code.is_some());
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

/// Calls that succeeded, by the tactic that they can be a step of.
fn tactics(own: &Own<'_>) -> Vec<TacticFacts> {
    let mut all: BTreeMap<&str, BTreeMap<(&str, &str), u64>> = BTreeMap::new();
    for event in own
        .done()
        .filter(|event| event.story().error_code.is_none())
    {
        let column = |name| event.alert.text(name).unwrap_or_default();
        if let Some(technique) = technique(column("event_provider"), column("event_action")) {
            let calls = all.entry(technique.tactic).or_default();
            *calls
                .entry((column("event_action"), technique.id))
                .or_default() += 1;
        }
    }
    let tactics = all.into_iter().map(|(tactic, calls)| {
        let calls = calls
            .into_iter()
            .map(|((call, id), n)| (shown(call), id.to_owned(), n));
        TacticFacts {
            name: tactic.to_owned(),
            calls: calls.collect(),
        }
    });
    tactics.collect()
}

/// What was made, by whom, and when.
fn made(own: &Own<'_>) -> Vec<[String; 4]> {
    let mut made = Vec::new();
    for event in own.done() {
        for entity in &event.story().traces.made {
            let kind = entity.kind.name().replace('_', " ");
            made.push([
                kind,
                shown(&entity.name),
                time(event.alert.time()),
                who(event),
            ]);
        }
    }
    made.truncate(10 * ROWS_MAX);
    made
}
