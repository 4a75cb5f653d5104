//! A small EQL engine: it parses one event query, evaluates it, and derives its needles.
//!
//! In: the text of a query such as `iam where event.action == "AttachUserPolicy"`. Out: a [`Query`], or a
//! [`ParseError`] with the position and the reason. A query has [`matches`] for one event, and [`needles`] for the
//! prefilter, which skips only records that cannot match.
//!
//! Supported: `any` or a category, `where`, `and` `or` `not`, parentheses, `==` `!=` `<` `<=` `>` `>=` between a field
//! and a literal, `in`, `not in`, `stringContains`, `true` `false` `null`, optional `?fields`, strings, raw strings and
//! comments. The grammar is Elasticsearch's `EqlBase.g4`; keywords and function names are case-sensitive there, so they
//! are here too.
//!
//! Deliberately not supported: sequences, samples, joins and pipes, which use more than one event; arithmetic; the
//! case-insensitive forms; every other function. Each of these is an error with a message, because a partly understood
//! rule would lose records silently.
//!
//! [`matches`]: Query::matches
//! [`needles`]: Query::needles

mod error;
mod evaluate;
mod lexer;
mod needles;
mod values;
mod parser;
mod print;
mod words;
#[cfg(test)]
pub(crate) mod testing;

pub use error::{ParseError, Problem};
pub use needles::Needles;

use crate::event::Fields;

/// An event query. Its [`Display`](std::fmt::Display) is the canonical text, which parses back to an equal query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// `None` means `any`.
    category: Option<String>,
    condition: Condition,
}

impl Query {
    /// Parses a query.
    ///
    /// # Errors
    /// Text that is not EQL, and EQL that is not supported here, each with its position. Conditions may be nested 64
    /// deep; deeper nesting is an error, so that hostile text cannot overflow the stack.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parser::parse(text).map_err(|fault| ParseError::locate(text, fault))
    }

    /// Returns whether the query is true of `event`. Allocates nothing itself.
    pub fn matches(&self, event: &dyn Fields) -> bool {
        evaluate::matches(self, event)
    }

    /// Returns the literals, one of which is in the bytes of every record that can match.
    #[must_use]
    pub fn needles(&self) -> Needles {
        needles::needles(&self.condition)
    }

    /// Returns a list of values, one of which the field has in every record that can match; nothing if it may have any
    /// value.
    #[must_use]
    pub fn values_of(&self, field: &str) -> Option<Vec<&str>> {
        values::values_of(&self.condition, field)
    }

    /// Returns parts of the query's literals, one of which is in a field's text in every record that can match, as for
    /// [`Query::needles`]; nothing if no part is required.
    #[must_use]
    pub fn runs_in(&self, field: &str) -> Option<Vec<&str>> {
        values::runs_in(&self.condition, field)
    }

    /// Returns the (field, literal) pairs of the `stringContains` calls that are not under a `not`, in the query's
    /// order. They show which part of an event matched.
    #[must_use]
    pub fn contains_atoms(&self) -> Vec<(&str, &str)> {
        let mut atoms = Vec::new();
        self.condition.collect_contains(&mut atoms);
        atoms
    }
}

/// A condition: true, false or null for an event.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    /// True if all operands are true. At least two operands, so that every query has one printed form.
    And(Vec<Condition>),
    /// True if one operand is true. At least two operands.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// `true`, `false`, or `None` for `null`.
    Constant(Option<bool>),
    Compare {
        field: Field,
        operator: Operator,
        literal: Literal,
    },
    /// The list is not empty.
    In {
        field: Field,
        literals: Vec<Literal>,
    },
    Contains {
        field: Field,
        literal: String,
    },
}

impl Condition {
    fn collect_contains<'q>(&'q self, atoms: &mut Vec<(&'q str, &'q str)>) {
        match self {
            Self::And(operands) | Self::Or(operands) => {
                for operand in operands {
                    operand.collect_contains(atoms);
                }
            }
            Self::Contains { field, literal } => atoms.push((&field.name, literal)),
            Self::Not(_) | Self::Constant(_) | Self::Compare { .. } | Self::In { .. } => {}
        }
    }
}

/// A field's name. `?name` is optional: in Elasticsearch it may be unknown to the index. There is no index here, so an
/// optional field is evaluated like any other, and the `?` is only printed again.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: String,
    optional: bool,
}

/// The literal that a field is compared with.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Integer(i64),
    /// Always finite.
    Float(f64),
    Boolean(bool),
    Null,
}

/// The operator of a comparison between a field and a literal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
    ];

    fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// Returns the equivalent operator with its sides exchanged: `1 < a` is `a > 1`.
    fn mirrored(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Query;

    #[test]
    fn contains_atoms_are_those_that_a_match_may_owe_itself_to() {
        let query = Query::parse(
            r#"any where stringContains(a, "1") and (stringContains(b.c, "2") or x == "y")
               and not (stringContains(d, "3") or not stringContains(e, "4"))"#,
        )
        .unwrap();
        assert_eq!(query.contains_atoms(), [("a", "1"), ("b.c", "2")]);
    }
}
