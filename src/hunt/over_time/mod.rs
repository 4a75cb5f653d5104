//! Rules over several events in a hunt.
//!
//! ```text
//! event ─▶ LocalOverTime, on its thread ─▶ tuples ─▶ in the order of the sources ─▶ Answers ─▶ rows, at the end
//! ```
//!
//! Each part of such a rule is searched for and judged like a rule about one event. An event that matches becomes
//! tuples, which the stage `over_time` of the library sorts by time; at the end it says what fires. With a ledger the
//! tuples go through it, and those of earlier runs come with them (`kept`).

mod answers;
mod kept;
mod local;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::judge::{HuntRule, label};
use crate::config::{HuntConfig, Progress};
use crate::output::rules::RowRule;
use crate::over_time::{Limits, PartOf, Plan};
use crate::rule::over_time::RuleOverTime;
use crate::rule::{RuleSet, RuleTable};
pub(super) use answers::{Answer, Answers, leave};
pub(super) use local::LocalOverTime;

/// The rules over several events of a hunt.
#[derive(Debug)]
pub(super) struct OverTime<'a> {
    set: &'a RuleSet,
    plan: Plan,
    /// The parts that are about events.
    parts: Vec<Part<'a>>,
    /// Finds the few parts that an event can match.
    table: RuleTable,
    limits: Limits,
    /// True if the events of what fires become rows too.
    keeps_rows: bool,
    progress: &'a Progress,
}

/// A part that is about events.
#[derive(Debug)]
struct Part<'a> {
    of: PartOf<'a>,
    rule: HuntRule<'a>,
}

impl<'a> OverTime<'a> {
    /// Returns the rules over several events, if there are any.
    pub(super) fn new(config: &'a HuntConfig) -> Option<Self> {
        let set = &config.rules;
        let rules = set.over_time();
        if rules.is_empty() {
            return None;
        }
        let is_alone = set.len() == 1;
        let parts = Plan::parts_of(rules).into_iter().filter_map(|of| {
            let listed = rules.get(of.listed)?;
            let index = set.place_over_time(of.listed);
            let row = RowRule::new(of.events).in_set(index, &listed.pack, &listed.file);
            let rule = HuntRule::new(row, label(is_alone, listed.info()));
            Some(Part { of, rule })
        });
        let parts: Vec<Part<'_>> = parts.collect();
        Some(Self {
            set,
            plan: Plan::new(rules),
            table: RuleTable::new(parts.iter().map(|part| part.of.events.query())),
            parts,
            limits: config.over_time,
            keeps_rows: config.output.events.is_some(),
            progress: &config.scan.progress,
        })
    }

    /// Returns the rules of the parts.
    pub(super) fn rows(&self) -> impl Iterator<Item = &RowRule<'a>> {
        self.parts.iter().map(|part| &part.rule.row)
    }

    /// Returns whether the run must stop.
    fn is_stopped(&self) -> bool {
        self.progress.stop.load(Relaxed)
    }

    fn rule(&self, place: usize) -> Option<&'a Arc<RuleOverTime>> {
        self.set.over_time().get(place)
    }
}
