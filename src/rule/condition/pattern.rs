//! Regular expressions, by the crate `regex`, whose time is linear in the text. What it does not know is an error.

use regex::{Regex, RegexBuilder};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Hir, HirKind};

/// The most memory of one compiled expression. Expressions of rules take a few KiB.
const BYTES_MAX: usize = 1 << 20;

/// A regular expression.
#[derive(Debug, Clone)]
pub(in crate::rule) struct Pattern {
    regex: Regex,
    /// As the rule has it.
    text: String,
    options: PatternOptions,
    /// Texts, one of which is in each text that matches. Empty if there are none.
    parts: Vec<String>,
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
    /// Makes a pattern of an expression in the syntax of the crate `regex`.
    #[cfg(test)]
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
            parts: parts_of(regex.as_str()),
            regex,
            text: source.to_owned(),
            options,
        })
    }

    pub(in crate::rule) fn matches(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn ignores_case(&self) -> bool {
        self.options.ignores_case
    }

    /// Returns texts, one of which is in each text that matches, in any case if that does not count; empty if no text
    /// is sure.
    pub(super) fn parts(&self) -> &[String] {
        &self.parts
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, self.options) == (&other.text, other.options)
    }
}

/// The most texts of an expression that are searched for.
const PARTS_MAX: usize = 16;

/// Returns texts, one of which is in each text that an expression matches; empty if no text is sure.
fn parts_of(expression: &str) -> Vec<String> {
    let parsed = ParserBuilder::new()
        .nest_limit(64)
        .build()
        .parse(expression);
    parsed.map_or_else(|_| Vec::new(), |hir| parts_in(&hir))
}

fn parts_in(hir: &Hir) -> Vec<String> {
    match hir.kind() {
        HirKind::Literal(literal) => {
            let text = std::str::from_utf8(&literal.0);
            text.map_or_else(|_| Vec::new(), |text| vec![text.to_owned()])
        }
        HirKind::Capture(capture) => parts_in(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => parts_in(&repetition.sub),
        // The longest text is in the fewest others.
        HirKind::Concat(parts) => {
            let each = parts.iter().map(parts_in).filter(|texts| !texts.is_empty());
            let shortest = |texts: &Vec<String>| texts.iter().map(String::len).min();
            each.max_by_key(shortest).unwrap_or_default()
        }
        HirKind::Alternation(parts) => {
            let each: Vec<Vec<String>> = parts.iter().map(parts_in).collect();
            let n_texts: usize = each.iter().map(Vec::len).sum();
            match each.iter().any(Vec::is_empty) || n_texts > PARTS_MAX {
                true => Vec::new(),
                false => each.concat(),
            }
        }
        HirKind::Repetition(_) | HirKind::Empty | HirKind::Class(_) | HirKind::Look(_) => {
            Vec::new()
        }
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
    fn some_text_is_sure_to_be_in_what_matches() {
        for (expression, expected) in [
            (".+:assumed-role/aws:.+", &[":assumed-role/aws:"][..]),
            ("a|bc|d+", &["a", "bc", "d"]),
            ("(one|two)(three)?", &["one", "two"]),
            ("x{2,3}long", &["long"]),
            ("(?i)abc", &[]),
            ("[ab]c*", &[]),
            ("a|", &[]),
            ("^a$", &["a"]),
        ] {
            let pattern = Pattern::new(expression, PatternOptions::default()).unwrap();
            assert_eq!(pattern.parts(), expected, "{expression}");
        }
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
