//! A condition -> a list of values, one of which a field has whenever the condition is true.
//!
//! As for needles, every doubtful case gives "any value". This costs time but never loses a record.

use super::matcher::Matcher;
use super::needles::{Letters, fidelity, runs_of};
use super::{Case, Field, Names, Node, Test};

/// Returns the values, without repeats; `None` if the field may have any value, or none.
pub(super) fn values_of<'c>(node: &'c Node, name: &str) -> Option<Vec<&'c str>> {
    match node {
        Node::And(nodes) => nodes
            .iter()
            .filter_map(|node| values_of(node, name))
            .min_by_key(Vec::len),
        Node::Or(nodes) => union(nodes.iter().map(|node| values_of(node, name))),
        Node::Test {
            field,
            test: Test::Value(Matcher::Texts(set)),
        } if is_field(field, name) && set.case() == Case::Exact => {
            union(set.texts().iter().map(|text| Some(vec![text.as_str()])))
        }
        _ => None,
    }
}

fn is_field(field: &Field, name: &str) -> bool {
    field.names == Names::Ecs && field.name == name
}

fn union<'c>(parts: impl Iterator<Item = Option<Vec<&'c str>>>) -> Option<Vec<&'c str>> {
    let mut all: Vec<&str> = Vec::new();
    for value in parts.collect::<Option<Vec<_>>>()?.into_iter().flatten() {
        if !all.contains(&value) {
            all.push(value);
        }
    }
    Some(all)
}

/// Returns runs, one of which is in a field's text whenever a condition is true; `None` if no run is required.
pub(super) fn runs_in<'c>(node: &'c Node, name: &str) -> Option<Vec<&'c str>> {
    match node {
        Node::And(nodes) => nodes.iter().find_map(|one| runs_in(one, name)),
        Node::Or(nodes) => {
            let each = nodes.iter().map(|one| runs_in(one, name));
            let all: Vec<&str> = each.collect::<Option<Vec<_>>>()?.concat();
            Some(all).filter(|all| !all.is_empty())
        }
        Node::Test {
            field,
            test: Test::Value(matcher),
        } if is_field(field, name) && !matcher.searched().is_empty() => {
            runs_of(matcher, fidelity(field), Letters::AsTheyStand)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::eql;

    #[test]
    fn a_literal_must_stand_in_a_field_if_no_way_leads_past_it() {
        let check = |condition: &str, expected: Option<&[&str]>| {
            let query = eql(condition);
            let runs = query.runs_in("aws.cloudtrail.request_parameters");
            assert_eq!(runs.as_deref(), expected, "{condition}");
        };
        let a = r#"stringContains(aws.cloudtrail.request_parameters, "policy/Alpha")"#;
        let b = r#"stringContains(aws.cloudtrail.request_parameters, "Bravo")"#;
        check(a, Some(&["Alpha"]));
        let with_action = format!(r#"event.action == "AttachUserPolicy" and {b}"#);
        check(&with_action, Some(&["Bravo"]));
        // It is in the text, although the bytes of a record may have another word in its place.
        let c = r#"stringContains(aws.cloudtrail.request_parameters, "=true,")"#;
        check(c, Some(&["true"]));
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
        let query = eql(condition);
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
        check(r#"event.action in ("A", 1)"#, Some(&["A", "1"]));
        check(r#"stringContains(event.action, "A")"#, None);
    }
}
