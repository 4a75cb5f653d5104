//! An investigation: from identities to all that was done by them, to them, and with what they made.
//!
//! In: where the case begins, and how a hunt reads the archive. Out: a [`Case`]. It goes in rounds, each of them a hunt with
//! other needles: what one round finds leads to keys, users and roles, which the next one looks for, until nothing new
//! comes. What is found does not depend on the order of files, since all that is known is learned from all events again.

mod files;
pub mod page;
mod seeds;
mod techniques;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::config::HuntConfig;
use crate::error::Error;
use crate::follow::{Entity, Followed, Kind, Known, Part, Quarantine, Story, Tie};
use crate::output::Alert;
use crate::pipeline::{self, Notice};
use crate::report::{DIAGNOSTICS_KEPT, Diagnostic, Report};

pub use files::{CaseFiles, write};
pub use seeds::seeds;
pub use techniques::{Technique, technique};

/// Where a case begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seed {
    /// Whom it is about.
    pub entity: Entity,
    /// When the user was quarantined, if that is known.
    pub time: Option<Timestamp>,
}

/// How an investigation goes.
#[derive(Debug, Clone)]
pub struct CaseConfig {
    /// How the archive is read. The destination is nowhere.
    pub hunt: HuntConfig,
    /// Where it begins.
    pub seeds: Vec<Seed>,
    /// How long before a quarantine an event may lie.
    pub before: SignedDuration,
    /// And after it.
    pub after: SignedDuration,
    /// How many steps from where it begins something is followed.
    pub hops_max: u32,
}

/// What a round came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// How many names and keys were looked for.
    pub n_needles: usize,
    /// How many events were found that were not before.
    pub n_events: usize,
    /// How long it took, in milliseconds.
    pub elapsed_ms: u64,
}

/// What an investigation came to.
#[derive(Debug)]
pub struct Case {
    /// The quarantines that it began with.
    pub seeds: Vec<Seed>,
    /// Its events, in the order of their times; those without one come first.
    pub events: Vec<CaseEvent>,
    /// What belongs to it.
    pub known: Known,
    /// The rounds that it took.
    pub rounds: Vec<Round>,
    /// The report of the first round, which read all there is.
    pub report: Report,
    /// The first of what could not be read, of all rounds, each once.
    pub diagnostics: Vec<Diagnostic>,
    /// Whether each round read all there was, and the same as the first one.
    pub is_complete: bool,
    /// Whether a round met other files than the first one, so that what it looked for may be missing.
    pub has_changed: bool,
}

/// An event of a case.
#[derive(Debug)]
pub struct CaseEvent {
    /// Its row.
    pub alert: Alert,
    /// Why it belongs to the case.
    pub relation: &'static str,
    /// How many steps away from the beginning that is.
    pub hops: u32,
    /// How far from the nearest quarantine it lies, in minutes; negative before it.
    pub minutes_from_alert: Option<i64>,
    /// How often it stands in the archive.
    pub n_sightings: u64,
}

impl CaseEvent {
    /// What it says beside its row.
    ///
    /// # Panics
    ///
    /// If it is no event of a case.
    #[must_use]
    pub fn story(&self) -> &Story {
        self.alert.story().expect("an event of a case has one")
    }
}

/// Investigates.
///
/// # Errors
///
/// As of a hunt.
pub fn run(config: &CaseConfig, notify: &mut dyn FnMut(Notice<'_>)) -> Result<Case, Error> {
    let mut known = Known::new(config.hops_max);
    for seed in &config.seeds {
        known.begin_with(seed.entity.clone());
    }
    let beginnings = Beginnings::of(config);
    let mut found = Found::default();
    let mut searched: BTreeSet<Entity> = BTreeSet::new();
    let mut rounds = Vec::new();
    let mut first: Option<Report> = None;
    let (mut is_whole, mut has_changed) = (true, false);
    let mut diagnostics: Vec<Diagnostic> = Vec::new();
    // By their texts: each round meets them again.
    let mut told: BTreeSet<String> = BTreeSet::new();
    loop {
        let needles = known.needles(&searched);
        if needles.is_empty() && first.is_some() {
            break;
        }
        searched.extend(known.entities().map(|(entity, _)| entity.clone()));
        let n_before = found.events.len();
        let followed = Followed {
            known: known.clone(),
            needles,
        };
        let n_needles = followed.needles.len();
        let mut hunt = config.hunt.clone();
        hunt.followed = Some(Arc::new(followed));
        let report = pipeline::run(&hunt, &mut |notice| {
            if let Notice::Alert(alert) = &notice {
                if beginnings.include(alert.time()) {
                    found.take(alert);
                }
                return;
            }
            if let Notice::Diagnostic(diagnostic) = &notice {
                if !told.insert(diagnostic.to_string()) {
                    return;
                }
                if diagnostics.len() < DIAGNOSTICS_KEPT {
                    diagnostics.push((*diagnostic).clone());
                }
            }
            notify(notice);
        })?;
        rounds.push(Round {
            n_needles,
            n_events: found.events.len() - n_before,
            elapsed_ms: report.elapsed_ms,
        });
        is_whole &= report.complete;
        let first = first.get_or_insert_with(|| report.clone());
        has_changed |= report.sources != first.sources
            || report.stats.stored_bytes != first.stats.stored_bytes;
        found.round += 1;
        found.teach(&mut known);
    }
    let report = first.expect("there was a first round");
    let (events, known) = found.into_events(config.hops_max, &beginnings);
    Ok(Case {
        events,
        is_complete: is_whole && !has_changed,
        has_changed,
        seeds: config.seeds.clone(),
        known,
        rounds,
        report,
        diagnostics,
    })
}

/// Whom a case is about, and the times round each one's quarantines.
struct Beginnings {
    /// No times where one of its quarantines has none that can be read: any event may be near that.
    quarantines: BTreeMap<Entity, Option<Vec<Timestamp>>>,
    before: SignedDuration,
    after: SignedDuration,
}

impl Beginnings {
    fn of(config: &CaseConfig) -> Self {
        let mut quarantines: BTreeMap<Entity, Option<Vec<Timestamp>>> = BTreeMap::new();
        for seed in &config.seeds {
            let times = quarantines.entry(seed.entity.clone());
            let times = times.or_insert_with(|| Some(Vec::new()));
            *times = times.take().zip(seed.time).map(|(mut times, time)| {
                times.push(time);
                times
            });
        }
        Self {
            quarantines,
            before: config.before,
            after: config.after,
        }
    }

    /// Whether an event is near such quarantines. One without a time may be.
    fn is_near(&self, quarantines: Option<&Vec<Timestamp>>, time: Option<Timestamp>) -> bool {
        let (Some(quarantines), Some(time)) = (quarantines, time) else {
            return true;
        };
        quarantines.iter().any(|quarantine| {
            let distance = time.duration_since(*quarantine);
            -self.before <= distance && distance <= self.after
        })
    }

    /// Whether an event is near any of them.
    fn include(&self, time: Option<Timestamp>) -> bool {
        let mut all = self.quarantines.values();
        all.any(|quarantines| self.is_near(quarantines.as_ref(), time))
    }
}

/// How many minutes an event lies from the nearest quarantine.
fn minutes(quarantines: Option<&Vec<Timestamp>>, time: Option<Timestamp>) -> Option<i64> {
    let time = time?;
    let distances = quarantines?
        .iter()
        .map(|quarantine| time.duration_since(*quarantine));
    let nearest = distances.min_by_key(|distance| distance.abs())?;
    Some(nearest.as_secs().div_euclid(60))
}

/// Events, each once.
#[derive(Default)]
struct Found {
    events: BTreeMap<EventKey, Sighted>,
    round: usize,
}

/// What makes an event: its id, or the text that it stands in, and what else tells it from others there.
type EventKey = ([u8; 16], Option<(String, String)>);

fn event_key(alert: &Alert) -> EventKey {
    let text = |column| alert.text(column).unwrap_or_default().to_owned();
    let beside = || (text("event_time_text"), text("event_action"));
    (
        alert.event_key(),
        alert.text("event_id").is_none().then(beside),
    )
}

/// An event, and how often it was seen.
struct Sighted {
    alert: Alert,
    /// In the round that saw it most often: another one may have looked for what only some copies have.
    n: u64,
    /// In the last round that saw it, and which one that was.
    n_in_round: u64,
    round: usize,
}

impl Found {
    fn take(&mut self, alert: &Alert) {
        let seen = self.events.entry(event_key(alert));
        let seen = seen.or_insert_with(|| Sighted {
            alert: alert.clone(),
            n: 0,
            n_in_round: 0,
            round: self.round,
        });
        if seen.round != self.round {
            (seen.round, seen.n_in_round) = (self.round, 0);
        }
        seen.n_in_round += 1;
        seen.n = seen.n.max(seen.n_in_round);
        // Copies in other schemas may say more, or less.
        if let (Some(kept), Some(other)) = (seen.alert.story_mut(), alert.story()) {
            kept.traces.join(&other.traces);
        }
    }

    /// Has the case learn from all events.
    fn teach(&self, known: &mut Known) {
        let stories = self.events.values().filter_map(|seen| seen.alert.story());
        known.learn_all(stories.map(|story| &story.traces));
    }

    /// The events of each user's own case, near its own quarantines, and what belongs to these.
    fn into_events(self, hops_max: u32, beginnings: &Beginnings) -> (Vec<CaseEvent>, Known) {
        let mut all = Known::new(hops_max);
        let mut ties: BTreeMap<EventKey, (Part, u32, &'static str, Option<i64>)> = BTreeMap::new();
        for (entity, quarantines) in &beginnings.quarantines {
            let quarantines = quarantines.as_ref();
            let near = || {
                let near = self.events.iter();
                near.filter(|(_, seen)| beginnings.is_near(quarantines, seen.alert.time()))
            };
            let stories = near().filter_map(|(_, seen)| seen.alert.story());
            let mut known = Known::new(hops_max);
            known.begin_with(entity.clone());
            known.learn_all(stories.map(|story| &story.traces));
            all.join(&known);
            for (key, seen) in near() {
                let Some(story) = seen.alert.story() else {
                    continue;
                };
                let Some(tie) = known.tie(&story.traces) else {
                    continue;
                };
                let minutes = minutes(quarantines, seen.alert.time());
                let tied = (tie.part, tie.hops, relation(story, tie), minutes);
                let nearest = ties.entry(key.clone()).or_insert(tied);
                *nearest = tied.min(*nearest);
            }
        }
        let events = self.events.into_iter();
        let mut events: Vec<CaseEvent> = events
            .filter_map(|(key, seen)| {
                let (_, hops, relation, minutes_from_alert) = *ties.get(&key)?;
                Some(CaseEvent {
                    relation,
                    hops,
                    minutes_from_alert,
                    n_sightings: seen.n,
                    alert: seen.alert,
                })
            })
            .collect();
        events.sort_by_key(|event| (event.alert.time(), event_key(&event.alert)));
        (events, all)
    }
}

/// Why an event belongs to a case, in a word.
fn relation(story: &Story, tie: Tie<'_>) -> &'static str {
    match story.quarantine {
        Some(Quarantine::Made) => return "quarantine",
        Some(Quarantine::Beside(relation)) => return relation.name(),
        None => {}
    }
    // Of sessions AWS makes the keys begin so (IAM user guide, "Unique identifiers").
    let is_key = tie.entity.kind == Kind::AccessKey;
    let is_of_session = is_key && tie.entity.name.starts_with("ASIA");
    match (tie.part, tie.hops) {
        (Part::By, 0) => "by_user",
        (Part::By, _) if is_of_session => "by_session",
        (Part::By, _) => "by_made",
        (Part::On, 0) => "to_user",
        (Part::On, _) => "to_made",
        (Part::Made, _) => "made",
        (Part::Given, _) => "given",
    }
}
