//! A condition and an event -> true or false.

use std::borrow::Cow;

use super::matcher::{Matcher, Place};
use super::text::text_of;
use super::{Case, Field, Names, Node, Test};
use crate::event::{Fields, OwnValue, Scalar};

pub(super) fn holds(node: &Node, event: &dyn Fields) -> bool {
    match node {
        Node::And(nodes) => nodes.iter().all(|node| holds(node, event)),
        Node::Or(nodes) => nodes.iter().any(|node| holds(node, event)),
        Node::Not(node) => !holds(node, event),
        Node::Constant(constant) => *constant,
        Node::Test { field, test } => match test {
            Test::Present => is_present(field, event),
            Test::Null => is_null(field, event),
            Test::Value(matcher) => has_value(field, matcher, event),
        },
        Node::Related {
            field,
            place,
            part,
            case,
        } => is_related(field, *place, part, *case, event),
        Node::Anywhere(matcher) => {
            let mut is_found = false;
            event.each_leaf(&mut |text| is_found = is_found || matcher.accepts_text(text));
            is_found
        }
    }
}

/// Adds the names of the fields whose tests make a condition true, each once.
pub(super) fn fields_that_fit<'c>(node: &'c Node, event: &dyn Fields, found: &mut Vec<&'c str>) {
    match node {
        Node::And(nodes) | Node::Or(nodes) => {
            for node in nodes.iter().filter(|node| holds(node, event)) {
                fields_that_fit(node, event, found);
            }
        }
        Node::Test {
            field,
            test: Test::Value(_) | Test::Present,
        }
        | Node::Related { field, .. }
            if !found.contains(&field.name.as_str()) && holds(node, event) =>
        {
            found.push(&field.name);
        }
        Node::Test { .. }
        | Node::Related { .. }
        | Node::Not(_)
        | Node::Constant(_)
        | Node::Anywhere(_) => {}
    }
}

/// Returns the values of a field, as text.
pub(super) fn values_of(field: &Field, event: &dyn Fields) -> Vec<String> {
    let mut values = Vec::new();
    match field.names {
        Names::Ecs => field.each_value(event, &mut |value: Scalar<'_>| {
            values.push(text_of(&value).into_owned());
        }),
        Names::CloudTrail => field.each_own_value(event, &mut |value| match value {
            OwnValue::Text(text) => values.push(text.into_owned()),
            OwnValue::Null => values.push("null".to_owned()),
            // Its texts follow.
            OwnValue::Other => {}
        }),
    }
    values
}

impl Field {
    /// Returns the field's values as text, without those that are null.
    pub(in crate::rule) fn texts(&self, event: &dyn Fields) -> Vec<String> {
        let mut texts = Vec::new();
        match self.names {
            Names::Ecs => self.each_value(event, &mut |value: Scalar<'_>| {
                texts.push(text_of(&value).into_owned());
            }),
            Names::CloudTrail => self.each_own_value(event, &mut |value| {
                if let OwnValue::Text(text) = value {
                    texts.push(text.into_owned());
                }
            }),
        }
        texts
    }
}

/// Returns whether a value of the field passes.
fn has_value(field: &Field, matcher: &Matcher, event: &dyn Fields) -> bool {
    let mut is_found = false;
    match field.names {
        Names::Ecs => field.each_value(event, &mut |value| {
            is_found = is_found || matcher.accepts(&value);
        }),
        Names::CloudTrail => field.each_own_value(event, &mut |value| {
            is_found =
                is_found || matches!(value, OwnValue::Text(text) if matcher.accepts_text(&text));
        }),
    }
    is_found
}

/// Returns whether the field is there. A field that holds others is there if one of these is.
fn is_present(field: &Field, event: &dyn Fields) -> bool {
    let mut is_found = false;
    match field.names {
        Names::Ecs => field.each_value(event, &mut |_| is_found = true),
        Names::CloudTrail => field.each_own_value(event, &mut |_| is_found = true),
    }
    is_found
}

/// Returns whether the field has no value except null.
fn is_null(field: &Field, event: &dyn Fields) -> bool {
    let mut is_null = true;
    match field.names {
        Names::Ecs => field.each_value(event, &mut |_| is_null = false),
        Names::CloudTrail => field.each_own_value(event, &mut |value| {
            is_null = is_null && value == OwnValue::Null;
        }),
    }
    is_null
}

/// Returns whether a value of `field` has a value of `part` at this place, or is it if there is no place.
fn is_related(
    field: &Field,
    place: Option<Place>,
    part: &Field,
    case: Case,
    event: &dyn Fields,
) -> bool {
    let mut parts = Vec::new();
    each_text(part, event, &mut |text| {
        parts.push(case.fold(text).into_owned())
    });
    if parts.is_empty() {
        return false;
    }
    let mut is_found = false;
    each_text(field, event, &mut |text| {
        let text = match is_found {
            true => return,
            false => case.fold(text),
        };
        is_found = parts.iter().any(|part| match place {
            None => *part == *text,
            // In Elasticsearch's script an empty text is contained in none.
            Some(Place::Anywhere) if part.is_empty() => field.names == Names::CloudTrail,
            Some(place) => place.has(&text, part),
        });
    });
    is_found
}

/// Calls `visit` with each value of a field, as text.
fn each_text(field: &Field, event: &dyn Fields, visit: &mut dyn FnMut(&str)) {
    match field.names {
        Names::Ecs => field.each_value(event, &mut |value: Scalar<'_>| {
            visit(&text_of(&value));
        }),
        Names::CloudTrail => field.each_own_value(event, &mut |value| {
            if let OwnValue::Text(text) = value {
                let text: Cow<'_, str> = text;
                visit(&text);
            }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Event, eql};
    use crate::rule::eql::parse;

    /// Checks conditions. Each line is `yes` or `no` and a condition.
    #[track_caller]
    fn check(event: &Event, answers: &str) {
        for line in answers.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (answer, condition) = line.split_once(' ').unwrap();
            assert_eq!(
                eql(condition).matches(event),
                answer == "yes",
                "{condition}"
            );
        }
    }

    #[test]
    fn text_is_compared_byte_by_byte() {
        check(
            &Event::new().text("a", "Attach"),
            r#"
            yes a == "Attach"
            no  a == "attach"
            no  a == "Attac"
            no  a == "Attach "
            no  a == "A*"
            no  a != "Attach"
            yes a != "attach"
            yes a < "Attach "
            yes a <= "Attach"
            yes a > "Attac"
            no  a >= "B"
            yes "Attach" == a
            yes "B" > a
            yes a in ("x", "Attach")
            no  a in ("x", "attach")
            yes a not in ("x", "y")
            no  a not in ("x", "Attach")
            "#,
        );
    }

    #[test]
    fn containment_has_case() {
        check(
            &Event::new()
                .text("a", "{policyArn=arn:aws:iam::aws:policy/X, n=1}")
                .integer("n", 123),
            r#"
            yes stringContains(a, "policy/X")
            yes stringContains(a, "")
            yes stringContains(?a, "n=1")
            no  stringContains(a, "policy/x")
            no  stringContains(a, "X,n")
            yes stringContains(n, "2")
            no  stringContains(missing, "")
            yes not stringContains(missing, "x")
            "#,
        );
    }

    #[test]
    fn numbers_are_equal_as_text_and_ordered_by_value() {
        check(
            &Event::new()
                .integer("i", 3)
                .float("f", 2.5)
                .float("whole", 3.0)
                .float("zero", -0.0)
                .boolean("b", true)
                .text("t", "3"),
            "
            yes i == 3
            no  i == 3.0
            yes i > 2.5
            yes i >= -1
            no  i < 3
            yes 2 < i
            yes f == 2.5
            yes f < 3
            yes f in (1, 2.5)
            yes b
            yes b == true
            no  b == false
            yes b != false
            no  not b
            yes t == 3
            no  t != 3
            yes t < 4
            yes i == \"3\"
            yes whole == 3.0
            no  whole == 3
            yes whole != 3
            yes zero == -0.0
            no  zero == 0
            no  i
            ",
        );
    }

    #[test]
    fn a_test_of_a_missing_field_is_false() {
        check(
            &Event::new().text("a", "x"),
            r#"
            yes missing == null
            no  missing != null
            no  a == null
            yes a != null
            yes null != a
            no  a < null
            no  missing == "x"
            yes missing != "x"
            yes not missing == "x"
            no  missing in ("x")
            yes missing not in ("x")
            no  ?missing
            yes not missing
            yes not missing != null
            yes a in ("x", null)
            no  a in ("y", null)
            yes a not in ("y", null)
            yes a == "x" or missing == "x"
            yes missing == "x" or a == "x"
            no  a == "x" and missing == "x"
            yes not (a == "y" and missing == "x")
            yes not (a == "x" and missing == "x")
            yes true
            no  false
            yes not false
            "#,
        );
    }

    #[test]
    fn one_value_of_several_is_enough_but_not_for_a_negation() {
        check(
            &Event::new().text("a", "x").text("a", "y"),
            r#"
            yes a == "x"
            yes a == "y"
            no  a == "z"
            yes a in ("z", "y")
            yes stringContains(a, "y")
            yes a > "x"
            no  a != "x"
            yes a != "z"
            no  a not in ("y", "z")
            yes a == "x" and a == "y"
            "#,
        );
    }

    #[test]
    fn literals_have_the_wildcards_of_their_operator() {
        check(
            &Event::new()
                .text("a", "x=[*], y=b\\c")
                .text("b", "Create?")
                .text("star", "a=b*")
                .text("ip", "203.0.113.7")
                .text("n", "y="),
            r#"
            yes stringContains(a, "x=*y")
            yes stringContains(a, "[\\*]")
            no  stringContains(a, "[\\*\\*]")
            yes stringContains(a, "b\\\\c")
            no  stringContains(a, "b\\")
            yes stringContains(star, "b\\")
            yes stringContains(a, "b\\\\")
            no  endsWith(star, "b\\")
            no  stringContains(a, "X=")
            yes stringContains~(a, "X=")
            yes endsWith(a, "y=*c")
            no  endsWith(a, "x=")
            yes startsWith(b, "Create")
            no  startsWith(b, "C*")
            no  startsWith(b, "create")
            yes startsWith~(b, "create")
            yes b : "create*"
            yes b like "C*?"
            no  b like "c*"
            yes b like~ ("x", "c*")
            yes b in~ ("x", "create?")
            no  b == "Create*"
            yes b regex "Create\?"
            no  b regex "reate."
            yes b regex~ ("x", "create.")
            yes stringContains(a, n)
            no  stringContains(n, a)
            no  stringContains(a, missing)
            yes not stringContains(missing, a)
            yes endsWith(n, n)
            yes cidrMatch(ip, "198.51.100.0/24", "203.0.113.0/24")
            no  cidrMatch(a, "0.0.0.0/0")
            yes cidrMatch(ip, "0.0.0.0/0") == true
            no  startsWith(b, "Create") == false
            yes startsWith(b, "x") != true
            "#,
        );
    }

    #[test]
    fn or_binds_least_and_not_most() {
        check(
            &Event::new().text("t", "1"),
            r#"
            yes true or false and false
            no  (true or false) and false
            no  not false and false
            yes not (false and false)
            yes not not t == "1"
            no  not t == "1" or false
            "#,
        );
    }

    #[test]
    fn a_category_is_one_of_the_events_and_any_needs_none() {
        let event = Event::new()
            .text("event.category", "iam")
            .text("event.category", "configuration");
        let matches = |query: &str, event: &Event| parse(query).unwrap().matches(event);
        assert!(matches("iam where true", &event));
        assert!(matches("configuration where true", &event));
        assert!(matches(r#""iam" where true"#, &event));
        assert!(!matches("process where true", &event));
        assert!(!matches("iam where false", &event));
        assert!(!matches("iam where true", &Event::new()));
        assert!(matches("any where true", &Event::new()));
        assert!(!matches(r#""any" where true"#, &Event::new()));
    }

    #[test]
    fn ten_thousand_operands_are_no_deeper_than_two() {
        let query = format!("any where false{}", " or false".repeat(10_000)) + " or true";
        assert!(parse(&query).unwrap().matches(&Event::new()));
    }
}
