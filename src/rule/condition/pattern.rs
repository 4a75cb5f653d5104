//! Regular expressions, by the crate `regex`, whose time is linear in the text. What it does not know is an error.

use regex::{Regex, RegexBuilder};

/// The most memory of one compiled expression. Expressions of rules take a few KiB.
const BYTES_MAX: usize = 1 << 20;

/// A regular expression.
#[derive(Debug, Clone)]
pub(in crate::rule) struct Pattern {
    regex: Regex,
    /// As the rule has it.
    text: String,
    options: PatternOptions,
}

/// The ways in which expressions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::rule) struct PatternOptions {
    /// It must match the whole text.
    pub(in crate::rule) is_anchored: bool,
    pub(in crate::rule) ignores_case: bool,
    /// `^` and `$` match at the ends of lines too.
    pub(in crate::rule) is_multi_line: bool,
    /// `.` matches the end of a line too.
    pub(in crate::rule) is_dot_all: bool,
}

/// The reason why a text is not a regular expression that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(in crate::rule) enum PatternError {
    #[error("the regular expression is too large")]
    TooLarge,
    #[error("the regular expression cannot be used: {0}")]
    Syntax(String),
}

impl Pattern {
    pub(in crate::rule) fn new(text: &str, options: PatternOptions) -> Result<Self, PatternError> {
        Self::with_source(text, text, options)
    }

    /// Makes a pattern of an expression that was translated from `source`.
    pub(in crate::rule) fn with_source(
        source: &str,
        expression: &str,
        options: PatternOptions,
    ) -> Result<Self, PatternError> {
        let build = |expression: &str| {
            RegexBuilder::new(expression)
                .case_insensitive(options.ignores_case)
                .multi_line(options.is_multi_line)
                .dot_matches_new_line(options.is_dot_all)
                .size_limit(BYTES_MAX)
                .dfa_size_limit(BYTES_MAX)
                .nest_limit(64)
                .build()
        };
        let regex = match options.is_anchored {
            // First by itself: with a bracket too many it would be another expression in brackets.
            true => build(expression).and_then(|_| build(&format!(r"\A(?:{expression})\z"))),
            false => build(expression),
        };
        let regex = regex.map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => PatternError::TooLarge,
            // The last line of several says what is wrong.
            error => {
                let message = error.to_string();
                let last = message.lines().last().unwrap_or_default();
                PatternError::Syntax(last.trim_start_matches("error: ").to_owned())
            }
        })?;
        Ok(Self {
            regex,
            text: source.to_owned(),
            options,
        })
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.options) == (&other.text, other.options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_matches_anywhere_or_the_whole_text() {
        let pattern = |text, is_anchored| {
            let options = PatternOptions {
                is_anchored,
                ..PatternOptions::default()
            };
            Pattern::new(text, options).unwrap()
        };
        assert!(pattern("b|c", false).matches("abd"));
        assert!(!pattern("b|c", true).matches("abd"));
        assert!(pattern("b|c", true).matches("c"));
        assert!(!pattern("b", false).matches("B"));
    }

    #[test]
    fn what_explodes_or_is_unknown_is_an_error() {
        let error = |text| {
            let options = PatternOptions {
                is_anchored: true,
                ..PatternOptions::default()
            };
            Pattern::new(text, options).unwrap_err()
        };
        assert_eq!(error(r"(\w{1000}){1000}"), PatternError::TooLarge);
        for text in ["a)(b", "(?=a)", r"(a)\1", "["] {
            let error = error(text);
            assert!(
                matches!(&error, PatternError::Syntax(why) if !why.is_empty()),
                "{error}"
            );
        }
    }
}
