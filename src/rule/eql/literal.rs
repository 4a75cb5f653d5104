//! Literals of EQL.

use crate::rule::condition::number_text;

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Text(String),
    Integer(i64),
    /// Always finite.
    Float(f64),
    Boolean(bool),
    Null,
}

impl Literal {
    /// Returns the text that a keyword equal to it has; `None` for null.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.clone()),
            Self::Integer(n) => Some(n.to_string()),
            Self::Float(n) => Some(number_text(*n)),
            Self::Boolean(b) => Some(b.to_string()),
            Self::Null => None,
        }
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Integer(n) => Some(*n as f64),
            Self::Float(n) => Some(*n),
            Self::Text(_) | Self::Boolean(_) | Self::Null => None,
        }
    }
}
