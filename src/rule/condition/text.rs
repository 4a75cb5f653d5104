//! Texts with and without case, and the texts of values that are none.

use std::borrow::Cow;

use crate::event::Scalar;

/// Whether two texts that differ in case are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::rule) enum Case {
    /// They are not.
    Exact,
    /// They are, if only ASCII letters differ in case, as in Lucene.
    IgnoreAscii,
    /// They are, as in Sigma.
    Ignore,
}

impl Case {
    /// Returns the text in the one form that all texts have which are the same.
    pub(super) fn fold(self, text: &str) -> Cow<'_, str> {
        match self {
            Self::Exact => Cow::Borrowed(text),
            Self::Ignore if !text.is_ascii() => Cow::Owned(text.chars().map(fold).collect()),
            Self::Ignore | Self::IgnoreAscii => {
                match text.bytes().any(|byte| byte.is_ascii_uppercase()) {
                    true => Cow::Owned(text.to_ascii_lowercase()),
                    false => Cow::Borrowed(text),
                }
            }
        }
    }

    /// Returns whether folding changes nothing in this text but capitals of ASCII.
    pub(super) fn is_of_ascii(self, text: &str) -> bool {
        match self {
            Self::Exact => false,
            Self::IgnoreAscii => true,
            Self::Ignore => text.is_ascii(),
        }
    }

    /// Returns whether `text` is the same as `folded`, which is in that form.
    pub(super) fn is_same(self, folded: &str, text: &str) -> bool {
        match self {
            Self::Exact => folded == text,
            _ if !self.is_of_ascii(text) => self.fold(text) == folded,
            Self::Ignore | Self::IgnoreAscii => folded.eq_ignore_ascii_case(text),
        }
    }
}

/// Returns one character for all that differ only in case. A character that has no single one is itself.
fn fold(c: char) -> char {
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(upper)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

/// Returns the text of a number with a fraction or an exponent, as Java writes it.
pub(in crate::rule) fn number_text(number: f64) -> String {
    let mut text = String::new();
    crate::event::write_double(number, &mut text);
    text
}

/// Returns the text of a value, as Java writes it.
pub(super) fn text_of<'v>(value: &'v Scalar<'_>) -> Cow<'v, str> {
    match value {
        Scalar::Text(text) => Cow::Borrowed(text),
        Scalar::Integer(n) => Cow::Owned(n.to_string()),
        Scalar::Float(n) => Cow::Owned(number_text(*n)),
        Scalar::Boolean(b) => Cow::Borrowed(if *b { "true" } else { "false" }),
    }
}

/// Returns the text of a value in a field of times. Java's text of a large number has an exponent, and is no time.
pub(super) fn time_text<'v>(value: &'v Scalar<'_>) -> Cow<'v, str> {
    match value {
        Scalar::Float(number) => Cow::Owned(number.to_string()),
        value => text_of(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_as_far_as_each_language_does() {
        for (case, a, b, is_same) in [
            (Case::Exact, "AbC", "AbC", true),
            (Case::Exact, "AbC", "abc", false),
            (Case::IgnoreAscii, "AbC", "aBc", true),
            (Case::IgnoreAscii, "Ä", "ä", false),
            (Case::Ignore, "ÄbC", "äBc", true),
            (Case::Ignore, "Σ", "ς", true),
            (Case::Ignore, "kelvin", "\u{212a}elvin", true),
            (Case::Ignore, "İx", "İX", true),
            (Case::Ignore, "a", "b", false),
        ] {
            assert_eq!(case.is_same(&case.fold(a), b), is_same, "{case:?} {a} {b}");
            assert_eq!(case.fold(a) == case.fold(b), is_same, "{case:?} {a} {b}");
        }
    }
}
