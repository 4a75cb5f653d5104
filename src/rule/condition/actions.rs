//! A condition -> the actions, one of which an event has whenever the condition is true.
//!
//! As for needles, every doubtful case gives "any action". This costs time but never loses a record.

use super::matcher::Matcher;
use super::{Field, Names, Node, Test};

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
    use super::super::testing::eql;

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
}
