//! A value of an ECS field.

use std::borrow::Cow;

/// One value of an ECS field.
#[derive(Debug, Clone, PartialEq)]
pub enum Scalar<'a> {
    /// A keyword or text.
    Text(Cow<'a, str>),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// `true` or `false`.
    Boolean(bool),
}

impl Scalar<'_> {
    /// Returns the value as text.
    pub(crate) fn to_text(&self) -> String {
        self.clone().into_text()
    }

    pub(super) fn into_text(self) -> String {
        match self {
            Self::Text(text) => text.into_owned(),
            Self::Integer(n) => n.to_string(),
            Self::Float(n) => n.to_string(),
            Self::Boolean(b) => b.to_string(),
        }
    }
}
