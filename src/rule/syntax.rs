//! Errors in a query, and their positions.

/// Maximum nesting depth of parentheses and `not`. Elastic's own rules stay under ten. At 64 an unoptimized build needs
/// less than 384 KiB of stack, out of the 2 MiB of a thread (measured by running the test of this limit with
/// `RUST_MIN_STACK`).
pub(super) const NESTING_MAX: usize = 64;

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
    /// A character that begins nothing in this language.
    #[error("unexpected character {0:?}")]
    Character(char),
    /// Valid, but not supported here.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// `=` instead of a comparison operator.
    #[error("`=` does not compare; write `==`")]
    SingleEquals,
    /// The text, or for a string the line, ends before the closing mark of what begins here.
    #[error("this {0} is not closed")]
    Unclosed(&'static str),
    /// A backslash that begins no escape of this language.
    #[error("not an escape; {0}")]
    Escape(&'static str),
    /// A regular expression that is wrong or too large.
    #[error("{0}")]
    Pattern(String),
    /// A text that is no network of addresses.
    #[error("{0:?} is not a network, such as \"203.0.113.0/24\"")]
    Network(String),
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
    /// Returns the error for `text`. The query in it begins after these bytes.
    pub(super) fn shifted_by(self, text: &str, n_bytes: usize) -> Self {
        let fault = Fault {
            offset: self.offset + n_bytes,
            problem: self.problem,
        };
        Self::locate(text, fault)
    }

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
