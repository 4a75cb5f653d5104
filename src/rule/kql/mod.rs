//! KQL: the queries of Kibana, as rules of the type `query` have them.
//!
//! In: the text of a query such as `event.action: "CreateUser" and not user.name: deploy-*`. Out: a [`Condition`], or a
//! [`ParseError`] with the position and the reason. The grammar is Kibana's `grammar.peggy`.
//!
//! A value is the whole keyword, with its case. Only a `*` outside of quotes is a wildcard; `?` never is. A list of
//! values in parentheses is of one field. `field: *` checks that the field exists. Numbers and `true` are texts, as
//! keywords are, except in fields of times and addresses.
//!
//! Deliberately not supported: text without a field, which Kibana searches for in all fields; wildcards in names of
//! fields; nested queries; `null`.

mod literal;
mod parser;

use super::condition::Condition;
use super::syntax::ParseError;

/// Parses a query.
///
/// # Errors
/// Text that is not KQL, and KQL that is not supported here, each with its position. Parentheses may be nested 64 deep.
pub fn parse(text: &str) -> Result<Condition, ParseError> {
    let node = parser::parse(text).map_err(|fault| ParseError::locate(text, fault))?;
    Ok(Condition::new(node))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::parse;
    use crate::rule::condition::testing::Event;

    /// Checks queries. Each line is `yes` or `no` and a query.
    #[track_caller]
    fn check(event: &Event, answers: &str) {
        for line in answers.lines().map(str::trim).filter(|l| !l.is_empty()) {
            let (answer, query) = line.split_once(' ').unwrap();
            let condition = parse(query).unwrap();
            assert_eq!(condition.matches(event), answer == "yes", "{query}");
        }
    }

    #[test]
    fn a_value_is_the_whole_text_with_its_case() {
        check(
            &Event::new()
                .text("a", "Create*r x")
                .text("l", "x")
                .text("l", "y")
                .integer("n", 22)
                .boolean("t", true),
            r#"
            no  a: Create
            yes a: Create*
            no  a: create*
            yes a : *r*
            no  a: Create?r x
            yes a: "Create*r x"
            yes a: Create\*r x
            yes a:Create*r x and l:x
            no  a: "Create*"
            yes l: y
            yes l: (x and y)
            no  l: (x and z)
            yes l: (z or y)
            yes l: (x and not z)
            no  not l: x
            yes n: 22
            yes n: "22"
            yes n > 3
            no  n <= 3
            yes t: true
            yes l: X OR l: x
            yes NOT a: y AND l: x
            "#,
        );
    }

    #[test]
    fn a_field_that_is_not_there_makes_a_test_false() {
        check(
            &Event::new().text("a", "x").text("source.ip", "203.0.113.7"),
            r#"
            yes a: *
            no  b: *
            yes not b: *
            no  b: x
            yes not b: x
            no  b > 1
            yes source: *
            yes source.ip: 203.0.113.0/24
            yes source.ip: "203.0.113.0/24"
            no  source.ip: (198.51.100.0/24 or 203.0.113.8)
            no  a: 203.0.113.0/24
            "#,
        );
    }

    #[test]
    fn keywords_and_blanks_divide_values() {
        check(
            &Event::new()
                .text("a", "x and y")
                .text("b", "or")
                .text("c", "android not oral")
                .text("d", "p:q(r)<s>"),
            r#"
            yes a: "x and y"
            yes a: x \and y
            no  a: (x and y)
            yes b: \or
            yes c: android not oral
            yes   c:android not oral  and b: "or"
            yes d: p\:q\(r\)\<s\>
            yes (a:*) and (b:*)
            "#,
        );
    }

    #[track_caller]
    fn check_errors<const N: usize>(queries: [&str; N], expected: Expect) {
        let errors = queries.map(|query| {
            let error = parse(query).unwrap_err();
            format!("{query:?}\n  {} {}\n", error.offset, error.problem)
        });
        expected.assert_eq(&errors.concat());
    }

    #[test]
    fn what_is_wrong_or_not_supported() {
        check_errors(
            [
                "",
                "CreateUser",
                "\"Create User\"",
                "a.*: x",
                "a: { b: x }",
                "a: null",
                "a:",
                "a: (x",
                "(a: x",
                "a: x)",
                "a: x y: z",
                "a: \"x",
                "a: x\\d",
                "a: not x",
                "not not a: x",
                "(a: x)and b: y",
                "(a: x) and(b: y)",
                "a > x*",
            ],
            expect![[r#"
                ""
                  0 expected a value, found the end of the query
                "CreateUser"
                  0 not supported: the text "CreateUser" without a field
                "\"Create User\""
                  0 not supported: the text "Create User" without a field
                "a.*: x"
                  0 not supported: wildcards in the name of a field
                "a: { b: x }"
                  3 not supported: nested queries
                "a: null"
                  3 not supported: `null`; write `not FIELD: *`
                "a:"
                  2 expected a value, found the end of the query
                "a: (x"
                  5 expected `and`, `or` or `)`, found the end of the query
                "(a: x"
                  5 expected `and`, `or` or `)`, found the end of the query
                "a: x)"
                  4 expected `and`, `or` or the end of the query, found `)`
                "a: x y: z"
                  6 expected `and`, `or` or the end of the query, found `:`
                "a: \"x"
                  3 this string is not closed
                "a: x\\d"
                  4 not an escape; outside of quotes a backslash comes before \ ( ) : < > " * { }, t, r, n, and, or, not, or uXXXX
                "a: not x"
                  3 expected a value, found `n`
                "not not a: x"
                  4 expected a value, found `n`
                "(a: x)and b: y"
                  6 expected `and`, `or` or the end of the query, found `a`
                "(a: x) and(b: y)"
                  7 expected `and`, `or` or the end of the query, found `a`
                "a > x*"
                  4 not supported: wildcards in a range
            "#]],
        );
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |n| format!("{}a: x{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&nested(64)).is_ok());
        assert!(parse(&nested(65)).is_err());
        assert!(parse(&nested(1_000_000)).is_err());
        let values = |n| format!("a: {}x{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&values(64)).is_ok());
        assert!(parse(&values(1_000_000)).is_err());
        let many = format!("a: ({})", vec!["x"; 10_000].join(" or "));
        assert!(parse(&many).is_ok());
    }

    proptest! {
        #[test]
        fn no_text_panics(words in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(vec![
                    "a", ":", "(", ")", "and", "or", "not", "*", "\"", "\\", "<", ">=", "{", " ", "\u{a0}", "null",
                    "\\u00e9", "\\u", "é", "\n", "source.ip:", "1.2.3.4/8",
                ]).prop_map(str::to_owned),
                ".{0,3}",
            ],
            0..12,
        ), gap in proptest::sample::select(vec!["", " "])) {
            let text = words.join(gap);
            for text in [format!("a: {text}"), text] {
                if let Err(error) = parse(&text) {
                    prop_assert!(error.offset <= text.len());
                }
            }
        }
    }
}
