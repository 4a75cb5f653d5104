//! Text that a rule searches for, if it was cut so that its beginning is left, or has other characters inside.
//!
//! In: a text, and a word that a rule searches for, such as the name of a policy. Out: whether the text may have
//! contained that word before something shortened or changed it: a limit on the length of cells, a line that was
//! broken, characters that are not seen, another way of writing characters. Such a text does not match. Whether its
//! event is an alert is open.

use memchr::memmem;

/// Only words of this length are recognised by their beginning.
const WORD_BYTES_LEAST: usize = 20;

/// The number of times that a text may be encoded, one time inside the other.
const LEVELS_MAX: usize = 3;

/// Returns the part of a word that shows the word: half of it, if it is long; otherwise the whole word.
pub(super) fn beginning(word: &str) -> &str {
    match word.len() {
        ..WORD_BYTES_LEAST => word,
        n_bytes => word.get(..n_bytes.div_ceil(2)).unwrap_or(word),
    }
}

/// Returns true if a text, which does not contain `word`, may have contained it before it was changed.
pub(super) fn may_have_held(text: &str, word: &str) -> bool {
    ends_inside(text, word, breaks) || is_written_otherwise(text, word)
}

/// Returns true if a text, which does not contain `word`, has it with other characters inside, or written in another
/// way.
pub(super) fn is_altered(text: &str, word: &str) -> bool {
    let is_no_text = |behind: &str| {
        let first = behind.chars().next();
        first.is_some_and(|first| !first.is_ascii() || first.is_ascii_control())
    };
    ends_inside(text, word, is_no_text) || is_written_otherwise(text, word)
}

fn is_written_otherwise(text: &str, word: &str) -> bool {
    let mut text = plain(text);
    for _ in 0..LEVELS_MAX {
        let Some(plainer) = text else { return false };
        if plainer.contains(word) {
            return true;
        }
        text = plain(&plainer);
    }
    false
}

/// Returns true if the beginning of the word is in the text, and the text, or a value in it, ends or is broken before
/// the end of the word: `breaks` decides this by what follows.
fn ends_inside(text: &str, word: &str, breaks: fn(&str) -> bool) -> bool {
    let beginning = beginning(word);
    if beginning.len() == word.len() {
        return false;
    }
    let mut places = memmem::find_iter(text.as_bytes(), beginning);
    places.any(|at| {
        let there = text.get(at..).unwrap_or_default().bytes();
        let n_same = there.zip(word.bytes()).take_while(|(a, b)| a == b).count();
        let behind = text.get(at + n_same..).unwrap_or_default();
        n_same < word.len() && breaks(behind)
    })
}

/// Returns true if a word that goes on with these characters ends there by accident, or is broken.
fn breaks(behind: &str) -> bool {
    let mut chars = behind.chars();
    match chars.next() {
        None => true,
        // A name may contain a dot; several mean that something is left out.
        Some('.') => chars.next() == Some('.'),
        Some(first) => {
            !first.is_ascii()
                || first.is_ascii_control()
                || " \"'`,;|()[]{}<>&%\\=?*#!".contains(first)
        }
    }
}

/// Returns a text without characters that are not seen, and with each character that is written in another way
/// decoded once; `None` if there is nothing of the kind.
fn plain(text: &str) -> Option<String> {
    let is_mark = |c: char| !c.is_ascii() || c.is_ascii_control() || "%\\&=<".contains(c);
    if !text.contains(is_mark) {
        return None;
    }
    let (mut plain, mut rest) = (String::new(), text);
    while let Some(at) = rest.find(is_mark) {
        let (before, behind) = rest.split_at(at);
        plain.push_str(before);
        let (decoded, n_bytes) = decoded(behind);
        plain.extend(decoded);
        rest = behind.get(n_bytes..).unwrap_or_default();
    }
    plain.push_str(rest);
    (plain != text).then_some(plain)
}

/// Returns the character that a text begins with, in whatever way it is written, and the number of its bytes. There is no
/// character if nothing of it is seen.
fn decoded(text: &str) -> (Option<char>, usize) {
    let Some(first) = text.chars().next() else {
        return (None, 0);
    };
    let behind = text.get(first.len_utf8()..).unwrap_or_default();
    let written = match first {
        '%' => digits(behind, 16, 2..=2),
        '\\' => escape(behind),
        '&' => entity(behind),
        '=' => match behind
            .strip_prefix('\r')
            .unwrap_or(behind)
            .starts_with('\n')
        {
            // A line that a mailer broke.
            true => Some((None, 1)),
            false => digits(behind, 16, 2..=2),
        },
        '<' => tag(behind),
        '\u{1b}' => colour(behind),
        // Letters as wide as Chinese ones.
        '\u{ff01}'..='\u{ff5e}' => Some((char::from_u32(u32::from(first) - 0xfee0), 0)),
        _ if first.is_ascii_control() || is_unseen(first) => Some((None, 0)),
        _ => None,
    };
    match written {
        Some((character, n_bytes)) => (character, first.len_utf8() + n_bytes),
        None => (Some(first), first.len_utf8()),
    }
}

/// A character, if anything of it is seen, and the number of bytes that it takes.
type Written = Option<(Option<char>, usize)>;

/// Returns true for characters that change nothing in what a reader sees.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// Returns the character whose number a text begins with.
fn digits(text: &str, radix: u32, n_digits: std::ops::RangeInclusive<usize>) -> Written {
    let is_digit = |c: &char| c.is_digit(radix);
    let n = text
        .chars()
        .take(*n_digits.end())
        .take_while(is_digit)
        .count();
    let number = u32::from_str_radix(text.get(..n)?, radix).ok()?;
    n_digits.contains(&n).then(|| (char::from_u32(number), n))
}

/// Returns what follows a backslash.
fn escape(text: &str) -> Written {
    let kind = text.chars().next()?;
    let behind = text.get(kind.len_utf8()..).unwrap_or_default();
    let after = |n: usize, written: Written| written.map(|(c, n_bytes)| (c, n + n_bytes));
    match kind {
        '\n' | '\r' => Some((None, 1)),
        'x' => after(1, digits(behind, 16, 2..=2)),
        'u' if behind.starts_with('{') => {
            let (c, n_bytes) = digits(behind.get(1..)?, 16, 1..=6)?;
            Some((c, 1 + 1 + n_bytes + 1))
        }
        'u' => after(1, digits(behind, 16, 4..=4)),
        'U' => after(1, digits(behind, 16, 8..=8)),
        '0'..='7' => digits(text, 8, 3..=3),
        // Another backslash, which an outer text has doubled.
        '\\' => Some((Some('\\'), 1)),
        'n' | 'r' | 't' => Some((None, 1)),
        // It escapes nothing.
        _ => Some((None, 0)),
    }
}

/// Returns what follows an ampersand.
fn entity(text: &str) -> Written {
    let (name, _) = text.split_once(';').filter(|(name, _)| name.len() <= 10)?;
    let n_bytes = name.len() + 1;
    let number = match name.strip_prefix('#') {
        Some(hex) if hex.starts_with(['x', 'X']) => u32::from_str_radix(hex.get(1..)?, 16).ok(),
        Some(digits) => digits.parse().ok(),
        None if matches!(name, "shy" | "zwnj" | "zwj" | "lrm" | "rlm") => {
            return Some((None, n_bytes));
        }
        None if name == "amp" => return Some((Some('&'), n_bytes)),
        None => None,
    };
    Some((char::from_u32(number?), n_bytes))
}

/// Returns what follows the bracket of a tag, as web pages mark what was found with.
fn tag(text: &str) -> Written {
    let (name, _) = text.split_once('>').filter(|(name, _)| name.len() <= 60)?;
    let first = name.trim_start_matches('/').chars().next()?;
    first
        .is_ascii_alphabetic()
        .then_some((None, name.len() + 1))
}

/// Returns what follows the first byte of a terminal's colour.
fn colour(text: &str) -> Written {
    let numbers = text.strip_prefix('[')?;
    let n = numbers.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    numbers
        .get(n..)?
        .starts_with(['m', 'K'])
        .then_some((None, 1 + n + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: &str = "AWSCompromisedKeyQuarantine";

    #[test]
    fn a_word_is_recognised_by_its_beginning_if_it_ends_by_accident() {
        for text in [
            "policy/AWSCompromised",
            "policy/AWSCompromisedKeyQuarantin",
            "{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKey, userName=bob}",
            "AWSCompromisedKeyQ...",
            "AWSCompromisedKeyQ…",
            "AWSCompromisedKey Quarantine",
            "AWSCompromisedKey\nQuarantine",
            "AWSCompromised\u{fffd}eyQuarantine",
            "AWSCompromisedX AWSCompromisedK",
        ] {
            assert!(may_have_held(text, WORD), "{text}");
        }
        for text in [
            "",
            "AWSCompromise",
            "AWSCompromisedUsers",
            "AWSCompromised-Users",
            "AWSCompromised.Users",
            "AWSCompromisedKeyQuarantinedUsers",
            "AWSCompromisedKey/Quarantine",
            "policy/ReadOnly%41ccess=&lt;",
        ] {
            assert!(!may_have_held(text, WORD), "{text}");
        }
        assert!(!is_altered("policy/AWSCompromised", WORD));
        assert!(is_altered("AWSCompromised\u{fffd}eyQuarantine", WORD));
        assert!(!may_have_held("AttachUser", "AttachUserPolicy"));
        assert_eq!(beginning(WORD), "AWSCompromised");
        assert_eq!(beginning("AttachUserPolicy"), "AttachUserPolicy");
    }

    #[test]
    fn a_word_is_recognised_with_its_characters_written_in_another_way() {
        for text in [
            "A\u{ad}WSCompromisedKeyQuarantine",
            "AWS\u{200b}Comp\u{feff}romisedKeyQuarantine",
            r"\x41WSCompromisedKeyQuarantine",
            r"\\x41WSCompromisedKeyQuarantine",
            r"\101WSCompromisedKeyQuarantine",
            r"AWS\u{43}ompromised\u004BeyQuarantine",
            r"AWSCom\promised\nKeyQuarantine",
            "%41WSCompromisedKeyQuarantine",
            "%2541WSCompromisedKeyQuarantine",
            "&#65;WSCompromised&#x4B;eyQuarantine",
            "&amp;#65;WSCompromisedKeyQuarantine",
            "AWS&shy;CompromisedKeyQuarantine",
            "AWS<wbr>CompromisedKey<em class=\"x\">Quarantine</em>",
            "AWS=\r\nCompromised=4BeyQuarantine",
            "AWS\nCompromisedKeyQuarantine",
            "AWS\u{1b}[01;31m\u{1b}[KCompromisedKeyQuarantine",
            "\u{ff21}WSCompromisedKeyQuarantine",
        ] {
            assert!(may_have_held(text, WORD), "{text}");
        }
        for text in [
            r"\",
            "%",
            "%4",
            "&#;",
            "=",
            "<",
            "\u{1b}[",
            r"\u{",
            r"\x4",
            "&#99999999;",
            "\u{e9}",
            "A%20WSCompromisedUsers",
        ] {
            assert!(!may_have_held(text, WORD), "{text}");
        }
    }
}
