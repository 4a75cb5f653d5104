//! Regular expressions as Sigma has them (PCRE), in the syntax of the crate `regex`.
//!
//! The two differ in a few places that would be read in silence as something else. What `regex` does not know at all, such
//! as a look ahead, is an error there.

use std::iter::Peekable;
use std::str::Chars;

/// Returns the expression in the syntax of `regex`.
pub(super) fn translated(text: &str, is_multi_line: bool) -> Result<String, String> {
    let mut translation = Translation {
        out: String::with_capacity(text.len()),
        rest: text.chars().peekable(),
        is_multi_line,
        is_quantified: false,
    };
    while let Some(c) = translation.rest.next() {
        translation.take(c)?;
    }
    Ok(translation.out)
}

struct Translation<'t> {
    out: String,
    rest: Peekable<Chars<'t>>,
    is_multi_line: bool,
    /// True if the last part is a quantifier.
    is_quantified: bool,
}

impl Translation<'_> {
    /// Takes a character outside classes.
    fn take(&mut self, c: char) -> Result<(), String> {
        let was_quantified = std::mem::take(&mut self.is_quantified);
        match c {
            '\\' => self.escaped()?,
            '[' => self.class()?,
            '(' => {
                self.out.push('(');
                self.flags()?;
            }
            // Also before a line end that is the last character.
            '$' if !self.is_multi_line => self.out.push_str(r"(?:\n?\z)"),
            '+' if was_quantified => {
                return Err("a possessive quantifier in a regular expression".to_owned());
            }
            '*' | '+' | '?' => {
                self.out.push(c);
                self.is_quantified = !was_quantified;
            }
            '{' => {
                self.out.push('{');
                self.copy_to('}');
                self.is_quantified = true;
            }
            c => self.out.push(c),
        }
        Ok(())
    }

    /// Takes what follows a backslash.
    fn escaped(&mut self) -> Result<(), String> {
        match self.rest.next() {
            // These would be the ends of words.
            Some(bracket @ ('<' | '>')) => self.out.push(bracket),
            Some(escaped) => {
                self.out.extend(['\\', escaped]);
                let has_name = matches!(escaped, 'p' | 'P' | 'x' | 'u');
                if has_name && self.rest.next_if_eq(&'{').is_some() {
                    self.out.push('{');
                    self.copy_to('}');
                }
            }
            None => return Err("a regular expression ends in a backslash".to_owned()),
        }
        Ok(())
    }

    /// Takes a class of characters, whose bracket was taken.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        if self.rest.next_if_eq(&']').is_some() {
            self.out.push_str(r"\]");
        }
        while let Some(c) = self.rest.next() {
            match c {
                ']' => {
                    self.out.push(']');
                    return Ok(());
                }
                '\\' => self.escaped()?,
                // The name of a set, such as `[:alpha:]`.
                '[' if self.rest.peek() == Some(&':') => {
                    self.out.push('[');
                    self.copy_to(']');
                }
                // Two of these would be an operation on sets.
                '[' | '&' | '~' => self.out.extend(['\\', c]),
                '-' if self.rest.peek() == Some(&'-') => {
                    let reason =
                        "`--` in a class of characters, which programs read in different ways";
                    return Err(reason.to_owned());
                }
                c => self.out.push(c),
            }
        }
        // It has no end, which `regex` reports.
        Ok(())
    }

    /// Looks at the flags of a group, whose bracket was taken. `m` changes what `$` means.
    fn flags(&mut self) -> Result<(), String> {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some('?') {
            return Ok(());
        }
        let mut sets_multi_line = false;
        let end = ahead.find(|c| {
            sets_multi_line |= *c == 'm';
            !c.is_ascii_alphabetic()
        });
        match end {
            _ if !sets_multi_line => Ok(()),
            Some(')') if self.out == "(" => {
                self.is_multi_line = true;
                Ok(())
            }
            _ => Err("the flag `m` for a part of a regular expression".to_owned()),
        }
    }

    /// Copies the text up to this character.
    fn copy_to(&mut self, end: char) {
        for c in self.rest.by_ref() {
            self.out.push(c);
            if c == end {
                return;
            }
        }
    }
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
            ("^[a-z-]+$", "b-", true),
            ("^[a-z]+$", "b-", false),
            (r"a\++", "a++", true),
            (r"^\$5$", "$5", true),
            ("a+?b", "aab", true),
            (r"^\p{Lu}+x$", "ABx", true),
            (r"^\x{41}+$", "AA", true),
            ("^a{2}$", "aa\n", true),
            (r"\(?mfoo$", "mfoo\n", true),
            ("(?im)^A$", "b\na\nc", true),
        ] {
            let translated = translated(expression, false).unwrap();
            let pattern = Pattern::new(&translated, PatternOptions::default());
            let pattern = pattern.unwrap_or_else(|error| panic!("{expression}: {error}"));
            assert_eq!(pattern.matches(text), is_match, "{expression} {text:?}");
        }
        for expression in [
            "a*+ab",
            "a++",
            "a{2}+",
            "a?+",
            "[a-z--b]",
            "[+--]",
            "(?m:a$)b$",
            "a\\",
        ] {
            assert!(translated(expression, false).is_err(), "{expression}");
        }
    }
}
