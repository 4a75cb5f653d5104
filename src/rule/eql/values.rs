//! A condition -> the values of which a field has one wherever the condition is true.
//!
//! As of needles: every doubt is answered with "any value", which costs time and never a record.

use super::{Condition, Literal, Operator};

/// The values, without repeats; `None` if the field may have any, or none.
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
            // A `null` in the list makes nothing true.
            .filter(|literal| **literal != Literal::Null)
            .map(|literal| match literal {
                Literal::Text(text) => Some(&**text),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// Whether a condition is true only where a field's text contains some literal that it names.
pub(super) fn must_contain(condition: &Condition, field: &str) -> bool {
    match condition {
        Condition::And(operands) => operands.iter().any(|one| must_contain(one, field)),
        Condition::Or(operands) => {
            !operands.is_empty() && operands.iter().all(|one| must_contain(one, field))
        }
        Condition::Contains {
            field: searched, ..
        } => searched.name == field,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::Query;

    #[test]
    fn a_literal_must_stand_in_a_field_if_no_way_leads_past_it() {
        let has = |condition: &str| {
            let query = Query::parse(&format!("any where {condition}")).unwrap();
            query.must_contain("a.b")
        };
        assert!(has(r#"stringContains(a.b, "x")"#));
        assert!(has(r#"c == "y" and stringContains(a.b, "x")"#));
        assert!(has(
            r#"stringContains(a.b, "x") or stringContains(a.b, "y")"#
        ));
        assert!(!has(r#"c == "y" or stringContains(a.b, "x")"#));
        assert!(!has(r#"not stringContains(a.b, "x")"#));
        assert!(!has(r#"stringContains(c, "x")"#));
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
