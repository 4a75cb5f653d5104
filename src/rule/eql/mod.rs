//! EQL: the event queries of Elasticsearch.
//!
//! In: the text of a query such as `iam where event.action == "AttachUserPolicy"`. Out: a [`Condition`], or a
//! [`ParseError`] with the position and the reason.
//!
//! Supported: `any` or a category, `where`, `and` `or` `not`, parentheses, `==` `!=` `<` `<=` `>` `>=` between a field
//! and a literal, `in`, `not in`, `:`, `like`, `regex`, `stringContains`, `startsWith`, `endsWith`, `cidrMatch`, their
//! forms with `~`, `true` `false` `null`, optional `?fields`, strings, raw strings and comments. The grammar is
//! Elasticsearch's `EqlBase.g4`; keywords and function names are case-sensitive there, so they are here too.
//!
//! `!=` is `not ==` and `not in` is `not in()`, as in Elasticsearch: `!=` on a field with several values requires that
//! none of them be equal, not that one of them differ (querytranslator_tests.txt, fieldNotEqualsTrue: `must_not` around
//! `term`).
//!
//! A query of several events, `sequence`, is parsed into a list of such conditions, for the rules over time.
//!
//! Deliberately not supported: samples, joins and pipes, which use more than one event; `until`, `with runs` and missing
//! events (`![...]`) in sequences; arithmetic; every other function. Each of these is an error with a message, because a partly understood rule would lose records
//! silently.

mod lexer;
mod literal;
mod lucene;
mod operators;
mod parser;
mod sequence;

use super::condition::Condition;
use super::syntax::ParseError;
pub(super) use sequence::Sequence;

/// The field whose value is an event's category.
pub(super) const CATEGORY: &str = "event.category";

/// Parses a query.
///
/// # Errors
/// Text that is not EQL, and EQL that is not supported here, each with its position. Conditions may be nested 64 deep;
/// deeper nesting is an error, so that hostile text cannot overflow the stack.
pub fn parse(text: &str) -> Result<Condition, ParseError> {
    parse_with_category(text, CATEGORY)
}

/// Parses a query whose category is a value of this field, as [`parse`] does.
pub(super) fn parse_with_category(text: &str, field: &str) -> Result<Condition, ParseError> {
    let node = parser::parse(text, field).map_err(|fault| ParseError::locate(text, fault))?;
    Ok(Condition::new(node))
}

/// Returns whether a query is a sequence, which takes several events.
pub(super) fn is_sequence(text: &str) -> bool {
    sequence::begins(text)
}

/// Parses a sequence, whose events have a value of this field as their category.
///
/// # Errors
/// As of [`parse`].
pub(super) fn parse_sequence(text: &str, field: &str) -> Result<Sequence, ParseError> {
    sequence::parse(text, field).map_err(|fault| ParseError::locate(text, fault))
}
