//! Text of a query -> tokens, one at a time.
//!
//! A token is read only when the parser requests the next one. So an error further on (the `[` of a sequence) does not
//! hide the message that the parser reports first (that sequences are not supported).

use super::literal::Literal;
use crate::rule::syntax::{Fault, Problem};

/// A token and its start, in bytes.
#[derive(Debug)]
pub(super) struct Token<'q> {
    pub(super) kind: Kind<'q>,
    pub(super) offset: usize,
}

#[derive(Debug, PartialEq)]
pub(super) enum Kind<'q> {
    /// A bare name or a keyword; the parser decides which of them it is.
    Name(&'q str),
    /// A name in backticks, which is never a keyword.
    QuotedName(String),
    Text(String),
    Number(Literal),
    /// One of [`SYMBOLS`].
    Symbol(&'static str),
    End,
}

/// Longer symbols come before shorter ones that they begin with.
const SYMBOLS: [&str; 13] = [
    "==", "!=", "<=", ">=", "<", ">", "(", ")", ",", ".", "?", ":", "~",
];

/// Symbols that only sequences have.
const SYMBOLS_OF_SEQUENCES: [&str; 3] = ["[", "]", "="];

/// Syntax that EQL supports and this engine does not.
const UNSUPPORTED: [(&str, &str); 11] = [
    ("?\"", "raw strings as `?\"...\"`; write `\"\"\"...\"\"\"`"),
    ("?'", "raw strings as `?'...'`; write `\"\"\"...\"\"\"`"),
    ("'", "strings in single quotes; write `\"...\"`"),
    ("|", "pipes"),
    ("[", "array indexes and the steps of sequences"),
    ("]", "array indexes and the steps of sequences"),
    ("+", ARITHMETIC),
    ("-", ARITHMETIC),
    ("*", ARITHMETIC),
    ("/", ARITHMETIC),
    ("%", ARITHMETIC),
];
const ARITHMETIC: &str = "arithmetic (a field's name that is not a word goes in backticks)";

#[derive(Debug)]
pub(super) struct Lexer<'q> {
    query_bytes: usize,
    rest: &'q str,
    is_sequence: bool,
}

impl<'q> Lexer<'q> {
    pub(super) fn new(query: &'q str) -> Self {
        Self {
            query_bytes: query.len(),
            rest: query,
            is_sequence: false,
        }
    }

    /// Returns the same for a query of several events.
    pub(super) fn of_sequence(query: &'q str) -> Self {
        Self {
            is_sequence: true,
            ..Self::new(query)
        }
    }

    /// Returns the next token. At the end it returns [`Kind::End`], as often as it is called.
    pub(super) fn next(&mut self) -> Result<Token<'q>, Fault> {
        self.skip_blanks()?;
        Ok(Token {
            offset: self.offset(),
            kind: self.kind()?,
        })
    }

    fn kind(&mut self) -> Result<Kind<'q>, Fault> {
        let mut ahead = self.rest.chars();
        let Some(first) = ahead.next() else {
            return Ok(Kind::End);
        };
        match first {
            'a'..='z' | 'A'..='Z' | '_' | '@' => Ok(Kind::Name(self.name())),
            '0'..='9' => self.number(),
            '-' | '.' if ahead.next().is_some_and(|c| c.is_ascii_digit()) => self.number(),
            '`' => self.quoted_name(),
            '"' if self.rest.starts_with("\"\"\"") => self.raw_text(),
            '"' => self.text(),
            _ => self.symbol(first),
        }
    }

    /// Skips white space and comments. Comments do not nest: the text after the first `*/` is read. Elasticsearch nests
    /// them; in that case the extra `*/` is an error here.
    fn skip_blanks(&mut self) -> Result<(), Fault> {
        loop {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
            if let Some(comment) = self.rest.strip_prefix("//") {
                self.rest = comment.trim_start_matches(|c| c != '\n' && c != '\r');
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                let Some((_, after)) = comment.split_once("*/") else {
                    return Err(self.fault(Problem::Unclosed("comment")));
                };
                self.rest = after;
            } else {
                return Ok(());
            }
        }
    }

    fn name(&mut self) -> &'q str {
        let at = self.rest;
        self.accept("@");
        self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
        at.split_at(at.len() - self.rest.len()).0
    }

    /// Reads a number with its minus sign. Arithmetic is not supported, so the sign always belongs to the number.
    fn number(&mut self) -> Result<Kind<'q>, Fault> {
        let at = self.rest;
        self.accept("-");
        self.take_while(|c| c.is_ascii_digit());
        if self.accept(".") {
            self.take_while(|c| c.is_ascii_digit());
        }
        let before_exponent = self.rest;
        if self.accept("e") || self.accept("E") {
            if !self.accept("+") {
                self.accept("-");
            }
            if self.take_while(|c| c.is_ascii_digit()).is_empty() {
                self.rest = before_exponent;
            }
        }
        let (text, _) = at.split_at(at.len() - self.rest.len());
        if let Ok(integer) = text.parse() {
            return Ok(Kind::Number(Literal::Integer(integer)));
        }
        // A whole number too large for 64 bits is a double in Elasticsearch too
        // (ExpressionBuilder.visitIntegerLiteral).
        match text.parse() {
            Ok(float) if f64::is_finite(float) => Ok(Kind::Number(Literal::Float(float))),
            _ => {
                self.rest = at;
                Err(self.fault(Problem::NumberTooLarge))
            }
        }
    }

    /// Reads a name in backticks; two backticks represent one.
    fn quoted_name(&mut self) -> Result<Kind<'q>, Fault> {
        let unclosed = self.fault(Problem::Unclosed("name"));
        self.accept("`");
        let mut name = String::new();
        loop {
            name.push_str(self.take_while(|c| c != '`'));
            if self.accept("``") {
                name.push('`');
            } else if self.accept("`") {
                return Ok(Kind::QuotedName(name));
            } else {
                return Err(unclosed);
            }
        }
    }

    fn text(&mut self) -> Result<Kind<'q>, Fault> {
        let unclosed = self.fault(Problem::Unclosed("string"));
        self.accept("\"");
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| !matches!(c, '"' | '\\' | '\n' | '\r')));
            if self.accept("\"") {
                return Ok(Kind::Text(text));
            } else if self.rest.starts_with('\\') {
                match self.escape()? {
                    Some(c) => text.push(c),
                    // Any other backslash is itself (AbstractBuilder.unquoteString).
                    None => {
                        self.accept("\\");
                        text.push('\\');
                    }
                }
            } else {
                return Err(unclosed);
            }
        }
    }

    /// Reads `"""..."""`, with no escapes, on one line. Up to two quotes before the closing three belong to the text
    /// (EqlBase.g4: `'"""' (~[\r\n])*? '"""' '"'? '"'?`).
    fn raw_text(&mut self) -> Result<Kind<'q>, Fault> {
        let unclosed = self.fault(Problem::Unclosed("string"));
        self.accept("\"\"\"");
        let at = self.rest;
        let Some((text, _)) = at
            .split_once("\"\"\"")
            .filter(|(text, _)| !text.contains(['\n', '\r']))
        else {
            return Err(unclosed);
        };
        self.rest = at.split_at(text.len()).1;
        let quotes = self.take_while(|c| c == '"').len();
        let own_quotes = (quotes - 3).min(2);
        let (text, after) = at.split_at(text.len() + own_quotes);
        self.rest = after;
        self.accept("\"\"\"");
        Ok(Kind::Text(text.to_owned()))
    }

    /// Reads an escape; `None` if the backslash begins none.
    fn escape(&mut self) -> Result<Option<char>, Fault> {
        const PLAIN: [(&str, char); 8] = [
            ("\\b", '\u{8}'),
            ("\\t", '\t'),
            ("\\n", '\n'),
            ("\\f", '\u{c}'),
            ("\\r", '\r'),
            ("\\\"", '"'),
            ("\\'", '\''),
            ("\\\\", '\\'),
        ];
        let not_an_escape = self.fault(Problem::Escape("a character is \\u{2 to 8 hex digits}"));
        for (escape, meaning) in PLAIN {
            if self.accept(escape) {
                return Ok(Some(meaning));
            }
        }
        if !self.accept("\\u{") {
            return Ok(None);
        }
        let hex = self.take_while(|c| c.is_ascii_hexdigit());
        let character = Some(hex)
            .filter(|hex| (2..=8).contains(&hex.len()) && self.accept("}"))
            .and_then(|hex| u32::from_str_radix(hex, 16).ok())
            .and_then(char::from_u32);
        character.map(Some).ok_or(not_an_escape)
    }

    fn symbol(&mut self, first: char) -> Result<Kind<'q>, Fault> {
        let is_of_sequence = self.is_sequence && !self.rest.starts_with("==");
        let mut symbols = SYMBOLS_OF_SEQUENCES.into_iter().filter(|_| is_of_sequence);
        if let Some(symbol) = symbols.find(|symbol| self.accept(symbol)) {
            return Ok(Kind::Symbol(symbol));
        }
        if let Some((_, what)) = UNSUPPORTED
            .iter()
            .find(|(symbol, _)| self.rest.starts_with(symbol))
        {
            return Err(self.fault(Problem::Unsupported((*what).to_owned())));
        }
        if let Some(symbol) = SYMBOLS.into_iter().find(|symbol| self.accept(symbol)) {
            return Ok(Kind::Symbol(symbol));
        }
        Err(self.fault(match first {
            '=' => Problem::SingleEquals,
            other => Problem::Character(other),
        }))
    }

    fn offset(&self) -> usize {
        self.query_bytes - self.rest.len()
    }

    fn fault(&self, problem: Problem) -> Fault {
        Fault {
            offset: self.offset(),
            problem,
        }
    }

    fn accept(&mut self, prefix: &str) -> bool {
        let after = self.rest.strip_prefix(prefix);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'q str {
        let bytes = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, after) = self.rest.split_at(bytes);
        self.rest = after;
        taken
    }
}
