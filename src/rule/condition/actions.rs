//! A condition -> actions. Whenever the condition is true, the event has one of them. Each is a name or a pattern.
//!
//! As for needles, every doubtful case gives "any action". This costs time but never loses a record.

use super::matcher::{Matcher, Place};
use super::{Field, Names, Node, Test, words};

/// Returns the actions, whose case may not count; `None` if the event may have any action, or none.
pub(super) fn actions(node: &Node) -> Option<Vec<&str>> {
    match node {
        Node::And(nodes) => nodes.iter().filter_map(actions).min_by_key(Vec::len),
        Node::Or(nodes) => {
            let each = nodes.iter().map(actions);
            Some(each.collect::<Option<Vec<_>>>()?.concat())
        }
        Node::Test {
            field,
            test: Test::Value(matcher),
        } if is_action(field) => texts(matcher),
        _ => None,
    }
}

/// The actions that events may have, in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActionPatterns<'c> {
    /// Whole names.
    pub names: Vec<&'c str>,
    /// Regular expressions, one of which finds something in each other name.
    pub patterns: Vec<String>,
}

impl<'c> ActionPatterns<'c> {
    /// Returns approximately how many of 1,000 records have such an action.
    #[must_use]
    pub fn share_of_1000(&self) -> u32 {
        let names = self.names.iter().map(|name| words::share(name));
        let patterns = self.patterns.iter().map(|one| words::share_of_pattern(one));
        names.chain(patterns).sum()
    }

    fn or(mut self, other: Self) -> Self {
        self.names.extend(other.names);
        self.patterns.extend(other.patterns);
        self
    }

    fn pattern(pattern: String) -> Self {
        Self {
            names: Vec::new(),
            patterns: vec![pattern],
        }
    }

    fn any(parts: impl Iterator<Item = Option<Self>>) -> Option<Self> {
        let parts = parts.collect::<Option<Vec<_>>>()?;
        parts.into_iter().reduce(Self::or)
    }
}

/// Returns the actions as names and patterns; `None` if the event may have any action, or none.
pub(super) fn patterns(node: &Node) -> Option<ActionPatterns<'_>> {
    match node {
        Node::And(nodes) => {
            let each = nodes.iter().filter_map(patterns);
            each.min_by_key(|one| (one.patterns.len(), one.names.len()))
        }
        Node::Or(nodes) => ActionPatterns::any(nodes.iter().map(patterns)),
        Node::Test {
            field,
            test: Test::Value(matcher),
        } if is_action(field) => patterns_of(matcher),
        _ => None,
    }
}

fn patterns_of(matcher: &Matcher) -> Option<ActionPatterns<'_>> {
    match matcher {
        Matcher::Texts(set) => Some(ActionPatterns {
            names: set.texts().iter().map(String::as_str).collect(),
            patterns: Vec::new(),
        }),
        Matcher::AnyOf(matchers) => ActionPatterns::any(matchers.iter().map(patterns_of)),
        Matcher::Part { text, .. } if text.is_empty() => None,
        Matcher::Part { place, text, .. } => {
            let text = regex::escape(text);
            Some(ActionPatterns::pattern(match place {
                Place::Start => format!("^{text}"),
                Place::End => format!("{text}$"),
                Place::Anywhere => text,
            }))
        }
        Matcher::Wildcard(wildcard) => {
            let texts = wildcard.texts().filter(|text| !text.is_empty());
            let texts: Vec<String> = texts.map(regex::escape).collect();
            (!texts.is_empty()).then(|| ActionPatterns::pattern(texts.join(".*")))
        }
        Matcher::Ordered(..)
        | Matcher::Time(..)
        | Matcher::Address(..)
        | Matcher::Pattern(_)
        | Matcher::Networks(_)
        | Matcher::Indicators(_) => None,
    }
}

fn is_action(field: &Field) -> bool {
    match field.names {
        Names::Ecs => field.name == "event.action",
        Names::CloudTrail => field.name == "eventName",
    }
}

fn texts(matcher: &Matcher) -> Option<Vec<&str>> {
    match matcher {
        Matcher::Texts(set) => Some(set.texts().iter().map(String::as_str).collect()),
        Matcher::AnyOf(matchers) => {
            let each = matchers.iter().map(texts);
            Some(each.collect::<Option<Vec<_>>>()?.concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::RegexBuilder;

    use super::super::testing::{self, eql};
    use crate::event::{Fields as _, OwnValue};

    #[test]
    fn an_event_has_one_of_the_actions_that_it_must_have() {
        for (condition, expected) in [
            (r#"event.action == "A""#, Some(&["A"][..])),
            (
                r#"event.action in~ ("A", "b") and user.name == "x""#,
                Some(&["A", "b"]),
            ),
            (
                r#"event.action == "A" or event.action : "B""#,
                Some(&["A", "B"]),
            ),
            (r#"event.action : ("A", "B*")"#, None),
            (r#"event.action == "A" or user.name == "x""#, None),
            (r#"not event.action == "A""#, None),
            (r#"event.action != null"#, None),
            ("true", None),
        ] {
            assert_eq!(eql(condition).actions().as_deref(), expected, "{condition}");
        }
    }

    #[test]
    fn patterns_stand_for_the_names_that_fit() {
        for (condition, names, patterns) in [
            (r#"event.action : ("A", "B*")"#, &["A"][..], &["^b"][..]),
            (r#"event.action : "*B.C*""#, &[], &[r"b\.c"]),
            (r#"event.action : "B*C?D*E""#, &[], &["b.*e"]),
            (
                r#"endsWith(event.action, "B") and user.name == "x""#,
                &[],
                &["B$"],
            ),
            (
                r#"event.action : "B*" and event.action == "A""#,
                &["A"],
                &[],
            ),
        ] {
            let condition = eql(condition);
            let found = condition.action_patterns().unwrap();
            let found_patterns: Vec<&str> = found.patterns.iter().map(String::as_str).collect();
            assert_eq!(
                (&*found.names, &*found_patterns),
                (names, patterns),
                "{condition}"
            );
        }
        for condition in [r#"event.action : "*""#, r#"not event.action : "B*""#] {
            assert_eq!(eql(condition).action_patterns(), None, "{condition}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]
        #[test]
        fn an_event_that_matches_has_such_an_action(
            query in testing::condition(),
            event in testing::event(),
        ) {
            if query.matches(&event) && let Some(found) = query.action_patterns() {
                let mut fits = false;
                let mut try_name = |name: &str| {
                    let is_name = |one: &&str| one.eq_ignore_ascii_case(name) || !one.is_ascii();
                    fits |= found.names.iter().any(is_name);
                    fits |= found.patterns.iter().any(|pattern| {
                        let pattern = RegexBuilder::new(pattern).case_insensitive(true).build();
                        pattern.unwrap().is_match(name)
                    });
                };
                event.each_value("event.action", &mut |value| try_name(&value.to_text()));
                event.each_own_value("eventName", &mut |value| if let OwnValue::Text(text) = value {
                    try_name(&text);
                });
                prop_assert!(fits, "{query}");
            }
        }
    }
}
