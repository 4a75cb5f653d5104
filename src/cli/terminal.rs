//! Text for people, on standard error.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};

use super::args::Color;

/// Sets whether text has colours; without a wish it has them on a terminal, unless `NO_COLOR` is set.
pub(super) fn set_color(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Whether standard error is a terminal.
pub(super) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Writes a line to standard error.
pub(super) fn line(text: &str) {
    // Nothing can be done about a standard error that takes no text; the exit code tells all the same.
    writeln!(anstream::stderr(), "{text}").ok();
}

/// Prints what is wrong with a path.
pub(super) fn error(path: &std::path::Path, message: &str) {
    let text = harmless(&format!("{}: {message}", path.display()), usize::MAX);
    line(&format!("{}: {text}", red("error")));
}

/// Writes a line of JSON to standard error: an object with its kind and what it says.
pub(super) fn json(kind: &str, content: &impl serde::Serialize) {
    let line = serde_json::json!({ "type": kind, kind: content });
    // Likewise.
    writeln!(std::io::stderr(), "{line}").ok();
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Text for what is wrong.
pub(super) fn red(text: &str) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

/// Text for what is worth knowing.
pub(super) fn yellow(text: &str) -> String {
    styled(AnsiColor::Yellow.on_default().bold(), text)
}

/// Text for what is well.
pub(super) fn green(text: &str) -> String {
    styled(AnsiColor::Green.on_default().bold(), text)
}

/// Text of a log, which somebody else wrote, made harmless: control characters and those that turn or
/// hide text are shown as escapes, and no more than `chars_max` characters are shown.
pub(super) fn harmless(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == chars_max {
            shown.push('…');
            break;
        }
        match c {
            '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' => shown.extend(c.escape_unicode()),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_turn_hide_or_command_is_shown_as_an_escape() {
        assert_eq!(harmless("a\x1b[31mb\nc", 99), "a\\u{1b}[31mb\\nc");
        assert_eq!(
            harmless("x\u{202e}y\u{200b}z\u{9b}", 99),
            "x\\u{202e}y\\u{200b}z\\u{9b}"
        );
        assert_eq!(harmless("größer", 99), "größer");
        assert_eq!(harmless("abcdef", 3), "abc…");
    }
}
