//! A query and an event -> match or no match.
//!
//! A condition is true, false, or null (`None`), by Kleene's logic: a comparison with a missing field is null, `not` of
//! null is null, and a query that is null does not match. A field with several values passes a test if one of them
//! does.
//!
//! `!=` is `not ==` and `not in` is `not in()`, as in Elasticsearch: `!=` on a field with several values requires that
//! none of them be equal, not that one of them differ (querytranslator_tests.txt, fieldNotEqualsTrue: `must_not` around
//! `term`).
//!
//! There is one known and intended difference from Elasticsearch. It turns `not` into `must_not`
//! (querytranslator_tests.txt, notFilter), and its scripts turn null into false before they negate
//! (negatedInFilterWithScripting), so there `not a == 1` is true if `a` is missing. Here it is null, as in three-valued
//! logic. A rule without `not`, `!=` and `not in` has the same result in both.

use std::cmp::Ordering;

use super::{Condition, Field, Literal, Operator, Query};
use crate::event::{Fields, Scalar};

pub(super) fn matches(query: &Query, event: &dyn Fields) -> bool {
    let is_of = |category: &str| {
        any_value(
            event,
            "event.category",
            |value| matches!(value, Scalar::Text(text) if text == category),
        ) == Some(true)
    };
    // The condition is more often false than the category is another one.
    evaluate(&query.condition, event) == Some(true) && query.category.as_deref().is_none_or(is_of)
}

fn evaluate(condition: &Condition, event: &dyn Fields) -> Option<bool> {
    match condition {
        Condition::And(operands) => until(operands, event, false),
        Condition::Or(operands) => until(operands, event, true),
        Condition::Not(operand) => evaluate(operand, event).map(|holds| !holds),
        Condition::Constant(constant) => *constant,
        Condition::Compare {
            field,
            operator,
            literal: Literal::Null,
        } => compare_with_null(field, *operator, event),
        Condition::Compare {
            field,
            operator,
            literal,
        } => compare(field, *operator, literal, event),
        Condition::In { field, literals } => look_up(field, literals, event),
        Condition::Contains { field, literal } => any_value(
            event,
            &field.name,
            |value| matches!(value, Scalar::Text(text) if text.contains(literal.as_str())),
        ),
    }
}

/// Returns `decisive` as soon as one operand is `decisive`; otherwise null if one is null; otherwise the opposite.
fn until(operands: &[Condition], event: &dyn Fields, decisive: bool) -> Option<bool> {
    let mut answer = Some(!decisive);
    for operand in operands {
        match evaluate(operand, event) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

/// Evaluates `== null` and `!= null`, which test that the field has no value, or has any (the documentation's "check if
/// a field exists"). The result is never null. An order comparison with null is null.
fn compare_with_null(field: &Field, operator: Operator, event: &dyn Fields) -> Option<bool> {
    let exists = any_value(event, &field.name, |_| true).is_some();
    match operator {
        Operator::Equal => Some(!exists),
        Operator::NotEqual => Some(exists),
        Operator::Less | Operator::LessOrEqual | Operator::Greater | Operator::GreaterOrEqual => {
            None
        }
    }
}

fn compare(
    field: &Field,
    operator: Operator,
    literal: &Literal,
    event: &dyn Fields,
) -> Option<bool> {
    let ordered = |accepts: fn(Ordering) -> bool| {
        any_value(event, &field.name, |value| {
            order(value, literal).is_some_and(accepts)
        })
    };
    match operator {
        Operator::Equal => ordered(Ordering::is_eq),
        Operator::NotEqual => ordered(Ordering::is_eq).map(|equal| !equal),
        Operator::Less => ordered(Ordering::is_lt),
        Operator::LessOrEqual => ordered(Ordering::is_le),
        Operator::Greater => ordered(Ordering::is_gt),
        Operator::GreaterOrEqual => ordered(Ordering::is_ge),
    }
}

/// Evaluates `in`: `==` with each literal, joined by `or`. With a `null` in the list the result is never false.
fn look_up(field: &Field, literals: &[Literal], event: &dyn Fields) -> Option<bool> {
    let found = any_value(event, &field.name, |value| {
        literals
            .iter()
            .any(|literal| order(value, literal) == Some(Ordering::Equal))
    });
    if found == Some(false) && literals.contains(&Literal::Null) {
        return None;
    }
    found
}

/// Returns whether a value of `field` passes `test`; null if there is no value.
fn any_value(
    event: &dyn Fields,
    field: &str,
    mut test: impl FnMut(&Scalar<'_>) -> bool,
) -> Option<bool> {
    let mut answer = None;
    event.each_value(field, &mut |value| {
        answer = Some(answer == Some(true) || test(&value));
    });
    answer
}

/// Compares `value` with `literal`; `None` if they are of different kinds. Text is compared by its UTF-8 bytes, as in
/// Lucene; an integer is compared with a double as a double, as in Java.
fn order(value: &Scalar<'_>, literal: &Literal) -> Option<Ordering> {
    match (value, literal) {
        (Scalar::Text(value), Literal::Text(literal)) => Some(value.as_ref().cmp(literal)),
        (Scalar::Integer(value), Literal::Integer(literal)) => Some(value.cmp(literal)),
        (Scalar::Integer(value), Literal::Float(literal)) => (*value as f64).partial_cmp(literal),
        (Scalar::Float(value), Literal::Integer(literal)) => value.partial_cmp(&(*literal as f64)),
        (Scalar::Float(value), Literal::Float(literal)) => value.partial_cmp(literal),
        (Scalar::Boolean(value), Literal::Boolean(literal)) => Some(value.cmp(literal)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Query;
    use super::super::testing::Event;

    /// Checks conditions. Each line is `yes` or `no` and a condition.
    #[track_caller]
    fn check(event: &Event, answers: &str) {
        for line in answers.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (answer, condition) = line.split_once(' ').unwrap();
            let query = Query::parse(&format!("any where {condition}")).unwrap();
            assert_eq!(query.matches(event), answer == "yes", "{condition}");
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
    fn containment_is_case_sensitive_and_of_text_only() {
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
            no  stringContains(n, "2")
            no  stringContains(missing, "")
            no  not stringContains(missing, "x")
            "#,
        );
    }

    #[test]
    fn numbers_are_compared_by_value_and_kinds_do_not_mix() {
        check(
            &Event::new()
                .integer("i", 3)
                .float("f", 2.5)
                .boolean("b", true)
                .text("t", "3"),
            "
            yes i == 3
            yes i == 3.0
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
            no  t == 3
            yes t != 3
            no  t < 4
            no  i == \"3\"
            no  i
            ",
        );
    }

    #[test]
    fn a_missing_field_is_null_and_null_is_not_a_match() {
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
            no  missing != "x"
            no  not missing == "x"
            no  missing in ("x")
            no  missing not in ("x")
            no  ?missing
            no  not missing
            yes not missing != null
            yes a in ("x", null)
            no  a in ("y", null)
            no  a not in ("y", null)
            yes a == "x" or missing == "x"
            yes missing == "x" or a == "x"
            no  a == "x" and missing == "x"
            yes not (a == "y" and missing == "x")
            no  not (a == "x" and missing == "x")
            no  null
            no  not null
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
        let matches = |query: &str, event: &Event| Query::parse(query).unwrap().matches(event);
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
        assert!(Query::parse(&query).unwrap().matches(&Event::new()));
    }
}
