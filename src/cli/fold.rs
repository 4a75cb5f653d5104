//! Lines that end between words where the terminal ends.

use unicode_width::UnicodeWidthStr as _;

use super::table::Room;

/// Returns a text whose lines are no longer than the room, except for words that are: these stay where they are, and the
/// terminal breaks them. What does not fit goes on in a line that begins with `indent` spaces. Colours take no room.
pub(super) fn folded(text: &str, indent: usize, room: Room) -> String {
    let Room::Chars(n_chars) = room else {
        return text.to_owned();
    };
    let lines = text.split('\n');
    let lines = lines.map(|line| folded_line(line, indent, n_chars));
    lines.collect::<Vec<_>>().join("\n")
}

fn folded_line(line: &str, indent: usize, n_chars: usize) -> String {
    if width(line) <= n_chars {
        return line.to_owned();
    }
    let mut shown = String::new();
    // The width of the line so far, and the spaces after its last word.
    let (mut used, mut spaces, mut is_first) = (0, 0, true);
    for word in line.split(' ') {
        let needed = width(word);
        if is_first || word.is_empty() {
            // An indented line keeps its spaces; of several spaces between words each is counted.
            spaces += usize::from(!is_first);
            if !word.is_empty() {
                shown += word;
                used = needed;
            }
            is_first = false;
            continue;
        }
        spaces += 1;
        let has_word = !shown.trim_end().is_empty();
        let fits_below = indent + needed <= n_chars;
        if has_word && fits_below && used + spaces + needed > n_chars {
            shown.push('\n');
            shown += &" ".repeat(indent);
            used = indent;
        } else {
            shown += &" ".repeat(spaces);
            used += spaces;
        }
        shown += word;
        used += needed;
        spaces = 0;
    }
    shown
}

/// Returns the number of columns that a text takes.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_ends_between_words_and_goes_on_indented() {
        let text = "  2024-05-01  CreateUser on mallory by platform-admin/release\nshort";
        assert_eq!(
            folded(text, 4, Room::Chars(40)),
            "  2024-05-01  CreateUser on mallory by\n    platform-admin/release\nshort"
        );
        assert_eq!(folded(text, 4, Room::Unlimited), text);
        assert_eq!(folded(text, 4, Room::Chars(80)), text);
        for n_chars in 26..70 {
            let folded = folded(text, 4, Room::Chars(n_chars));
            assert!(
                folded.lines().all(|line| line.width() <= n_chars),
                "{folded}"
            );
            let words = |text: &str| {
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert_eq!(words(&folded), words(text));
        }
    }

    #[test]
    fn colours_take_no_room_and_long_words_stay_whole() {
        let red = "\u{1b}[1m\u{1b}[31mcannot run\u{1b}[0m rules/a.yml";
        assert_eq!(folded(red, 2, Room::Chars(22)), red);
        let word = "x".repeat(50);
        assert_eq!(
            folded(&format!("finding     {word} end"), 12, Room::Chars(40)),
            format!("finding     {word}\n            end")
        );
        assert_eq!(folded(&word, 2, Room::Chars(10)), word);
    }
}
