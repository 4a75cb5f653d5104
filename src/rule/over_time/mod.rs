//! Rules that several events decide: so many of them in a while, the first of its kind, this and then that.
//!
//! In: what the loaders make of Elastic's thresholds, new terms and sequences, and of Sigma's correlations. All of them
//! become one form, [`RuleOverTime`]: *parts*, each a condition on one event; the fields by which events are *grouped*;
//! a *window*; and a *test* of the events that a group has in a window.
//!
//! ```text
//! threshold, event_count, value_count   one part or several   Counts    so many events, or distinct values
//! new_terms                             one part              First     none in the window before
//! sequence                              a part for each step  Sequence  one after the other
//! temporal, temporal_ordered            a part for each rule  Together, InOrder
//! ```
//!
//! A part of a correlation can be another correlation instead of a condition: then what it is about is that this fires.
//!
//! Deliberately not here: the events themselves. What groups fire is decided by the stage `over_time` of the library.

mod duration;
mod fingerprint;

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::condition::{Condition, Field};
use super::model::{Metadata, Rule};
use crate::event::Fields;
pub(super) use duration::{micros, micros_before_now};

/// The most groups that one event can belong to by the values of its fields; more are left out.
pub const GROUPS_MAX: usize = 10_000;

/// The values by which events are grouped. `None` is the group of the events that do not have the field.
pub type Group = Vec<Option<String>>;

/// A value that is only counted.
pub type Digest = [u8; 16];

/// A rule that several events decide.
#[derive(Debug, Clone)]
pub struct RuleOverTime {
    /// The pack: a collection of rules.
    pub pack: String,
    /// The path of its file in the pack; empty if it has none.
    pub file: String,
    /// The metadata.
    pub metadata: Metadata,
    /// The kind of rule, in the words of its language, such as `threshold`.
    pub kind: &'static str,
    /// The query as its author wrote it; empty for correlations.
    pub query_text: String,
    /// What the events of the rule are.
    pub parts: Vec<Part>,
    /// The names of the fields by which events are grouped.
    pub group_by: Vec<String>,
    /// What events must be together, or how long before an event none was, in microseconds; `None` for any time.
    pub window: Option<i64>,
    /// What the events of a group in a window must be.
    pub test: Test,
    /// How the rule differs from what its author meant, where it must.
    pub notes: Vec<String>,
    /// The number of rules inside it, with itself, a rule as often as it is named.
    pub(super) n_rules: usize,
}

/// A part of a rule.
#[derive(Debug, Clone)]
pub struct Part {
    pub(super) source: Source,
    /// The fields by which its events are grouped, in the order of [`RuleOverTime::group_by`].
    pub(super) group: Vec<Field>,
    /// The fields whose values are counted.
    pub(super) values: Vec<Field>,
    pub(super) missing: Missing,
}

/// What a part is about.
#[derive(Debug, Clone)]
pub enum Source {
    /// Events that this rule matches.
    Events(Box<Rule>),
    /// Events with which another rule fires.
    Rule(Arc<RuleOverTime>),
}

/// What becomes of an event that lacks a field of the group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing {
    /// It does not count, as in Elasticsearch. An event with several values is in several groups.
    LeavesOut,
    /// Such events are a group of their own, as in Sigma. Of several values the first counts.
    IsGroup,
}

/// What the events of a group in a window must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Their number, and that of the distinct values of each counted field.
    Counts {
        /// Limits of the number of events.
        events: Vec<Limit>,
        /// Limits of the number of distinct values of each field.
        distinct: Vec<Vec<Limit>>,
    },
    /// One event, and no other in the window before it.
    First,
    /// One event of each part, in any order.
    Together,
    /// One event of each part, in the order of the parts. One event can be of several parts.
    InOrder,
    /// An event of each part, each later than the one before.
    Sequence,
}

/// A limit of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How the number relates to the limit.
    pub relation: Relation,
    /// The limit.
    pub number: u64,
}

/// How a number relates to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is less.
    Less,
    /// It is at most the limit.
    AtMost,
    /// It is more.
    More,
    /// It is at least the limit.
    AtLeast,
    /// It is the same.
    Same,
    /// It is another one.
    Other,
}

impl Test {
    /// Returns whether a window that passes the test passes it with more events too.
    #[must_use]
    pub fn only_grows(&self) -> bool {
        match self {
            Self::Counts { events, distinct } => {
                let mut limits = events.iter().chain(distinct.iter().flatten());
                limits.all(|limit| matches!(limit.relation, Relation::AtLeast | Relation::More))
            }
            Self::First => false,
            Self::Together | Self::InOrder | Self::Sequence => true,
        }
    }
}

impl Limit {
    /// Returns the limit that a number is at least this.
    #[must_use]
    pub fn at_least(number: u64) -> Self {
        let relation = Relation::AtLeast;
        Self { relation, number }
    }

    /// Returns whether a number is within the limit.
    #[must_use]
    pub fn allows(self, number: u64) -> bool {
        match self.relation {
            Relation::Less => number < self.number,
            Relation::AtMost => number <= self.number,
            Relation::More => number > self.number,
            Relation::AtLeast => number >= self.number,
            Relation::Same => number == self.number,
            Relation::Other => number != self.number,
        }
    }
}

impl RuleOverTime {
    /// Returns the names of the fields whose values are counted.
    #[must_use]
    pub fn counted(&self) -> Vec<&str> {
        let first = self.parts.first();
        first.map_or_else(Vec::new, |part| names(&part.values))
    }

    /// Returns the conditions on events in this rule, and in the rules inside it.
    #[must_use]
    pub fn conditions(&self) -> Vec<&Condition> {
        let parts = self.parts.iter().map(|part| match &part.source {
            Source::Events(rule) => vec![rule.query()],
            Source::Rule(inner) => inner.conditions(),
        });
        parts.flatten().collect()
    }

    /// Returns how many rules are inside each other in this one: 0 if all its parts are about events.
    #[must_use]
    pub fn depth(&self) -> usize {
        let inner = self.parts.iter().filter_map(|part| match &part.source {
            Source::Rule(rule) => Some(rule.depth() + 1),
            Source::Events(_) => None,
        });
        inner.max().unwrap_or(0)
    }
}

impl Part {
    /// What the part is about.
    #[must_use]
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Returns whether the part is about this event.
    pub fn matches(&self, event: &dyn Fields) -> bool {
        match &self.source {
            Source::Events(rule) => rule.matches(event),
            Source::Rule(_) => false,
        }
    }

    /// Returns the groups that an event belongs to, at most [`GROUPS_MAX`].
    #[must_use]
    pub fn groups(&self, event: &dyn Fields) -> Vec<Group> {
        let mut groups: Vec<Group> = vec![Vec::new()];
        for field in &self.group {
            let values: Vec<Option<String>> = match self.missing {
                Missing::LeavesOut => distinct(field.texts(event)).map(Some).collect(),
                Missing::IsGroup => vec![field.texts(event).into_iter().next()],
            };
            let longer = groups.iter().flat_map(|group| {
                values.iter().map(|value| {
                    let mut group = group.clone();
                    group.push(value.clone());
                    group
                })
            });
            groups = longer.take(GROUPS_MAX).collect();
        }
        groups
    }

    /// Returns the values of each field whose values are counted.
    #[must_use]
    pub fn values(&self, event: &dyn Fields) -> Vec<Vec<Digest>> {
        let fields = self.values.iter().map(|field| {
            let values = distinct(field.texts(event));
            let n_values = match self.missing {
                Missing::LeavesOut => usize::MAX,
                Missing::IsGroup => 1,
            };
            values.take(n_values).map(|value| digest(&value)).collect()
        });
        fields.collect()
    }

    /// Returns the names of its fields: those of the group, then those whose values are counted.
    #[must_use]
    pub fn field_names(&self) -> (Vec<&str>, Vec<&str>) {
        (names(&self.group), names(&self.values))
    }
}

fn names(fields: &[Field]) -> Vec<&str> {
    fields.iter().map(|field| field.name.as_str()).collect()
}

/// Returns what is counted for a value.
#[must_use]
pub fn digest(value: &str) -> Digest {
    let hash = Sha256::digest(value.as_bytes());
    let mut first = [0; 16];
    for (to, from) in first.iter_mut().zip(hash) {
        *to = from;
    }
    first
}

fn distinct(values: Vec<String>) -> impl Iterator<Item = String> {
    let mut seen = std::collections::HashSet::new();
    values
        .into_iter()
        .filter(move |value| seen.insert(value.clone()))
}
