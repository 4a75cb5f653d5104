//! A condition and an event -> which part of the condition held, which did not, and which had no field to test.

use super::evaluate::{holds, values_of};
use super::{Condition, Node, Test};
use crate::event::Fields;

/// What came of a part of a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is true.
    Held,
    /// It is false.
    Failed,
    /// It is false, because the event does not have the field.
    NoField,
}

/// A part of a condition, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The number of parts that it is inside of.
    pub depth: usize,
    /// The part, as text: a test, or `all of`, `one of` and `not` before the parts inside it.
    pub text: String,
    /// What came of it.
    pub outcome: Outcome,
    /// The values that the event has in the field of a test.
    pub values: Vec<String>,
}

/// Returns the parts of a condition, each before the parts inside it.
pub(super) fn trace(condition: &Condition, event: &dyn Fields) -> Vec<Step> {
    let mut steps = Vec::new();
    add(&condition.0, event, 0, &mut steps);
    steps
}

fn add(node: &Node, event: &dyn Fields, depth: usize, steps: &mut Vec<Step>) {
    let (text, inside, values) = match node {
        Node::And(nodes) => ("all of".to_owned(), &nodes[..], None),
        Node::Or(nodes) => ("one of".to_owned(), &nodes[..], None),
        Node::Not(inner) => ("not".to_owned(), std::slice::from_ref(&**inner), None),
        Node::Test { field, .. } | Node::Related { field, .. } => {
            (node.to_string(), &[][..], Some(values_of(field, event)))
        }
        Node::Constant(_) | Node::Anywhere(_) => (node.to_string(), &[][..], None),
    };
    let is_missing = values.as_ref().is_some_and(Vec::is_empty);
    let asks_for_null = matches!(
        node,
        Node::Test {
            test: Test::Null,
            ..
        }
    );
    let outcome = match holds(node, event) {
        true => Outcome::Held,
        false if is_missing && !asks_for_null => Outcome::NoField,
        false => Outcome::Failed,
    };
    steps.push(Step {
        depth,
        text,
        outcome,
        values: values.unwrap_or_default(),
    });
    for node in inside {
        add(node, event, depth + 1, steps);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Event, eql};
    use super::Outcome::{Failed, Held, NoField};

    #[test]
    fn each_part_says_what_came_of_it() {
        let condition = eql(
            r#"event.action == "A" and not user.name == "x" and (cloud.region == "r" or source.ip == "s")"#,
        );
        let event = Event::new()
            .text("event.action", "A")
            .text("user.name", "x");
        let steps = condition.trace(&event.text("cloud.region", "q"));
        let found: Vec<_> = steps
            .iter()
            .map(|step| (step.depth, step.outcome, step.values.join(",")))
            .collect();
        let expected = [
            (0, Failed, ""),
            (1, Held, "A"),
            (1, Failed, ""),
            (2, Held, "x"),
            (1, Failed, ""),
            (2, Failed, "q"),
            (2, NoField, ""),
        ];
        assert_eq!(
            found,
            expected.map(|(depth, outcome, values)| (depth, outcome, values.to_owned()))
        );
        assert_eq!(steps[1].text, r#"event.action is "A""#);
    }
}
