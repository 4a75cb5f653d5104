//! A condition and some fields of an event -> true or false whatever the other fields are, or open.

use super::{Field, Matcher, Node, Test, evaluate};
use crate::event::Fields;

/// Returns whether the condition is true, if the fields for which `is_known` is true decide this; `None` if it depends on
/// others too. `is_known` gets the field and, if its values are compared, the matcher.
pub(super) fn decided(
    node: &Node,
    event: &dyn Fields,
    is_known: &mut dyn FnMut(&Field, Option<&Matcher>) -> bool,
) -> Option<bool> {
    match node {
        Node::And(nodes) => all(nodes, event, is_known, true),
        // One is true unless all are false.
        Node::Or(nodes) => all(nodes, event, is_known, false).map(|are_false| !are_false),
        Node::Not(node) => decided(node, event, is_known).map(|is_true| !is_true),
        Node::Constant(constant) => Some(*constant),
        Node::Test { field, test } => {
            let matcher = match test {
                Test::Value(matcher) => Some(matcher),
                Test::Present | Test::Null => None,
            };
            is_known(field, matcher).then(|| evaluate::holds(node, event))
        }
        Node::Related { field, part, .. } => {
            let knows_both = is_known(field, None) & is_known(part, None);
            knows_both.then(|| evaluate::holds(node, event))
        }
        Node::Anywhere(_) => None,
    }
}

/// Returns whether all conditions are `wanted`, if that is decided.
fn all(
    nodes: &[Node],
    event: &dyn Fields,
    is_known: &mut dyn FnMut(&Field, Option<&Matcher>) -> bool,
    wanted: bool,
) -> Option<bool> {
    let mut found = Some(true);
    for node in nodes {
        match decided(node, event, is_known) {
            Some(decided) if decided != wanted => return Some(false),
            Some(_) => {}
            None => found = None,
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Condition;
    use super::super::testing::{self, Event, eql};
    use crate::event::FieldNumbers;

    /// Returns what the field `known` decides.
    fn decided(condition: &Condition, event: &Event, known: &str) -> Option<bool> {
        let (mut condition, mut numbers) = (condition.clone(), FieldNumbers::default());
        let known = numbers.number(super::super::Names::Ecs, known);
        condition.number_fields(&mut numbers);
        condition.decided(event, &mut |number| Some(number) == known)
    }

    #[test]
    fn a_condition_is_open_if_a_field_that_counts_is_not_known() {
        let event = Event::new().text("a", "x").text("b", "y");
        for (condition, expected) in [
            (r#"a == "x""#, Some(true)),
            (r#"a != "x""#, Some(false)),
            (r#"b == "y""#, None),
            (r#"a == "x" and b == "y""#, None),
            (r#"a == "z" and b == "y""#, Some(false)),
            (r#"b == "y" and a == "z""#, Some(false)),
            (r#"a == "x" or b == "z""#, Some(true)),
            (r#"a == "z" or b == "y""#, None),
            (r#"not (a == "x" or b == "z")"#, Some(false)),
            (r#"not (a == "x" and b == "z")"#, None),
            ("stringContains(a, b)", None),
            ("stringContains(a, a)", Some(true)),
            ("true", Some(true)),
        ] {
            assert_eq!(
                decided(&eql(condition), &event, "a"),
                expected,
                "{condition}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_048))]
        #[test]
        fn what_is_decided_holds_for_all_events_with_the_same_known_field(
            condition in testing::condition(),
            event in testing::event(),
            known in prop::sample::select(vec!["event.action", "user.name", "event.outcome"]),
        ) {
            if let Some(decided) = decided(&condition, &event, known) {
                prop_assert_eq!(decided, condition.matches(&event), "{}", &condition);
                let alone = event.with_only(known);
                prop_assert_eq!(decided, condition.matches(&alone), "{}", &condition);
            }
        }
    }
}
