//! Text for people, on standard error.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use indicatif::HumanCount;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Sets whether text has colours. By default it has colours on a terminal, unless `NO_COLOR` is set.
pub(super) fn set_color(color: Color) {
    match color {
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// Returns whether standard error is a terminal.
pub(super) fn is_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Returns whether a terminal shows both standard output and standard error.
pub(super) fn is_for_both() -> bool {
    is_terminal() && std::io::stdout().is_terminal()
}

/// Returns whether standard error is a terminal on which a line can be written again; a dumb one cannot.
pub(super) fn can_redraw() -> bool {
    is_terminal() && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
}

/// Returns a number and what it counts.
pub(super) fn plural(n: u64, one: &str, many: &str) -> String {
    let what = if n == 1 { one } else { many };
    format!("{} {what}", HumanCount(n))
}

/// Writes a line to standard error.
pub(super) fn line(text: &str) {
    // If standard error cannot be written, nothing can be done about it; the exit code still shows the result.
    writeln!(anstream::stderr(), "{text}").ok();
}

/// Prints a warning.
pub(super) fn warn(text: &str) {
    line(&format!("{}: {text}", yellow("warning")));
}

/// Prints an error about a path.
pub(super) fn error(path: &Path, message: &str) {
    let text = harmless(&format!("{}: {message}", path.display()), usize::MAX);
    line(&format!("{}: {text}", red("error")));
}

/// Returns a path for a message.
pub(super) fn path(path: &Path) -> String {
    harmless(&path.display().to_string(), usize::MAX)
}

/// Returns several lines for standard output: made harmless on a terminal, unchanged elsewhere.
pub(super) fn for_stdout(data: &[u8]) -> Cow<'_, [u8]> {
    match std::io::stdout().is_terminal() {
        true => Cow::Owned(harmless_lines(data).into_bytes()),
        false => Cow::Borrowed(data),
    }
}

fn harmless_lines(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data);
    let lines = text.split('\n').map(|line| {
        let fields: Vec<_> = line
            .split('\t')
            .map(|field| harmless(field, usize::MAX))
            .collect();
        fields.join("\t")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes a line of JSON to standard error: an object with its kind and its content.
pub(super) fn json(kind: &str, content: &impl serde::Serialize) {
    let line = serde_json::json!({ "type": kind, kind: content }).to_string();
    // As in `line`, an error is ignored because nothing can be done about it.
    writeln!(std::io::stderr(), "{}", harmless_json(&line)).ok();
}

/// Returns equivalent JSON in which characters that a terminal may obey are escaped; JSON itself does not require that.
fn harmless_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for c in json.chars() {
        match is_harmless(c) {
            true => shown.push(c),
            false => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    shown += &format!("\\u{unit:04x}");
                }
            }
        }
    }
    shown
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Formats a heading.
pub(super) fn bold(text: &str) -> String {
    styled(Style::new().bold(), text)
}

/// Formats what matters less than the text round it.
pub(super) fn dim(text: &str) -> String {
    styled(Style::new().dimmed(), text)
}

/// Formats text as an error.
pub(super) fn red(text: &str) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

/// Formats text as a note or a warning.
pub(super) fn yellow(text: &str) -> String {
    styled(AnsiColor::Yellow.on_default().bold(), text)
}

/// Formats text as a success.
pub(super) fn green(text: &str) -> String {
    styled(AnsiColor::Green.on_default().bold(), text)
}

/// Makes text of a log harmless, because somebody else wrote it: control characters and those that change the direction
/// of text or hide it are shown as escapes, and no more than `chars_max` characters are shown.
pub(super) fn harmless(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == chars_max {
            shown.push('…');
            break;
        }
        match c {
            c if c.is_control() => shown.extend(c.escape_default()),
            c if is_harmless(c) => shown.push(c),
            c => shown.extend(c.escape_unicode()),
        }
    }
    shown
}

/// Makes a message of several lines harmless. Lines after the first are indented, so that a line break in a name cannot
/// make text look like another message.
pub(super) fn harmless_message(text: &str) -> String {
    let lines = text.split('\n').enumerate().map(|(n, line)| {
        let line = harmless(line, usize::MAX);
        match n == 0 || line.starts_with("  ") {
            true => line,
            false => format!("  {line}"),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns whether a text contains a character that a terminal may obey.
pub(super) fn may_be_obeyed(text: &str) -> bool {
    !text.chars().all(is_harmless)
}

/// Returns whether a terminal shows a character and does not obey it.
fn is_harmless(c: char) -> bool {
    let turns_or_hides = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !turns_or_hides && !c.is_control()
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
        assert_eq!(
            harmless_lines(b"a\tb\x1b[2J\nc\xc2\x9b\r\n"),
            "a\tb\\u{1b}[2J\nc\\u{9b}\\r\n"
        );
    }

    #[test]
    fn json_says_the_same_without_what_a_terminal_obeys() {
        let text = "a\u{1b}[2J\u{9b}\u{202e}\u{e0041}\u{7f} größer";
        let json = serde_json::json!({ "text": text }).to_string();
        let shown = harmless_json(&json);
        assert!(shown.chars().all(is_harmless), "{shown}");
        let value: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(value["text"], text);
    }
}
