//! Errors in a query, and their positions.

use super::parser::NESTING_MAX;

/// The reason why a text is not a query, and the position. The message has two more lines: the query's line and a
/// caret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}\n  {excerpt}\n  {caret}")]
pub struct ParseError {
    /// The offset in bytes from the start of the query.
    pub offset: usize,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The problem at this position.
    pub problem: Problem,
    excerpt: String,
    caret: String,
}

/// A problem in a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Something else is expected here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// The text that is expected here.
        expected: &'static str,
        /// The text that was found.
        found: String,
    },
    /// A character that begins nothing in EQL.
    #[error("unexpected character {0:?}")]
    Character(char),
    /// Valid EQL that this engine does not support.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// `=` instead of a comparison operator.
    #[error("`=` does not compare; write `==`")]
    SingleEquals,
    /// The text, or for a string the line, ends before the closing mark of what begins here.
    #[error("this {0} is not closed")]
    Unclosed(&'static str),
    /// A backslash that is not part of an EQL escape.
    #[error(
        "not an escape; strings know \\b \\t \\n \\f \\r \\\" \\\\ and \\u{{2 to 8 hex digits}}, \
         and \"\"\"raw strings\"\"\" take backslashes as they stand"
    )]
    Escape,
    /// A number too large for a double.
    #[error("this number is too large")]
    NumberTooLarge,
    /// Parentheses and `not` are nested deeper than the limit.
    #[error("conditions are nested more than {NESTING_MAX} deep")]
    TooDeep,
}

/// A problem at a byte offset, not yet converted to a line and a column.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) problem: Problem,
}

impl ParseError {
    /// Converts `fault` to a line and a column of `query`.
    pub(super) fn locate(query: &str, fault: Fault) -> Self {
        let Fault { offset, problem } = fault;
        let (before, after) = query.split_at(offset);
        let line_before = before.rsplit('\n').next().unwrap_or(before);
        let line_after = after.lines().next().unwrap_or("");
        // Tabs are kept, so that the caret is below its character for any tab width.
        let indent = line_before
            .chars()
            .map(|c| if c == '\t' { '\t' } else { ' ' });
        Self {
            offset,
            line: before.matches('\n').count() + 1,
            column: line_before.chars().count() + 1,
            problem,
            excerpt: format!("{line_before}{line_after}"),
            caret: indent.chain(['^']).collect(),
        }
    }
}
