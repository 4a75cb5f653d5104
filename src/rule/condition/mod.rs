//! The conditions of rules: one tree for all languages, and its evaluation.
//!
//! In: what the parser of a language makes of a query. Out: match or no match for one event ([`Fields`]), and what must
//! be true of each event that matches: its [`Needles`] and the values of its fields.
//!
//! A condition is true or false, never unknown: a test of a field that has no value is false, and `not` of that is true.
//! A field with several values passes a test if one of them does. Elasticsearch does the same, since `not` is its
//! `must_not`, and so does Sigma.
//!
//! The languages differ in their texts: which characters are wildcards, how these are escaped, and whether case counts.
//! Their parsers decide this, so a [`Matcher`] has no escapes and no language.
//!
//! Deliberately not here: the texts of queries, and their errors.

mod actions;
mod check;
mod comparison;
mod decided;
mod evaluate;
mod indicators;
mod matcher;
mod needles;
mod network;
mod pattern;
mod period;
mod print;
mod text;
mod trace;
mod typed;
mod values;
mod wildcard;
mod words;
#[cfg(test)]
pub(crate) mod testing;

pub use actions::ActionPatterns;
pub(super) use comparison::Comparison;
pub use indicators::{Indicators, IndicatorsError};
pub(super) use matcher::{Bound, Matcher, Place};
pub use needles::Needles;
pub(super) use network::Network;
pub(super) use pattern::{Pattern, PatternOptions};
pub(super) use period::Period;
pub(super) use text::{Case, number_text};
pub use trace::{Outcome, Step};
pub(super) use typed::{equal, has_times, ordered};
pub(super) use wildcard::Piece;

pub(super) use crate::event::Names;
use crate::event::{FieldNumber, FieldNumbers, Fields, OwnValue, Scalar};

/// A condition on one event.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition(Node);

/// A part of a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// True if all are true.
    And(Vec<Node>),
    /// True if one is true.
    Or(Vec<Node>),
    Not(Box<Node>),
    Constant(bool),
    /// True if a value of the field passes the test.
    Test {
        field: Field,
        test: Test,
    },
    /// True if a value of `field` relates to a value of `part` as the place says, such as that it begins with it.
    Related {
        field: Field,
        place: Option<Place>,
        part: Field,
        case: Case,
    },
    /// True if a text anywhere in the record passes.
    Anywhere(Matcher),
}

/// A field of an event.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) names: Names,
    /// Its number in a set of rules.
    number: Option<FieldNumber>,
}

/// The number says nothing of the field itself.
impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.names) == (&other.name, other.names)
    }
}

/// A test of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// The field is there. Of CloudTrail's own fields also one that is null.
    Present,
    /// The field is not there, or is null.
    Null,
    /// A value passes.
    Value(Matcher),
}

impl Field {
    pub(super) fn ecs(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            names: Names::Ecs,
            number: None,
        }
    }

    pub(super) fn cloudtrail(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            names: Names::CloudTrail,
            number: None,
        }
    }

    /// Returns the field with its number in a set of rules.
    pub(super) fn numbered(self, numbers: &mut FieldNumbers) -> Self {
        let number = numbers.number(self.names, &self.name);
        Self { number, ..self }
    }

    /// Returns its number in a set of rules.
    pub(super) fn number(&self) -> Option<FieldNumber> {
        self.number
    }

    /// Calls `visit` with each value of the field by its ECS name.
    pub(super) fn each_value(&self, event: &dyn Fields, visit: &mut dyn FnMut(Scalar<'_>)) {
        match self.number {
            Some(number) => event.each_numbered_value(number, &self.name, visit),
            None => event.each_value(&self.name, visit),
        }
    }

    /// Calls `visit` with each value of the field by CloudTrail's own name.
    pub(super) fn each_own_value(&self, event: &dyn Fields, visit: &mut dyn FnMut(OwnValue<'_>)) {
        match self.number {
            Some(number) => event.each_numbered_own_value(number, &self.name, visit),
            None => event.each_own_value(&self.name, visit),
        }
    }

    /// Returns the condition that the field passes a test.
    pub(super) fn test(self, test: Test) -> Node {
        Node::Test { field: self, test }
    }

    /// Returns the condition that a value of the field passes.
    pub(super) fn value(self, matcher: Matcher) -> Node {
        self.test(Test::Value(matcher))
    }
}

impl Node {
    /// Returns the condition that all are true.
    pub(super) fn all(mut nodes: Vec<Node>) -> Self {
        match nodes.len() {
            1 => nodes.remove(0),
            _ => Self::And(nodes),
        }
    }

    /// Returns the condition that one is true. Tests of the same field become one test.
    pub(super) fn any(nodes: Vec<Node>) -> Self {
        let mut others = Vec::new();
        let mut tests: Vec<(Field, Vec<Matcher>)> = Vec::new();
        for node in nodes {
            match node {
                Self::Test {
                    field,
                    test: Test::Value(matcher),
                } => match tests.last_mut().filter(|(last, _)| *last == field) {
                    Some((_, matchers)) => matchers.push(matcher),
                    None => tests.push((field, vec![matcher])),
                },
                other => others.push(other),
            }
        }
        let tests = tests.into_iter();
        let mut all: Vec<Node> = tests
            .map(|(field, matchers)| field.value(Matcher::any(matchers)))
            .collect();
        all.extend(others);
        match all.len() {
            1 => all.remove(0),
            _ => Self::Or(all),
        }
    }

    /// Gives its fields numbers.
    fn number_fields(&mut self, numbers: &mut FieldNumbers) {
        let mut set = |field: &mut Field| field.number = numbers.number(field.names, &field.name);
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                for node in nodes {
                    node.number_fields(numbers);
                }
            }
            Self::Not(node) => node.number_fields(numbers),
            Self::Test { field, .. } => set(field),
            Self::Related { field, part, .. } => {
                set(field);
                set(part);
            }
            Self::Constant(_) | Self::Anywhere(_) => {}
        }
    }

    pub(super) fn negated(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Returns the number of values that fields are compared with.
    pub(super) fn n_tests(&self) -> usize {
        match self {
            Self::And(nodes) | Self::Or(nodes) => nodes.iter().map(Self::n_tests).sum(),
            Self::Not(node) => node.n_tests(),
            Self::Test {
                test: Test::Value(matcher),
                ..
            }
            | Self::Anywhere(matcher) => matcher.n_tests(),
            Self::Test { .. } | Self::Related { .. } | Self::Constant(_) => 1,
        }
    }

    /// Visits its fields.
    fn each_field<'n>(&'n self, visit: &mut dyn FnMut(&'n Field)) {
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                nodes.iter().for_each(|node| node.each_field(visit));
            }
            Self::Not(node) => node.each_field(visit),
            Self::Test { field, .. } => visit(field),
            Self::Related { field, part, .. } => [field, part].into_iter().for_each(visit),
            Self::Constant(_) | Self::Anywhere(_) => {}
        }
    }

    fn collect_searched<'c>(&'c self, found: &mut Vec<(&'c str, &'c str)>) {
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                for node in nodes {
                    node.collect_searched(found);
                }
            }
            Self::Test {
                field,
                test: Test::Value(matcher),
            } => {
                let texts = matcher.searched().into_iter();
                found.extend(texts.map(|text| (field.name.as_str(), text)));
            }
            Self::Not(_)
            | Self::Constant(_)
            | Self::Test { .. }
            | Self::Related { .. }
            | Self::Anywhere(_) => {}
        }
    }

    fn collect_wildcards<'c>(&'c self, found: &mut Vec<&'c str>) {
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                for node in nodes {
                    node.collect_wildcards(found);
                }
            }
            Self::Not(node) => node.collect_wildcards(found),
            Self::Test {
                field,
                test: Test::Value(matcher),
            } if matcher.has_wildcards() && !found.contains(&field.name.as_str()) => {
                found.push(&field.name);
            }
            Self::Test { .. } | Self::Related { .. } | Self::Constant(_) | Self::Anywhere(_) => {}
        }
    }

    fn collect_fields<'c>(&'c self, found: &mut Vec<(&'c str, bool)>, is_negated: bool) {
        let mut add = |name: &'c str| {
            if !found.contains(&(name, is_negated)) {
                found.push((name, is_negated));
            }
        };
        match self {
            Self::And(nodes) | Self::Or(nodes) => {
                for node in nodes {
                    node.collect_fields(found, is_negated);
                }
            }
            Self::Not(node) => node.collect_fields(found, !is_negated),
            Self::Test { field, .. } => add(&field.name),
            Self::Related { field, part, .. } => {
                add(&field.name);
                add(&part.name);
            }
            Self::Constant(_) | Self::Anywhere(_) => {}
        }
    }
}

impl Condition {
    pub(super) fn new(node: Node) -> Self {
        Self(node)
    }

    /// Gives its fields numbers, by which an event may keep their values for other conditions.
    pub(super) fn number_fields(&mut self, numbers: &mut FieldNumbers) {
        self.0.number_fields(numbers);
    }

    /// Returns whether the condition is true of `event`.
    pub fn matches(&self, event: &dyn Fields) -> bool {
        evaluate::holds(&self.0, event)
    }

    /// Returns whether the condition is true of `event`, if the fields for which `is_known` is true decide this, whatever
    /// the others are.
    pub(super) fn decided(
        &self,
        event: &dyn Fields,
        is_known: &mut dyn FnMut(FieldNumber) -> bool,
    ) -> Option<bool> {
        decided::decided(&self.0, event, &mut |field, _| {
            field.number.is_some_and(&mut *is_known)
        })
    }

    /// Returns whether the condition compares times.
    #[must_use]
    pub fn compares_times(&self) -> bool {
        typed::any_has_times(&self.0)
    }

    /// Returns whether the condition may be true of `event` or not, since a time that it compares is missing, cannot be read,
    /// or may be another one, as one without its zone.
    #[must_use]
    pub fn depends_on_unknown_time(&self, event: &dyn Fields) -> bool {
        let decided = decided::decided(&self.0, event, &mut |field, matcher| {
            matcher.is_none_or(|matcher| typed::are_times_known(field, matcher, event))
        });
        decided.is_none()
    }

    /// Returns the literals, one of which is in the bytes of every record that can match.
    #[must_use]
    pub fn needles(&self) -> Needles {
        needles::needles(&self.0)
    }

    /// Returns the literals for a search in which the case of ASCII letters does not count. Conditions that ignore case
    /// have such literals too.
    #[must_use]
    pub fn needles_in_any_case(&self) -> Needles {
        needles::needles_in_any_case(&self.0)
    }

    /// Returns a list of values, one of which the ECS field has in every record that can match; nothing if it may have
    /// any value.
    #[must_use]
    pub fn values_of(&self, field: &str) -> Option<Vec<&str>> {
        values::values_of(&self.0, field)
    }

    /// Returns the actions, one of which each event has that can match; nothing if it may have any action. Their case may
    /// not count.
    #[must_use]
    pub fn actions(&self) -> Option<Vec<&str>> {
        actions::actions(&self.0)
    }

    /// Returns the actions, one of which each event has that can match, as names and patterns; nothing if it may have
    /// any action.
    #[must_use]
    pub fn action_patterns(&self) -> Option<ActionPatterns<'_>> {
        actions::patterns(&self.0)
    }

    /// Returns parts of the condition's literals, one of which is in the ECS field's text in every record that can
    /// match, as for [`Condition::needles`]; nothing if no part is required.
    #[must_use]
    pub fn runs_in(&self, field: &str) -> Option<Vec<&str>> {
        values::runs_in(&self.0, field)
    }

    /// Returns the literals that are searched for in the text of fields, each with its field, except under a `not`, in
    /// the condition's order. They show which part of an event matched.
    #[must_use]
    pub fn contains_atoms(&self) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        self.0.collect_searched(&mut found);
        found
    }

    /// Returns the names of the fields that are compared with patterns, or with parts of their text.
    #[must_use]
    pub fn fields_with_wildcards(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.0.collect_wildcards(&mut found);
        found
    }

    /// Returns the condition that one of the indicators is anywhere in an event.
    #[must_use]
    pub fn has_indicator(indicators: Indicators) -> Self {
        Self(Node::Anywhere(Matcher::Indicators(indicators)))
    }

    /// Returns the indicators, if the condition is that an event has one.
    #[must_use]
    pub fn indicators(&self) -> Option<&Indicators> {
        match &self.0 {
            Node::Anywhere(Matcher::Indicators(indicators)) => Some(indicators),
            _ => None,
        }
    }

    /// Returns the parts of the condition, each with what came of it for `event`.
    #[must_use]
    pub fn trace(&self, event: &dyn Fields) -> Vec<Step> {
        trace::trace(self, event)
    }

    /// Returns what in the condition cannot work, one sentence each: that it can never be true, or that a part of it
    /// excludes nothing.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        check::warnings(self)
    }

    /// Returns how many of 1,000 usual records the prefilter lets through for this condition, at most. It is an
    /// estimate from the frequency of words.
    #[must_use]
    pub fn share_of_1000(&self) -> u32 {
        let of_actions = self.actions();
        let of_actions = of_actions.map(|all| all.into_iter().map(words::share).sum::<u32>());
        let of_needles = match self.needles_in_any_case() {
            Needles::AnyOf(needles) => Some(
                needles
                    .iter()
                    .map(|one| words::share_in_any_case(one))
                    .sum(),
            ),
            Needles::EveryRecord => None,
        };
        let least = of_actions.into_iter().chain(of_needles).min();
        least.map_or(1000, |share| share.min(1000))
    }

    /// Returns the names of the fields by which the condition is true of `event`, except under a `not`, each once.
    #[must_use]
    pub fn fields_that_fit(&self, event: &dyn Fields) -> Vec<&str> {
        let mut found = Vec::new();
        evaluate::fields_that_fit(&self.0, event, &mut found);
        found
    }

    /// Returns the names of the fields that are tested, each with whether that is under a `not`.
    #[must_use]
    pub fn fields(&self) -> Vec<(&str, bool)> {
        let mut found = Vec::new();
        self.0.collect_fields(&mut found, false);
        found
    }
}
