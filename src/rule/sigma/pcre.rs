//! Regular expressions as Sigma has them (PCRE), in the syntax of the crate `regex`.
//!
//! The two differ in a few places that would be read in silence as something else. What `regex` does not know at all, such
//! as a look ahead, is an error there.

/// Returns the expression in the syntax of `regex`.
pub(super) fn translated(text: &str, is_multi_line: bool) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    let mut class = None::<Class>;
    let is_multi_line = is_multi_line || sets_multi_line(text);
    while let Some(c) = chars.next() {
        if c == '\\' {
            class.iter_mut().for_each(Class::pass);
            match chars.next() {
                // These would be the ends of words.
                Some(bracket @ ('<' | '>')) => out.push(bracket),
                Some(escaped) => out.extend(['\\', escaped]),
                None => return Err("it ends in a backslash".to_owned()),
            }
            continue;
        }
        match &mut class {
            None => {
                match c {
                    '[' => {
                        class = Some(Class::default());
                        out.push('[');
                    }
                    // Also before a line end that is the last character.
                    '$' if !is_multi_line => out.push_str(r"(?:\n?\z)"),
                    '+' if out.ends_with(['*', '+', '?', '}']) && is_quantified(&out) => {
                        return Err("a possessive quantifier in a regular expression".to_owned());
                    }
                    c => out.push(c),
                }
            }
            Some(inside) => {
                let is_end = c == ']' && !inside.is_at_start;
                let is_of_posix = c == '[' && matches!(chars.peek(), Some(':'));
                match c {
                    // The name of a set, such as `[:alpha:]`.
                    '[' if is_of_posix => {
                        out.push('[');
                        for c in chars.by_ref() {
                            out.push(c);
                            if c == ']' {
                                break;
                            }
                        }
                    }
                    ']' if !is_end => out.push_str(r"\]"),
                    '[' => out.push_str(r"\["),
                    // Two of these would be an operation on sets.
                    '&' | '~' => out.extend(['\\', c]),
                    '-' if matches!(chars.peek(), Some('-')) => out.push_str(r"\-"),
                    c => out.push(c),
                }
                inside.take(c);
                if is_end {
                    class = None;
                }
            }
        }
    }
    Ok(out)
}

/// A class of characters that is read.
#[derive(Debug)]
struct Class {
    /// True up to its first character, after `^` too.
    is_at_start: bool,
    has_caret: bool,
}

impl Default for Class {
    fn default() -> Self {
        Self {
            is_at_start: true,
            has_caret: false,
        }
    }
}

impl Class {
    fn pass(&mut self) {
        self.is_at_start = false;
    }

    fn take(&mut self, c: char) {
        if c == '^' && self.is_at_start && !self.has_caret {
            self.has_caret = true;
        } else {
            self.is_at_start = false;
        }
    }
}

/// Returns true if an expression has the flag for several lines in itself: `(?m)`, `(?im:…)`.
fn sets_multi_line(text: &str) -> bool {
    text.split("(?").skip(1).any(|flags| {
        let mut flags = flags.chars().take_while(char::is_ascii_alphabetic);
        flags.any(|flag| flag == 'm')
    })
}

/// Returns true if the last character of an expression is that of a quantifier, and not one that is escaped.
fn is_quantified(expression: &str) -> bool {
    let before = expression.get(..expression.len() - 1).unwrap_or_default();
    let n_escapes = before.len() - before.trim_end_matches('\\').len();
    n_escapes % 2 == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::condition::{Pattern, PatternOptions};

    #[test]
    fn an_expression_means_what_it_means_in_pcre() {
        for (expression, text, is_match) in [
            ("foo$", "xfoo", true),
            ("foo$", "xfoo\n", true),
            ("foo$", "xfoo\n\n", false),
            ("foo$|bar", "bars", true),
            (r"a\<b", "a<b", true),
            (r"\<script\>", "x script y", false),
            (r"\<script\>", "<script>", true),
            ("^[a&&b]+$", "a&b", true),
            ("^[a~~b]+$", "a~b", true),
            ("^x[a[b]c]+$", "xac]", true),
            ("^[]a]+$", "]a", true),
            ("^[^]a]+$", "bc", true),
            ("^[^]a]+$", "b]", false),
            ("^[[:alpha:]_]+$", "a_b", true),
            (r"^[\w\-.]+$", "a-b.c", true),
            ("^[a-z]+$", "b-", false),
            (r"a\++", "a++", true),
            (r"^\$5$", "$5", true),
            ("a+?b", "aab", true),
        ] {
            let translated = translated(expression, false).unwrap();
            let pattern = Pattern::new(&translated, PatternOptions::default());
            let pattern = pattern.unwrap_or_else(|error| panic!("{expression}: {error}"));
            assert_eq!(pattern.matches(text), is_match, "{expression} {text:?}");
        }
        assert_eq!(translated("(?im)^a$", false).unwrap(), "(?im)^a$");
        for expression in ["a*+ab", "a++", "a{2}+", "a?+"] {
            assert!(translated(expression, false).is_err(), "{expression}");
        }
    }
}
