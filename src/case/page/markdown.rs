//! Writes Markdown in which every value is plain text.

use std::fmt::{self, Write};

/// Puts a backslash before each character with a meaning in Markdown (CommonMark, "Backslash escapes": any ASCII
/// punctuation may have one). Words that GitHub and others would turn into links or mentions become code, because these
/// are not searched for there. Line breaks are escaped to visible text before that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Markdown;

impl askama::filters::Escaper for Markdown {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for word in string.split_inclusive(' ') {
            match word.strip_suffix(' ') {
                Some(word) => {
                    write_word(&mut dest, word)?;
                    dest.write_char(' ')?;
                }
                None => write_word(&mut dest, word)?,
            }
        }
        Ok(())
    }
}

fn write_word(dest: &mut impl Write, word: &str) -> fmt::Result {
    let low = word.to_ascii_lowercase();
    let is_linked = ["@", "://", "www.", "mailto:", "xmpp:"];
    if is_linked.iter().any(|part| low.contains(part)) {
        // Punctuation round a name is no part of it: who copies the code copies the name.
        let name = word.trim_start_matches('(');
        let before = word.len() - name.len();
        let name = name.trim_end_matches([',', '.', ';', ':', ')']);
        let after = before + name.len();
        if let (Some(before), Some(after), false) =
            (word.get(..before), word.get(after..), name.is_empty())
        {
            dest.write_str(before)?;
            write_code(dest, name)?;
            return dest.write_str(after);
        }
        return write_code(dest, word);
    }
    for c in word.chars() {
        // Characters that occur in names, times and sentences, and have no special meaning there.
        let is_plain = matches!(
            c,
            '.' | ',' | ':' | ';' | '/' | '-' | '=' | '\'' | '(' | ')'
        );
        if c.is_ascii_punctuation() && !is_plain {
            dest.write_char('\\')?;
        }
        dest.write_char(c)?;
    }
    Ok(())
}

/// Writes a word as code, between more backticks than it contains itself; a bar would end a cell of a table even there.
fn write_code(dest: &mut impl Write, word: &str) -> fmt::Result {
    let runs = word.split(|c| c != '`').map(str::len);
    let fence = "`".repeat(1 + runs.max().unwrap_or(0));
    let room = if word.contains('`') { " " } else { "" };
    write!(
        dest,
        "{fence}{room}{}{room}{fence}",
        word.replace('|', "\\|")
    )
}

#[cfg(test)]
mod tests {
    use askama::filters::Escaper as _;

    use super::*;

    #[test]
    fn a_value_is_text_or_code_and_nothing_else() {
        for (text, expected) in [
            (
                "arn:aws:iam::111122223333:user/a_b*c [x](y) <b> `z` | !",
                r"arn:aws:iam::111122223333:user/a\_b\*c \[x\](y) \<b\> \`z\` \| \!",
            ),
            (
                "see https://example.com/ now",
                "see `https://example.com/` now",
            ),
            ("WWW.example.com", "`WWW.example.com`"),
            ("by @everyone,", "by `@everyone`,"),
            (
                "(session nora@example.com), role",
                "(session `nora@example.com`), role",
            ),
            ("(logged (at://a.b)).", "(logged (`at://a.b`))."),
            ("a`@|b``c", r"``` a`@\|b``c ```"),
            ("", ""),
        ] {
            let mut out = String::new();
            Markdown.write_escaped_str(&mut out, text).unwrap();
            assert_eq!(out, expected);
        }
    }
}
