//! A value of an ECS field.

use std::borrow::Cow;
use std::fmt::Write as _;

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

/// The first of several values, as text.
pub(super) struct FirstText<'o> {
    out: &'o mut String,
    pub(super) is_found: bool,
}

impl<'o> FirstText<'o> {
    pub(super) fn new(out: &'o mut String) -> Self {
        Self {
            out,
            is_found: false,
        }
    }

    /// Appends a value, if it is the first one.
    pub(super) fn take(&mut self, value: Scalar<'_>) {
        if std::mem::replace(&mut self.is_found, true) {
            return;
        }
        // Writing to a String cannot fail.
        match value {
            Scalar::Text(text) => self.out.write_str(&text),
            Scalar::Integer(n) => write!(self.out, "{n}"),
            Scalar::Float(n) => write!(self.out, "{n}"),
            Scalar::Boolean(b) => write!(self.out, "{b}"),
        }
        .expect("a String takes all");
    }
}
