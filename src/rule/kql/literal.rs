//! Literals of KQL: names of fields, and values.

use crate::rule::condition::Piece;
use crate::rule::syntax::{Fault, Problem};

/// A literal: text, with wildcards where it is not in quotes.
#[derive(Debug, PartialEq)]
pub(super) struct Literal {
    pub(super) pieces: Vec<Piece>,
    pub(super) is_quoted: bool,
    /// Where it begins, in bytes.
    pub(super) offset: usize,
}

impl Literal {
    /// Returns its text; `None` if it has a wildcard.
    pub(super) fn text(&self) -> Option<String> {
        let chars = self.pieces.iter().map(|piece| match piece {
            Piece::Char(c) => Some(*c),
            Piece::AnyChar | Piece::AnyText => None,
        });
        chars.collect()
    }

    /// Returns true if it is one wildcard and nothing else.
    pub(super) fn is_anything(&self) -> bool {
        self.pieces == [Piece::AnyText]
    }
}

pub(super) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{a0}')
}

/// Returns the rest of a text after a keyword and a blank. Case does not count.
pub(super) fn after_keyword<'t>(text: &'t str, keyword: &str) -> Option<&'t str> {
    let head = text.get(..keyword.len())?;
    let rest = text.get(keyword.len()..)?;
    (head.eq_ignore_ascii_case(keyword) && rest.starts_with(is_blank)).then_some(rest)
}

/// Reads the literal at the start of `text`, which begins at `offset` of the query. Returns it with the rest.
pub(super) fn read(text: &str, offset: usize) -> Result<(Literal, &str), Fault> {
    match text.strip_prefix('"') {
        Some(inner) => quoted(inner, offset),
        None => unquoted(text, offset),
    }
}

fn quoted(text: &str, offset: usize) -> Result<(Literal, &str), Fault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    loop {
        let mut chars = rest.chars();
        let c = match chars.next() {
            None => {
                let problem = Problem::Unclosed("string");
                return Err(Fault { offset, problem });
            }
            Some('"') => {
                let literal = Literal {
                    pieces,
                    is_quoted: true,
                    offset,
                };
                return Ok((literal, chars.as_str()));
            }
            Some('\\') => match escaped(chars.as_str(), &['\\', '"']) {
                Some((c, after)) => {
                    pieces.push(Piece::Char(c));
                    rest = after;
                    continue;
                }
                None => '\\',
            },
            Some(c) => c,
        };
        pieces.push(Piece::Char(c));
        rest = chars.as_str();
    }
}

fn unquoted(text: &str, offset: usize) -> Result<(Literal, &str), Fault> {
    let mut pieces = Vec::new();
    let mut rest = text;
    // The rest behind the last piece that is no blank, and how many pieces there were: blanks at the end are none.
    let (mut end, mut n) = (text, 0);
    while let Some(c) = rest.chars().next() {
        let after = rest.get(c.len_utf8()..).unwrap_or_default();
        let is_end = matches!(c, '(' | ')' | ':' | '<' | '>' | '"' | '{' | '}')
            || is_blank(c) && is_before_keyword(rest)
            || pieces.is_empty() && after_keyword(rest, "not").is_some();
        if is_end {
            break;
        }
        if c == '\\' {
            let at = offset + (text.len() - rest.len());
            let after = escape(after, &mut pieces).map_err(|problem| Fault {
                offset: at,
                problem,
            })?;
            rest = after;
        } else {
            pieces.push(if c == '*' {
                Piece::AnyText
            } else {
                Piece::Char(c)
            });
            rest = after;
            if is_blank(c) {
                continue;
            }
        }
        (end, n) = (rest, pieces.len());
    }
    pieces.truncate(n);
    if pieces.is_empty() {
        let problem = Problem::Unexpected {
            expected: "a value",
            found: found(text),
        };
        return Err(Fault { offset, problem });
    }
    let literal = Literal {
        pieces,
        is_quoted: false,
        offset,
    };
    Ok((literal, end))
}

/// Returns true if blanks and then `and` or `or` follow.
fn is_before_keyword(text: &str) -> bool {
    let text = text.trim_start_matches(is_blank);
    ["and", "or"]
        .iter()
        .any(|word| after_keyword(text, word).is_some())
}

/// Reads what follows a backslash outside of quotes, and returns the rest.
fn escape<'t>(text: &'t str, pieces: &mut Vec<Piece>) -> Result<&'t str, Problem> {
    const SPECIAL: [char; 10] = ['\\', '(', ')', ':', '<', '>', '"', '*', '{', '}'];
    if let Some((c, after)) = escaped(text, &SPECIAL) {
        pieces.push(Piece::Char(c));
        return Ok(after);
    }
    for word in ["and", "or", "not"] {
        if let (Some(head), Some(after)) = (text.get(..word.len()), text.get(word.len()..))
            && head.eq_ignore_ascii_case(word)
        {
            pieces.extend(head.chars().map(Piece::Char));
            return Ok(after);
        }
    }
    Err(Problem::Escape(
        "outside of quotes a backslash comes before \\ ( ) : < > \" * { }, t, r, n, and, or, not, or uXXXX",
    ))
}

/// Reads what both kinds of literals know after a backslash: blanks, numbers of characters, and these characters.
fn escaped<'t>(text: &'t str, special: &[char]) -> Option<(char, &'t str)> {
    let mut chars = text.chars();
    let c = match chars.next()? {
        't' => '\t',
        'r' => '\r',
        'n' => '\n',
        'u' => {
            let hex = text.get(1..5)?;
            let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            let number = u32::from_str_radix(hex, 16).ok().filter(|_| is_hex)?;
            return Some((char::from_u32(number)?, text.get(5..)?));
        }
        c if special.contains(&c) => c,
        _ => return None,
    };
    Some((c, chars.as_str()))
}

/// Returns what a text begins with, for a message.
pub(super) fn found(text: &str) -> String {
    match text.chars().next() {
        None => "the end of the query".to_owned(),
        Some(c) => format!("`{c}`"),
    }
}
