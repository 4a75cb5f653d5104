//! Fields that are no text in Elasticsearch: what is compared with them is read as it reads it.

use super::network::address;
use super::text::time_text;
use super::{Bound, Case, Comparison, Field, Matcher, Names, Network, Node, Period};
use crate::event::Fields;

/// The types beside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Time,
    Address,
}

/// The field with the time of the event.
const TIME: &str = "@timestamp";

/// The fields of other types.
const TYPES: [(&str, Type); 3] = [
    (TIME, Type::Time),
    (
        "aws.cloudtrail.user_identity.session_context.creation_date",
        Type::Time,
    ),
    ("source.ip", Type::Address),
];

fn type_of(field: &Field) -> Option<Type> {
    let name = field.name.as_str();
    let of_name = TYPES.into_iter().find(|(one, _)| *one == name);
    let (_, kind) = of_name.filter(|_| field.names == Names::Ecs)?;
    Some(kind)
}

/// Returns whether a field has times, which are not compared with patterns or parts of texts.
pub(in crate::rule) fn has_times(field: &Field) -> bool {
    type_of(field) == Some(Type::Time)
}

/// Returns whether one of the fields in a condition has times.
pub(super) fn any_has_times(node: &Node) -> bool {
    let mut found = false;
    node.each_field(&mut |field| found |= has_times(field));
    found
}

/// Returns whether a test of a field is decided, if it has times: by one value that passes for certain, or by all.
pub(super) fn are_times_known(field: &Field, matcher: &Matcher, event: &dyn Fields) -> bool {
    if !has_times(field) {
        return true;
    }
    let mut answers = Vec::new();
    field.each_value(event, &mut |value| {
        answers.push(decides(matcher, &time_text(&value)));
    });
    // Each event has a time, but not each has a session.
    let is_missing = answers.is_empty() && field.name == TIME;
    answers.contains(&Some(true)) || !is_missing && !answers.contains(&None)
}

/// Returns whether the text of a time passes, if that is certain.
fn decides(matcher: &Matcher, text: &str) -> Option<bool> {
    match matcher {
        Matcher::Time(comparison, period) => period.decides(*comparison, text),
        Matcher::AnyOf(matchers) => {
            let all: Vec<_> = matchers.iter().map(|one| decides(one, text)).collect();
            match all.contains(&Some(true)) {
                true => Some(true),
                false => all.into_iter().collect::<Option<Vec<_>>>().map(|_| false),
            }
        }
        other => Some(other.accepts_text(text)),
    }
}

/// Returns the test that a value of a field equals a text.
///
/// # Errors
///
/// The reason, if the field has times and the text is none.
pub(in crate::rule) fn equal(field: &Field, text: &str, case: Case) -> Result<Matcher, String> {
    let as_text = || Matcher::text(text, case);
    Ok(match type_of(field) {
        Some(Type::Time) => Matcher::Time(None, Period::parse(text)?),
        Some(Type::Address) => {
            let network = Network::parse(text);
            network.map_or_else(as_text, |network| Matcher::Networks(vec![network]))
        }
        None => as_text(),
    })
}

/// Returns the condition that a field is less or greater than a text, which `of_text` makes the bound of where the field
/// has neither times nor addresses.
///
/// # Errors
///
/// The reason, if the field has times or addresses and the text is none.
pub(in crate::rule) fn ordered(
    field: Field,
    comparison: Comparison,
    text: String,
    of_text: impl FnOnce(String) -> Bound,
) -> Result<Node, String> {
    let matcher = match type_of(&field) {
        Some(Type::Time) => Matcher::Time(Some(comparison), Period::parse(&text)?),
        Some(Type::Address) => {
            let address = address(&text);
            let address = address
                .ok_or_else(|| format!("addresses less or greater than {text:?}, which is none"))?;
            Matcher::Address(comparison, address)
        }
        None => Matcher::Ordered(comparison, of_text(text)),
    };
    Ok(field.value(matcher))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Event;
    use crate::rule::{eql, kql};

    fn event() -> Event {
        Event::new()
            .text("@timestamp", "2024-05-31T12:00:00Z")
            .text("source.ip", "203.0.113.7")
    }

    /// Checks each condition in both languages.
    fn check(condition: &str, expected: bool) {
        let queries = [
            eql::parse(&format!("any where {condition}")).unwrap(),
            kql::parse(&condition.replace("==", ":")).unwrap(),
        ];
        for query in queries {
            assert_eq!(query.matches(&event()), expected, "{condition}");
        }
    }

    #[test]
    fn a_time_is_compared_as_a_time() {
        check(r#"@timestamp >= "2024-05-31""#, true);
        check(r#"@timestamp <= "2024-05-31""#, true);
        check(r#"@timestamp > "2024-05-31""#, false);
        check(r#"@timestamp > "2024-05""#, true);
        check(r#"@timestamp < "9999""#, true);
        check(r#"@timestamp == "2024-05-31""#, true);
        check(r#"not @timestamp == "2024-05-31""#, false);
        check(r#"@timestamp < "2024-05-31T13:00:00+02:00""#, false);
        check("@timestamp >= 1717156800000", true);
        check("@timestamp > 1717156800000", false);
        let either = eql::parse(r#"any where @timestamp in ("2023-05-31", "2024-05-31")"#).unwrap();
        assert!(either.matches(&event()) && !either.matches(&event().without("@timestamp")));
    }

    #[test]
    fn a_number_is_a_time_whatever_it_is_written_like() {
        for value in [
            Event::new().float("@timestamp", 1_717_156_800_000.5),
            Event::new().float("@timestamp", 1_717_156_800.25),
            Event::new().integer("@timestamp", 1_717_156_800_000),
        ] {
            for day in [r#""2024-05-31""#, r#"("2024-05-30" or "2024-05-31")"#] {
                let query = kql::parse(&format!("@timestamp: {day}")).unwrap();
                assert!(query.matches(&value), "{value:?} {day}");
            }
        }
    }

    #[test]
    fn addresses_are_ordered_by_their_numbers() {
        check(r#"source.ip > "203.0.113.10""#, false);
        check(r#"source.ip <= "203.0.113.10""#, true);
        check(r#"source.ip >= "30.0.0.0""#, true);
        check(r#"source.ip < "2001:db8::1""#, true);
        check(r#"source.ip == "203.0.113.7""#, true);
        check(r#"source.ip == "203.0.113.0/24""#, true);
        check(r#"source.ip == "::ffff:203.0.113.7""#, true);
        let long = eql::parse(r#"any where source.ip == "2001:DB8:0::1""#).unwrap();
        assert!(long.matches(&Event::new().text("source.ip", "2001:db8::1")));
    }

    #[test]
    fn what_no_time_or_address_can_be_is_refused_where_it_stands() {
        for (condition, offset) in [
            (r#"@timestamp > "yesterday""#, 13),
            (r#"@timestamp > "now-90d""#, 13),
            (r#"source.ip > "203.0.113""#, 12),
        ] {
            let error = kql::parse(condition).unwrap_err();
            assert_eq!(error.offset, offset, "{error}");
            assert!(eql::parse(&format!("any where {condition}")).is_err());
        }
        let error = |condition: &str| {
            let query = format!("any where {condition}");
            eql::parse(&query).unwrap_err().problem.to_string()
        };
        for condition in [
            r#"@timestamp : "2024-05-01""#,
            r#"@timestamp like "2024*""#,
            r#"startsWith(@timestamp, "2024")"#,
        ] {
            assert!(
                error(condition).contains("in a field of times"),
                "{condition}"
            );
        }
        assert!(kql::parse("@timestamp: 2024*").is_err());
        assert!(error(r#"@timestamp between "2023" and "2024""#).contains("a comparison"));
    }
}
