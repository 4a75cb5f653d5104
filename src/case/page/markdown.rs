//! Markdown in which a value is nothing but text.

use std::fmt::{self, Write};

/// Puts a backslash before each character that Markdown could take for more than itself (CommonMark, "Backslash escapes":
/// any ASCII punctuation may have one). Line breaks are shown as what they are before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Markdown;

impl askama::filters::Escaper for Markdown {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for c in string.chars() {
            // Those that stand in names, times and sentences, and mean nothing there.
            let is_plain = matches!(
                c,
                '.' | ',' | ':' | ';' | '/' | '-' | '@' | '=' | '\'' | '(' | ')'
            );
            if c.is_ascii_punctuation() && !is_plain {
                dest.write_char('\\')?;
            }
            dest.write_char(c)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use askama::filters::Escaper as _;

    use super::*;

    #[test]
    fn what_means_something_in_markdown_is_escaped() {
        let mut out = String::new();
        let text = "arn:aws:iam::111122223333:user/a_b*c [x](y) <b> `z` | !";
        Markdown.write_escaped_str(&mut out, text).unwrap();
        let expected = r"arn:aws:iam::111122223333:user/a\_b\*c \[x\](y) \<b\> \`z\` \| \!";
        assert_eq!(out, expected);
    }
}
