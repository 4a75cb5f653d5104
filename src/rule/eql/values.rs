//! A condition -> a list of values, one of which a field has whenever the condition is true.
//!
//! As for needles, every doubtful case gives "any value". This costs time but never loses a record.

use super::needles::run;
use super::{Condition, Literal, Operator};

/// Returns the values, without repeats; `None` if the field may have any value, or none.
pub(super) fn values_of<'q>(condition: &'q Condition, field: &str) -> Option<Vec<&'q str>> {
    match condition {
        Condition::And(operands) => operands
            .iter()
            .filter_map(|operand| values_of(operand, field))
            .min_by_key(Vec::len),
        Condition::Or(operands) => {
            let each = operands.iter().map(|operand| values_of(operand, field));
            let mut all: Vec<&str> = Vec::new();
            for value in each.collect::<Option<Vec<_>>>()?.into_iter().flatten() {
                if !all.contains(&value) {
                    all.push(value);
                }
            }
            Some(all)
        }
        Condition::Compare {
            field: compared,
            operator: Operator::Equal,
            literal: Literal::Text(text),
        } if compared.name == field => Some(vec![text]),
        Condition::In {
            field: compared,
            literals,
        } if compared.name == field => literals
            .iter()
            // A `null` in the list never makes the condition true.
            .filter(|literal| **literal != Literal::Null)
            .map(|literal| match literal {
                Literal::Text(text) => Some(&**text),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Returns runs, one of which is in a field's text whenever a condition is true; `None` if no run is required.
pub(super) fn runs_in<'q>(condition: &'q Condition, field: &str) -> Option<Vec<&'q str>> {
    match condition {
        Condition::And(operands) => operands.iter().find_map(|one| runs_in(one, field)),
        Condition::Or(operands) => {
            let each = operands.iter().map(|one| runs_in(one, field));
            let all: Vec<&str> = each.collect::<Option<Vec<_>>>()?.concat();
            Some(all).filter(|all| !all.is_empty())
        }
        Condition::Contains {
            field: searched,
            literal,
        } if searched.name == field => run(literal, field).map(|run| vec![run]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Query;

    #[test]
    fn a_literal_must_stand_in_a_field_if_no_way_leads_past_it() {
        let check = |condition: &str, expected: Option<&[&str]>| {
            let query = Query::parse(&format!("any where {condition}")).unwrap();
            let runs = query.runs_in("aws.cloudtrail.request_parameters");
            assert_eq!(runs.as_deref(), expected, "{condition}");
        };
        let a = r#"stringContains(aws.cloudtrail.request_parameters, "policy/Alpha")"#;
        let b = r#"stringContains(aws.cloudtrail.request_parameters, "Bravo")"#;
        check(a, Some(&["Alpha"]));
        let with_action = format!(r#"event.action == "AttachUserPolicy" and {b}"#);
        check(&with_action, Some(&["Bravo"]));
        check(&format!("{a} or {b}"), Some(&["Alpha", "Bravo"]));
        check(&format!(r#"event.action == "A" or {b}"#), None);
        check(&format!("not {b}"), None);
        check(
            r#"stringContains(aws.cloudtrail.request_parameters, "x")"#,
            None,
        );
        check(r#"stringContains(user.name, "Bravo")"#, None);
    }

    #[track_caller]
    fn check(condition: &str, expected: Option<&[&str]>) {
        let query = Query::parse(&format!("any where {condition}")).unwrap();
        assert_eq!(
            query.values_of("event.action").as_deref(),
            expected,
            "{condition}"
        );
    }

    #[test]
    fn a_field_has_one_of_the_values_that_it_is_compared_with() {
        check(r#"event.action == "A""#, Some(&["A"]));
        check(r#"event.action in ("A", "B", null)"#, Some(&["A", "B"]));
        check(
            r#"event.action == "A" or event.action in ("A", "B")"#,
            Some(&["A", "B"]),
        );
        check(
            r#"event.action in ("A", "B") and event.action == "A""#,
            Some(&["A"]),
        );
        check(r#"user.name == "x" and event.action == "A""#, Some(&["A"]));
        check(r#"user.name == "x" or event.action == "A""#, None);
        check(r#"user.name == "x""#, None);
        check(r#"event.action != "A""#, None);
        check(r#"not event.action == "A""#, None);
        check(r#"event.action == null"#, None);
        check(r#"event.action in ("A", 1)"#, None);
        check(r#"stringContains(event.action, "A")"#, None);
    }
}
