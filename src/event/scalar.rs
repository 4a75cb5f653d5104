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
    /// Returns the same value, which borrows from this one.
    pub(super) fn borrowed(&self) -> Scalar<'_> {
        match self {
            Self::Text(text) => Scalar::Text(Cow::Borrowed(text)),
            Self::Integer(n) => Scalar::Integer(*n),
            Self::Float(n) => Scalar::Float(*n),
            Self::Boolean(b) => Scalar::Boolean(*b),
        }
    }

    /// Returns the value with a text of its own.
    pub(super) fn into_owned(self) -> Scalar<'static> {
        match self {
            Self::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
            Self::Integer(n) => Scalar::Integer(n),
            Self::Float(n) => Scalar::Float(n),
            Self::Boolean(b) => Scalar::Boolean(b),
        }
    }

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
