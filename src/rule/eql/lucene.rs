//! Lucene's wildcards and regular expressions, as Elasticsearch gets them from EQL.

use crate::rule::condition::Piece;
use crate::rule::syntax::Problem;

/// Reads a pattern: `*` and `?` are wildcards, and a backslash makes the next character itself.
pub(super) fn wildcard(text: &str) -> Vec<Piece> {
    let mut chars = text.chars();
    let mut pieces = Vec::new();
    while let Some(c) = chars.next() {
        pieces.push(match c {
            '*' => Piece::AnyText,
            '?' => Piece::AnyChar,
            '\\' => Piece::Char(chars.next().unwrap_or('\\')),
            c => Piece::Char(c),
        });
    }
    pieces
}

/// Operators that no other regular expressions have: intersection, complement, ranges of numbers, any string, the empty
/// language, and quoted text.
const ONLY_LUCENE: [char; 7] = ['&', '~', '<', '>', '@', '#', '"'];

/// Translates an expression to one of the crate `regex`. `^` and `$` are plain characters in Lucene.
pub(super) fn regex(text: &str) -> Result<String, Problem> {
    let mut chars = text.chars().peekable();
    let (mut out, mut is_in_class) = (String::new(), false);
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(c) if c.is_ascii_alphanumeric() => {
                    return Err(unsupported(&format!("`\\{c}` in a regular expression")));
                }
                Some(c) => out.push_str(&regex_escape(c)),
                None => {
                    return Err(unsupported(
                        "a backslash at the end of a regular expression",
                    ));
                }
            },
            '(' if chars.peek() == Some(&'?') && !is_in_class => {
                return Err(unsupported("`(?` in a regular expression"));
            }
            c if ONLY_LUCENE.contains(&c) && !is_in_class => {
                return Err(unsupported(&format!(
                    "Lucene's operator `{c}` in a regular expression"
                )));
            }
            '^' | '$' if !is_in_class => out.push_str(&regex_escape(c)),
            '[' if !is_in_class => {
                is_in_class = true;
                out.push(c);
                // A class may be negated; a bracket right at its start would be in it, which Lucene does not allow.
                out.extend(chars.next_if_eq(&'^'));
            }
            ']' if is_in_class => {
                is_in_class = false;
                out.push(c);
            }
            // These have a meaning in classes of the crate alone.
            '[' | '&' | '~' | '^' if is_in_class => out.push_str(&regex_escape(c)),
            c => out.push(c),
        }
    }
    Ok(out)
}

fn regex_escape(c: char) -> String {
    let mut bytes = [0; 4];
    match c {
        // In classes these need a backslash that `regex::escape` does not give everywhere.
        '^' | '&' | '~' | '-' | '[' | ']' => format!("\\{c}"),
        c => regex::escape(c.encode_utf8(&mut bytes)),
    }
}

fn unsupported(what: &str) -> Problem {
    Problem::Unsupported(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_makes_a_wildcard_a_character() {
        use Piece::{AnyChar, AnyText, Char};
        assert_eq!(
            wildcard(r"*a\*?\\\"),
            [
                AnyText,
                Char('a'),
                Char('*'),
                AnyChar,
                Char('\\'),
                Char('\\')
            ]
        );
    }

    #[test]
    fn expressions_mean_what_lucene_makes_of_them() {
        for (text, expected) in [
            ("a.*b|c+", "a.*b|c+"),
            (r"a\.b\/", r"a\.b/"),
            ("^a$", r"\^a\$"),
            ("[^a-c&^]", r"[^a-c\&\^]"),
            ("[[]", r"[\[]"),
        ] {
            assert_eq!(regex(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "a&b", "~a", "<1-9>", "a@", "#", "\"a\"", r"\d", "(?i)a", "a\\",
        ] {
            assert!(
                matches!(regex(text), Err(Problem::Unsupported(_))),
                "{text}"
            );
        }
    }
}
