//! The companion of the quarantine rule: the events that are related to its alerts.
//!
//! In: an event that the rule does not match. Out: its relation to a quarantine, counted, and a row if related events
//! are written or shown. Also searches for the policy that AWS used before the one that the rule finds.
//!
//! Other rules have no companion. Their hunts have no related events.

mod relations;

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::row_event;
use crate::engine::{Candidate, Location};
use crate::output::Alert;
use crate::output::rules::RowRule;
use crate::report::{RelatedCounts, Relation};
use crate::rule::Rule;
use crate::scan::Prefilter;

pub(crate) use relations::Relations;
use relations::{LEGACY_NEEDLE, LEGACY_POLICY, USER_ACTIONS};

/// Largest raw text, in bytes, that is searched for the policy's name, also if it is escaped. The largest of 37,000
/// public records has 48 kB.
const RAW_BYTES_SEARCHED: usize = 128 * 1024;

/// Number of related events that are shown. If they are not written, a source, or a piece of one, makes at most this
/// many rows of them.
const RELATED_SHOWN: u64 = 20;

/// Returns true if a rule has a companion.
pub(super) fn is_of(rule: &Rule) -> bool {
    rule.metadata.is_quarantine()
}

/// Returns the rule of rows. The rows of the quarantine rule also have the place of its older policy.
pub(crate) fn row_rule(rule: &Rule) -> RowRule<'_> {
    let row = RowRule::new(rule);
    match rule.metadata.is_quarantine() {
        true => row.or_literals(&[LEGACY_POLICY]),
        false => row,
    }
}

/// The search terms of the companion of a rule: none if the rule has no companion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The words that are in each related event, beside those of the rule.
    pub(super) words: &'static [&'static str],
    /// The actions whose related events are found in every table.
    pub(super) actions: &'static [&'static str],
}

/// Returns the search terms for the events that are related to the alerts of a rule.
pub(super) fn terms(rule: &Rule) -> Terms {
    match is_of(rule) {
        true => Terms {
            words: &[LEGACY_NEEDLE],
            actions: &USER_ACTIONS,
        },
        false => Terms {
            words: &[],
            actions: &[],
        },
    }
}

/// Finds the related events.
#[derive(Debug)]
pub(super) struct Companion<'a> {
    /// The quarantine rule.
    rule: RowRule<'a>,
    relations: Relations,
    /// Finds the policy's name in a record.
    mentions: Prefilter,
    /// True if all related events become rows.
    is_requested: bool,
    /// Set when enough related events were shown. If they are not written, no more rows are made.
    has_shown_enough: AtomicBool,
}

impl<'a> Companion<'a> {
    /// Creates the companion of a rule, if it has one. `mentions` finds the rule's needles and those of [`terms`].
    pub(super) fn new(
        rule: &RowRule<'a>,
        mentions: impl FnOnce() -> Prefilter,
        is_requested: bool,
    ) -> Option<Self> {
        is_of(rule.rule()).then(|| Self {
            rule: rule.clone(),
            relations: Relations::new(rule.rule()),
            mentions: mentions(),
            is_requested,
            has_shown_enough: AtomicBool::new(false),
        })
    }

    /// Records that `n_related` rows of related events were shown. All of them came before any later row.
    pub(super) fn has_shown(&self, n_related: u64) {
        if n_related == RELATED_SHOWN {
            self.has_shown_enough.store(true, Relaxed);
        }
    }

    /// Makes the state for one thread.
    pub(super) fn local(&self) -> LocalCompanion<'_> {
        LocalCompanion {
            companion: self,
            n_rows: 0,
            counts: None,
        }
    }
}

/// The state of a companion on one thread.
#[derive(Debug)]
pub(super) struct LocalCompanion<'a> {
    companion: &'a Companion<'a>,
    /// Number of rows of the piece that were made of related events.
    n_rows: u64,
    /// The source of the piece and the counts of its related events, if it has any.
    counts: Option<(PathBuf, RelatedCounts)>,
}

impl LocalCompanion<'_> {
    /// Returns the place of its rule in the set.
    pub(super) fn rule(&self) -> u16 {
        self.companion.rule.index()
    }

    /// Counts an event that is no alert of the rule, if it is related to a quarantine. Returns a row of it if that is
    /// requested or shown.
    pub(super) fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>) -> Option<Alert> {
        let Companion { rule, .. } = self.companion;
        let raw = event.raw;
        // If many events are in one string, the raw text is the whole string.
        let is_mentioned = || match raw.len() <= RAW_BYTES_SEARCHED {
            true => self.companion.mentions.holds_needle(raw),
            false => event.event.locate(rule.literals()).is_some(),
        };
        let relations = &self.companion.relations;
        let relation = relations.of(&event.event, &is_mentioned)?;
        let path = || (at.log.source.path.clone(), RelatedCounts::default());
        self.counts.get_or_insert_with(path).1.add(relation);
        let is_shown = matches!(relation, Relation::FailedAttach | Relation::Detach)
            && self.n_rows < RELATED_SHOWN
            && !self.companion.has_shown_enough.load(Relaxed);
        (self.companion.is_requested || is_shown).then(|| {
            self.n_rows += 1;
            Alert::related(relation, rule, &row_event(event, at))
        })
    }

    /// Ends a piece, and returns its source and its counts if it had a related event.
    pub(super) fn end(&mut self) -> Option<(PathBuf, RelatedCounts)> {
        self.n_rows = 0;
        self.counts.take()
    }
}
