//! The rules of a stage, those inside others apart, and what an event is to them.

use std::sync::Arc;

use super::tuple::{Mark, Tuple};
use crate::event::Fields;
use crate::rule::Rule;
use crate::rule::over_time::{Digest, Group, Part, RuleOverTime, Source, digest};

/// The rules of a stage.
#[derive(Debug)]
pub struct Plan {
    /// Each rule, and after it those that are inside it.
    pub(super) rules: Vec<Planned>,
    /// The number of each rule of the list.
    listed: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Planned {
    pub(super) rule: Arc<RuleOverTime>,
    /// Its place in the list that the plan was made of; `None` if it is inside another.
    pub(super) listed: Option<usize>,
    /// How many rules are inside each other in it: those of a lower level are decided first.
    pub(super) level: usize,
    /// What it is to the rule that it is inside of.
    pub(super) feed: Option<Feed>,
    /// How long before an event it still matters that the rule fired; `None` if it always does.
    pub(super) lead: Option<i64>,
    /// The place in the list of the rule, or of the one that it is inside of.
    root: usize,
}

/// What a rule is to another that it is a part of.
#[derive(Debug)]
pub(super) struct Feed {
    rule: u32,
    part: u16,
    /// For each field of the other's group, and each that it counts, its place in this rule's group.
    group: Vec<Option<usize>>,
    values: Vec<Option<usize>>,
}

/// A part of a rule that is about events, with what a [`Plan`] of the same list knows it by.
#[derive(Debug, Clone, Copy)]
pub struct PartOf<'r> {
    /// The place of the rule in the list, or of the one that it is inside of.
    pub listed: usize,
    /// The number of the rule in the plan.
    pub rule: u32,
    /// The number of the part.
    pub place: u16,
    /// The part.
    pub part: &'r Part,
    /// The events that it is about.
    pub events: &'r Rule,
}

/// When and where an event was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When it happened, in microseconds since 1970, UTC.
    pub time: i64,
    /// Its place in the order in which events are read, which decides between events of the same time.
    pub place: u64,
    /// What copies of the event have in common.
    pub key: Digest,
    /// The event's id.
    pub id: Option<String>,
}

impl Plan {
    /// Makes the plan for these rules.
    #[must_use]
    pub fn new(rules: &[Arc<RuleOverTime>]) -> Self {
        let mut plan = Self {
            rules: Vec::new(),
            listed: Vec::new(),
        };
        for (place, rule) in rules.iter().enumerate() {
            plan.listed.push(plan.next_number());
            plan.add(rule, place, None);
        }
        plan
    }

    fn next_number(&self) -> u32 {
        u32::try_from(self.rules.len()).unwrap_or(u32::MAX)
    }

    /// Returns the place in the list of a rule of the plan, or of the one that it is inside of, and which of the rules in
    /// that it is. This does not depend on the other rules of the list.
    #[must_use]
    pub fn place_of(&self, rule: u32) -> Option<(usize, u32)> {
        let root = self.get(rule)?.root;
        let first = self.listed.get(root)?;
        Some((root, rule.checked_sub(*first)?))
    }

    /// Returns the number of the rule that has this [place](Self::place_of).
    #[must_use]
    pub fn number_at(&self, (root, inner): (usize, u32)) -> Option<u32> {
        let number = self.listed.get(root)?.checked_add(inner)?;
        (self.get(number)?.root == root).then_some(number)
    }

    /// Returns how long before an event the events of a rule matter; `None` if they always do.
    #[must_use]
    pub fn reach(&self, rule: u32) -> Option<i64> {
        self.get(rule)?.reach()
    }

    /// Returns the parts of these rules that are about events, in any order.
    #[must_use]
    pub fn parts_of(rules: &[Arc<RuleOverTime>]) -> Vec<PartOf<'_>> {
        let (mut next, mut found) = (0, Vec::new());
        for (listed, rule) in rules.iter().enumerate() {
            add_parts(listed, rule, &mut next, &mut found);
        }
        found
    }

    fn add(&mut self, rule: &Arc<RuleOverTime>, root: usize, feed: Option<Feed>) {
        let number = self.next_number();
        let outer = feed.as_ref().map(|feed| self.reach(feed.rule));
        self.rules.push(Planned {
            rule: Arc::clone(rule),
            listed: feed.is_none().then_some(root),
            level: rule.depth(),
            feed,
            lead: outer.unwrap_or(Some(0)),
            root,
        });
        for (part, one) in (0..).zip(&rule.parts) {
            if let Source::Rule(inner) = one.source() {
                let (group, values) = one.field_names();
                let place = |field: &str| inner.group_by.iter().position(|own| own == field);
                let feed = Feed {
                    rule: number,
                    part,
                    group: group.into_iter().map(place).collect(),
                    values: values.into_iter().map(place).collect(),
                };
                self.add(inner, root, Some(feed));
            }
        }
    }

    /// Returns the parts that are about events, each with the numbers of its rule in the plan and of the part.
    pub fn parts(&self) -> impl Iterator<Item = (u32, u16, &Part)> {
        let rules = (0..).zip(&self.rules);
        rules.flat_map(|(number, planned)| {
            let parts = (0..).zip(&planned.rule.parts);
            let of_events = parts.filter(|(_, part)| matches!(part.source(), Source::Events(_)));
            of_events.map(move |(place, part)| (number, place, part))
        })
    }

    /// Calls `visit` with each tuple of an event.
    pub fn tuples(&self, event: &dyn Fields, at: &Moment, visit: &mut dyn FnMut(Tuple)) {
        for (rule, place, part) in self.parts() {
            if part.matches(event) {
                Self::tuples_of(rule, place, part, event, at, visit);
            }
        }
    }

    /// Calls `visit` with each tuple of an event that this part of a rule is about.
    pub fn tuples_of(
        rule: u32,
        place: u16,
        part: &Part,
        event: &dyn Fields,
        at: &Moment,
        visit: &mut dyn FnMut(Tuple),
    ) {
        let groups = part.groups(event);
        if groups.is_empty() {
            return;
        }
        let values = part.values(event);
        for group in groups {
            visit(Tuple {
                rule,
                group,
                mark: Mark {
                    time: at.time,
                    place: at.place,
                    id: at.id.clone(),
                    row: 0,
                },
                key: at.key,
                part: place,
                values: values.clone(),
                kept: 0,
            });
        }
    }

    pub(super) fn get(&self, rule: u32) -> Option<&Planned> {
        self.rules.get(usize::try_from(rule).unwrap_or(usize::MAX))
    }

    /// Returns the number of levels.
    pub(super) fn n_levels(&self) -> usize {
        let levels = self.rules.iter().map(|planned| planned.level + 1);
        levels.max().unwrap_or(1)
    }
}

/// Adds the parts of a rule, and of those inside it, which have the next numbers in the order of [`Plan::add`].
fn add_parts<'r>(
    listed: usize,
    rule: &'r RuleOverTime,
    next: &mut u32,
    found: &mut Vec<PartOf<'r>>,
) {
    let number = *next;
    *next = next.saturating_add(1);
    for (place, part) in (0..).zip(&rule.parts) {
        match part.source() {
            Source::Events(events) => found.push(PartOf {
                listed,
                rule: number,
                place,
                part,
                events,
            }),
            Source::Rule(inner) => add_parts(listed, inner, next, found),
        }
    }
}

impl Planned {
    /// Returns how long before an event the events of the rule matter; `None` if they always do.
    fn reach(&self) -> Option<i64> {
        let (lead, window) = self.lead.zip(self.rule.window)?;
        Some(lead.saturating_add(window))
    }
}

impl Feed {
    /// Returns what it is to the other rule that this one fires with an event.
    pub(super) fn tuple(&self, group: &Group, mark: Mark, key: Digest) -> Tuple {
        let value = |place: &Option<usize>| place.and_then(|place| group.get(place)?.clone());
        let counted = self.values.iter().map(value);
        Tuple {
            rule: self.rule,
            group: self.group.iter().map(value).collect(),
            mark,
            key,
            part: self.part,
            values: counted
                .map(|value| value.iter().map(|text| digest(text)).collect())
                .collect(),
            kept: 0,
        }
    }
}
