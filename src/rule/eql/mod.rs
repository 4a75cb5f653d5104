//! A small EQL engine: one event query, read, judged and searched for needles.
//!
//! In goes the text of a query such as `iam where event.action == "AttachUserPolicy"`; out come a
//! [`Query`] or a [`ParseError`] that says where and why. A query answers [`matches`] for one
//! event, and [`needles`] for the prefilter, which must not open a record that cannot match.
//!
//! What is read: `any` or a category, `where`, `and` `or` `not`, parentheses, `==` `!=` `<` `<=`
//! `>` `>=` between a field and a literal, `in`, `not in`, `stringContains`, `true` `false`
//! `null`, optional `?fields`, strings, raw strings and comments. The grammar is Elasticsearch's
//! `EqlBase.g4`; keywords and function names are case-sensitive there, and so here.
//!
//! Deliberately not here: sequences, samples, joins and pipes, which judge more than one event;
//! arithmetic; the case-insensitive forms; every other function. Each is an error that says so,
//! because a rule half understood would lose records silently.
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
pub(in crate::rule) mod testing;

pub use error::{ParseError, Problem};
pub use needles::Needles;

use crate::event::Fields;

/// An event query. Its [`Display`](std::fmt::Display) is the canonical text, which parses back to
/// an equal query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// `None` is `any`.
    category: Option<String>,
    condition: Condition,
}

impl Query {
    /// Reads a query.
    ///
    /// # Errors
    /// What is not EQL, and what is EQL but not supported here, each with its position. Conditions
    /// may be nested 64 deep; more is an error, so hostile text cannot overflow the stack.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parser::parse(text).map_err(|fault| ParseError::locate(text, fault))
    }

    /// Whether the query is true of `event`. Allocates nothing itself.
    pub fn matches(&self, event: &dyn Fields) -> bool {
        evaluate::matches(self, event)
    }

    /// The literals of which one stands in the bytes of every record that can match.
    #[must_use]
    pub fn needles(&self) -> Needles {
        needles::needles(&self.condition)
    }

    /// The values of which a field has one in every record that can match; nothing where it may have any.
    #[must_use]
    pub fn values_of(&self, field: &str) -> Option<Vec<&str>> {
        values::values_of(&self.condition, field)
    }

    /// What of the query's literals stands, one of them, in a field's text in every record that can match, as of
    /// [`Query::needles`]; nothing where none need.
    #[must_use]
    pub fn runs_in(&self, field: &str) -> Option<Vec<&str>> {
        values::runs_in(&self.condition, field)
    }

    /// The (field, literal) pairs of the `stringContains` calls that are not under a `not`, in the
    /// query's order: where to look to say what a match matched.
    #[must_use]
    pub fn contains_atoms(&self) -> Vec<(&str, &str)> {
        let mut atoms = Vec::new();
        self.condition.collect_contains(&mut atoms);
        atoms
    }
}

/// A condition: true, false or null of an event.
#[derive(Debug, Clone, PartialEq)]
enum Condition {
    /// True if all are. At least two operands, so that every query has one printed form.
    And(Vec<Condition>),
    /// True if one is. At least two operands.
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// `true`, `false`, or `None` for `null`.
    Constant(Option<bool>),
    Compare {
        field: Field,
        operator: Operator,
        literal: Literal,
    },
    /// Not empty.
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

/// A field's name. `?name` is optional: in Elasticsearch it may be unknown to the index. There is
/// no index here, so an optional field is judged as any other, and only printed as written.
#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: String,
    optional: bool,
}

/// What a field is compared with.
#[derive(Debug, Clone, PartialEq)]
enum Literal {
    Text(String),
    Integer(i64),
    /// Finite.
    Float(f64),
    Boolean(bool),
    Null,
}

/// How a field is compared with a literal.
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

    /// The operator that says the same with its sides exchanged: `1 < a` is `a > 1`.
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
