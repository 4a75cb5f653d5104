//! What in a condition can never be true, and what in it never excludes anything.
//!
//! Only what is certain is reported: that a field would have to have two different values at once, that a filter
//! requires a value which the rest of the rule excludes, that no action of the rule is of the category it requires, and
//! that the name of a field is nearly one of CloudTrail's.

use std::borrow::Cow;

use super::{Condition, Field, Matcher, Node, Test};
use crate::event::{
    Names, category_of, ecs_name, is_ecs_field, near_ecs_field, near_field, own_name,
};

/// Returns what cannot work in a condition, one sentence each.
pub(super) fn warnings(condition: &Condition) -> Vec<String> {
    let mut found = Vec::new();
    let node = &condition.0;
    if let Some(reason) = contradiction(node) {
        found.push(format!("the rule can never match: {reason}"));
    }
    if let Some(reason) = category_conflict(node) {
        found.push(format!("the rule can never match: {reason}"));
    }
    useless_filters(node, &mut found);
    let mut fields = Vec::new();
    node.each_field(&mut |field| fields.push(field));
    let mut misspelt: Vec<(&str, Cow<'_, str>)> = fields.into_iter().filter_map(meant).collect();
    misspelt.sort_unstable();
    misspelt.dedup();
    found.extend(misspelt.into_iter().map(|(name, field)| {
        format!("no record has the field `{name}`: probably `{field}` is meant")
    }));
    found
}

/// Returns the name of a field that no record has, with the one that was probably meant.
fn meant(field: &Field) -> Option<(&str, Cow<'_, str>)> {
    let name = field.name.as_str();
    match field.names {
        Names::Ecs => {
            // Who knows the log knows its names, and not those of the schema.
            let near = near_ecs_field(name).map(Cow::Borrowed);
            let meant = near.or_else(|| ecs_name(name).filter(|_| !is_ecs_field(name)))?;
            Some((name, meant))
        }
        Names::CloudTrail => {
            if let Some(own) = own_name(name) {
                return Some((name, Cow::Borrowed(own)));
            }
            let first = name.split('.').next()?;
            Some((first, Cow::Borrowed(near_field(first)?)))
        }
    }
}

/// Returns the parts that all must be true.
fn conjuncts(node: &Node) -> Vec<&Node> {
    match node {
        Node::And(nodes) => nodes.iter().flat_map(conjuncts).collect(),
        node => vec![node],
    }
}

/// Returns the tests for one of a few texts that all must be true, with the field of each.
fn required(node: &Node) -> Vec<(&Field, &Matcher)> {
    let tests = conjuncts(node).into_iter().filter_map(|node| match node {
        Node::Test {
            field,
            test: Test::Value(matcher),
        } => Some((field, matcher)),
        _ => None,
    });
    tests.collect()
}

/// Returns the texts, one of which a value must be to pass; `None` if other values may pass too.
fn texts(matcher: &Matcher) -> Option<Vec<&str>> {
    match matcher {
        Matcher::Texts(set) => Some(set.texts().iter().map(String::as_str).collect()),
        Matcher::AnyOf(matchers) => {
            let each = matchers.iter().map(texts).collect::<Option<Vec<_>>>()?;
            Some(each.concat())
        }
        _ => None,
    }
}

/// Returns whether a field has one value at most. Fields of CloudTrail's own names may be lists.
fn is_single(field: &Field) -> bool {
    matches!(
        field.name.as_str(),
        "event.action" | "event.provider" | "event.outcome" | "eventName" | "eventSource"
    )
}

/// Returns why these tests of a field exclude each other.
fn excludes(field: &Field, one: &Matcher, other: &Matcher) -> Option<String> {
    if !is_single(field) {
        return None;
    }
    let (values, others) = (texts(one)?, texts(other).unwrap_or_default());
    // The texts of a test without case are folded, and the other test may have case.
    let is_common = values.iter().any(|text| other.accepts_text(text))
        || others.iter().any(|text| one.accepts_text(text));
    (!is_common).then(|| {
        format!(
            "{} would have to be {} and pass another test at once",
            field.name,
            values.join(" or ")
        )
    })
}

fn contradiction(node: &Node) -> Option<String> {
    if let Node::Or(nodes) = node {
        let mut reasons = nodes.iter().map(contradiction);
        let first = reasons.next()??;
        return reasons.all(|reason| reason.is_some()).then_some(first);
    }
    let all = required(node);
    for (n, (field, matcher)) in all.iter().enumerate() {
        for (other_field, other) in &all[n + 1..] {
            if field == other_field
                && let Some(reason) = excludes(field, matcher, other)
            {
                return Some(reason);
            }
        }
    }
    let inner = conjuncts(node).into_iter();
    let mut inner = inner.filter(|inner| !std::ptr::eq(*inner, node));
    inner.find_map(|inner| match inner {
        Node::Or(_) => contradiction(inner),
        _ => None,
    })
}

/// Returns why no action of a rule has the category that it asks for.
fn category_conflict(node: &Node) -> Option<String> {
    let all = required(node);
    let of = |name: &str| {
        let mut tests = all.iter().filter(|(field, _)| field.name == name);
        tests.next().map(|(_, matcher)| *matcher)
    };
    let (actions, category) = (texts(of("event.action")?)?, of("event.category")?);
    let has_category = |action: &&str| {
        let category_of = category_of(action);
        category_of.is_some_and(|name| category.accepts_text(name))
    };
    (!actions.iter().any(has_category)).then(|| {
        let known: Vec<String> = actions
            .iter()
            .map(|action| format!("{action} {}", category_of(action).unwrap_or("none")))
            .collect();
        format!(
            "its category is that of none of its actions ({})",
            known.join(", ")
        )
    })
}

/// Adds a sentence for each `not` that excludes nothing, because what is in it contradicts the rest.
fn useless_filters(node: &Node, found: &mut Vec<String>) {
    let all = required(node);
    for inner in conjuncts(node) {
        let Node::Not(filter) = inner else {
            continue;
        };
        let filters: Vec<&Node> = match &**filter {
            Node::Or(nodes) => nodes.iter().collect(),
            node => vec![node],
        };
        for filter in filters {
            let conflict = required(filter).into_iter().find_map(|(field, matcher)| {
                let mut same = all.iter().filter(|(other, _)| *other == field);
                same.find_map(|(_, other)| excludes(field, matcher, other))
            });
            if let Some(reason) = conflict {
                found.push(format!("a filter excludes nothing: {reason}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::eql;

    #[track_caller]
    fn check(condition: &str, expected: &[&str]) {
        let found = eql(condition).warnings();
        assert_eq!(found.len(), expected.len(), "{condition}: {found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.contains(expected), "{condition}: {found}");
        }
    }

    #[test]
    fn what_can_never_be_true_is_told() {
        check(r#"event.action == "A" and user.name == "B""#, &[]);
        check(
            r#"event.action == "A" and event.action == "B""#,
            &["can never match: event.action"],
        );
        check(r#"event.action == "A" and event.action : "a*""#, &[]);
        check(
            r#"event.action in ("A", "B") and event.action : "c*""#,
            &["can never match"],
        );
        // A list of groups may have both.
        check(r#"user.name == "A" and user.name == "B""#, &[]);
        check(
            r#"event.category == "iam" and event.action == "PutObject""#,
            &["PutObject file"],
        );
        check(
            r#"event.category == "iam" and event.action == "CreateUser""#,
            &[],
        );
    }

    #[test]
    fn a_misspelt_field_is_reported_with_the_one_that_is_meant() {
        check(r#"event.acton == "A""#, &["`event.action` is meant"]);
        check(r#"event.actoin == "A""#, &["`event.action` is meant"]);
        check(r#"Event.Action == "A""#, &["`event.action` is meant"]);
        check(r#"source.ips == "192.0.2.1""#, &["`source.ip` is meant"]);
        // The log's own names.
        check(r#"eventName == "A""#, &["`event.action` is meant"]);
        check(
            r#"requestParameters.userName == "A""#,
            &["`aws.cloudtrail.flattened.request_parameters.userName` is meant"],
        );
        for field in [
            "event.action",
            "source.as.number",
            "event.kind.more",
            "aws.cloudtrail.flattened.request_parameters.x",
        ] {
            check(&format!(r#"{field} == "A""#), &[]);
        }
    }

    #[test]
    fn a_filter_that_excludes_nothing_is_told() {
        check(
            r#"event.action == "A" and not (event.action == "B" and user.name == "x")"#,
            &["a filter excludes nothing"],
        );
        check(r#"event.action == "A" and not user.name == "x""#, &[]);
        check(
            r#"event.action in ("A", "B") and not event.action == "B""#,
            &[],
        );
    }
}
