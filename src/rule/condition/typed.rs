//! Fields that are no text in Elasticsearch: what is compared with them is read as it reads it.

use std::net::IpAddr;

use super::{Bound, Case, Comparison, Field, Matcher, Moment, Names, Network, Node};

/// The types beside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Time,
    Address,
}

/// The fields of other types.
const TYPES: [(&str, Type); 3] = [
    ("@timestamp", Type::Time),
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

/// Returns the condition that a field equals a text.
///
/// # Errors
///
/// Why no value of the field can.
pub(in crate::rule) fn equal(field: &Field, text: &str, case: Case) -> Result<Matcher, String> {
    // An IPv4 address has one spelling, and many texts are compared at once.
    let network = |text: &str| match text.contains([':', '/']) {
        true => Network::parse(text),
        false => None,
    };
    Ok(match type_of(field) {
        Some(Type::Time) => Matcher::Time(None, Moment::parse(text)?),
        Some(Type::Address) if let Some(network) = network(text) => {
            Matcher::Networks(vec![network])
        }
        Some(Type::Address) | None => Matcher::text(text, case),
    })
}

/// Returns the condition that a field is less or greater than a text; `bound` is what it is in a field of text.
///
/// # Errors
///
/// Why no value of the field can be.
pub(in crate::rule) fn ordered(
    field: Field,
    comparison: Comparison,
    text: &str,
    bound: Bound,
) -> Result<Node, String> {
    let matcher = match type_of(&field) {
        Some(Type::Time) => Matcher::Time(Some(comparison), Moment::parse(text)?),
        Some(Type::Address) => {
            let address: Result<IpAddr, _> = text.parse();
            let address = address.map_err(|_| format!("the order of addresses and {text:?}"))?;
            Matcher::Address(comparison, address)
        }
        None => Matcher::Ordered(comparison, bound),
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
        check(r#"@timestamp >= "2024-05""#, true);
        check(r#"@timestamp <= "2024-05""#, true);
        check(r#"@timestamp > "2024-05""#, false);
        check(r#"@timestamp == "2024-05-31""#, true);
        check(r#"not @timestamp == "2024-05-31""#, false);
        check(r#"@timestamp < "2024-05-31T13:00:00+02:00""#, false);
        check("@timestamp >= 1717156800000", true);
        check("@timestamp > 1717156800000", false);
        let either = eql::parse(r#"any where @timestamp in ("2023", "2024")"#).unwrap();
        assert!(either.matches(&event()) && !either.matches(&event().without("@timestamp")));
    }

    #[test]
    fn addresses_are_ordered_by_their_numbers() {
        check(r#"source.ip > "203.0.113.10""#, false);
        check(r#"source.ip <= "203.0.113.10""#, true);
        check(r#"source.ip >= "30.0.0.0""#, true);
        check(r#"source.ip < "2001:db8::1""#, true);
        check(r#"source.ip == "203.0.113.7""#, true);
        check(r#"source.ip == "203.0.113.0/24""#, true);
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
    }
}
