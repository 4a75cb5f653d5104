//! Words of a command for a shell.

/// Returns a text as one word of a command, as a POSIX shell reads it. A word with characters that cannot be shown has
/// no safe form on a page or a terminal, so there is none.
#[must_use]
pub fn quoted(text: &str) -> Option<String> {
    let is_plain = |c: char| {
        c.is_ascii_alphanumeric()
            || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',')
    };
    if text.chars().any(is_hidden) {
        return None;
    }
    // Some shells replace a word that begins with this sign.
    let is_word = !text.is_empty() && !text.starts_with('=');
    Some(match is_word && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    })
}

/// Returns whether a character is not shown, or changes how the text around it is.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_takes_a_quoted_text_for_one_word() {
        for (text, expected) in [
            ("release-bot", Some("release-bot")),
            (
                "arn:aws:iam::aws:policy/X",
                Some("arn:aws:iam::aws:policy/X"),
            ),
            ("", Some("''")),
            ("a b", Some("'a b'")),
            ("$(id)`id`;", Some("'$(id)`id`;'")),
            ("it's", Some(r"'it'\''s'")),
            ("=ls", Some("'=ls'")),
            ("a\nb", None),
            ("a\u{202e}b", None),
        ] {
            assert_eq!(quoted(text).as_deref(), expected, "{text:?}");
        }
    }
}
