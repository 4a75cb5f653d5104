//! What can be wrong with a query, and where it is.

use super::parser::NESTING_MAX;

/// Why a text is not a query, and where. Its text has two more lines: the query's line and a caret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {problem}\n  {excerpt}\n  {caret}")]
pub struct ParseError {
    /// In bytes from the start of the query.
    pub offset: usize,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
    excerpt: String,
    caret: String,
}

/// What is wrong with a query.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// Something else should stand here.
    #[error("expected {expected}, found {found}")]
    Unexpected {
        /// What may stand here.
        expected: &'static str,
        /// What does.
        found: String,
    },
    /// A character that begins nothing in EQL.
    #[error("unexpected character {0:?}")]
    Character(char),
    /// EQL, but more of it than this engine judges.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// `=` where a comparison should be.
    #[error("`=` does not compare; write `==`")]
    SingleEquals,
    /// The text ends, or for a string the line does, before what begins here.
    #[error("this {0} is not closed")]
    Unclosed(&'static str),
    /// A backslash that EQL gives no meaning.
    #[error(
        "not an escape; strings know \\b \\t \\n \\f \\r \\\" \\\\ and \\u{{2 to 8 hex digits}}, \
         and \"\"\"raw strings\"\"\" take backslashes as they stand"
    )]
    Escape,
    /// A number beyond what a double can hold.
    #[error("this number is too large")]
    NumberTooLarge,
    /// Parentheses and `not` inside each other, deeper than the limit.
    #[error("conditions are nested more than {NESTING_MAX} deep")]
    TooDeep,
}

/// A problem at a byte offset, not yet told in lines and columns.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) offset: usize,
    pub(super) problem: Problem,
}

impl ParseError {
    /// `fault`, told in the lines and columns of `query`.
    pub(super) fn locate(query: &str, fault: Fault) -> Self {
        let Fault { offset, problem } = fault;
        let (before, after) = query.split_at(offset);
        let line_before = before.rsplit('\n').next().unwrap_or(before);
        let line_after = after.lines().next().unwrap_or("");
        // Tabs are kept, so that the caret stands under its character whatever a tab is wide.
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
