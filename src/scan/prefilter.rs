//! Where could a record that matches stand? A search for bytes, before anything is parsed.
//!
//! In: text and the rule's needles. Out: the offsets of *hits*, in order. A record of which no byte is
//! at a hit cannot match the rule, so it is never framed and never parsed.
//!
//! **Soundness.** A needle is ASCII letters and digits, and for a match it must stand in the JSON value
//! of some string. JSON can write such a character in two ways: as itself, or as `\u00XX`, where `XX` is
//! 30-39 for a digit and 41-5a or 61-7a for a letter. A JSON text inside a string has its backslashes
//! doubled, or written `\u005c`: the first leaves `\u00` in place, the second is itself an escape that
//! is looked for. So looking for the needles, for `\u003` and a digit, and for `\u004` to `\u007` and a
//! hex digit loses no match, at any depth of nesting. (`\u003c` and `\u0026`, which real logs hold
//! often, are no hits; escaped letters, which real logs hold never, are.)

use std::collections::BTreeSet;
use std::ops::Range;

use super::names::{Names, longest_run};
use super::patterns::{Passed, Patterns};
use super::steps;
use crate::report::EventCounts;

/// Finds hits in text. Made once per hunt; searching it allocates nothing.
#[derive(Debug)]
pub struct Prefilter {
    /// The first pattern is [`ESCAPE`].
    search: Search,
    /// Which characters hide one of a needle where they are escaped.
    hidden: Hidden,
    /// No needle could be derived from the rule: every byte is a hit.
    every_record: bool,
}

/// How an escape of an ASCII character begins. The character after it decides.
const ESCAPE: &[u8] = b"\\u00";
/// Its number among the patterns.
const ESCAPE_PATTERN: usize = 0;

impl Prefilter {
    /// A prefilter that looks for any of `needles`: ASCII letters and digits, none of them empty. With
    /// no needle at all every record is a candidate.
    #[must_use]
    pub fn new<N: AsRef<str>>(needles: &[N]) -> Self {
        let patterns = std::iter::once(ESCAPE)
            .chain(needles.iter().map(|n| first_bytes(n.as_ref().as_bytes())));
        Self {
            search: Search::Needles(Patterns::new(patterns)),
            hidden: Hidden::LettersAndDigits,
            every_record: needles.is_empty(),
        }
    }

    /// A prefilter that looks for any of many names, which may have characters of other kinds than letters and digits.
    ///
    /// A name is looked for as a whole: where it is a part of a longer word it is no hit, unless an escape stands at its
    /// ends. Of a name only that part is looked for that JSON writes in one way: none of `"`, `\`, `/` and controls.
    #[must_use]
    pub fn of_names<N: AsRef<str>>(names: &[N]) -> Self {
        let needles: BTreeSet<&str> = names
            .iter()
            .map(|name| longest_run(name.as_ref()))
            .collect();
        // A name of which nothing can be looked for may stand in any record.
        let every_record = needles.is_empty() || needles.contains("");
        Self {
            hidden: Hidden::of(&needles),
            search: Search::Names(Box::new(Names::new(needles))),
            every_record,
        }
    }

    /// Whether every record is a candidate, because the rule has no needle.
    pub(crate) fn lets_all_through(&self) -> bool {
        self.every_record
    }

    /// The hits of a text.
    #[must_use]
    pub fn hits<'a>(&'a self, text: &'a [u8]) -> Hits<'a> {
        Hits {
            prefilter: self,
            text,
            searched: 0..0,
            is_hit: false,
            passed: Passed::default(),
        }
    }

    /// The first hit at or after `from`.
    fn find(&self, text: &[u8], from: usize, passed: &mut Passed) -> Option<usize> {
        let is_hit = |&(at, pattern): &(usize, usize)| {
            pattern != ESCAPE_PATTERN || self.hidden.is_hidden(&text[at..])
        };
        let hit = match &self.search {
            Search::Needles(patterns) => patterns.each_from(text, from, passed).find(is_hit),
            Search::Names(names) => names.each_from(text, from, passed).find(is_hit),
        };
        let hit = hit.map(|(at, _)| at);
        steps::take(hit.unwrap_or(text.len()).saturating_sub(from) + 1);
        hit
    }

    /// Whether a needle stands in `text`, in plain or behind any number of levels of escapes.
    ///
    /// Costs a copy of the text: for text that did not come out as a record, to tell whether it should
    /// have.
    pub(crate) fn holds_needle(&self, text: &[u8]) -> bool {
        let literal = |text: &[u8]| {
            let is_needle = |(_, pattern)| pattern != ESCAPE_PATTERN;
            match &self.search {
                Search::Needles(patterns) => patterns
                    .each_from(text, 0, &mut Passed::default())
                    .any(is_needle),
                Search::Names(names) => names
                    .each_from(text, 0, &mut Passed::default())
                    .any(is_needle),
            }
        };
        let mut text = std::borrow::Cow::Borrowed(text);
        for _ in 0..ESCAPE_LEVELS_MAX {
            steps::take(text.len());
            if literal(&text) {
                return true;
            }
            let Some(plainer) = unescape(&text) else {
                return false;
            };
            text = plainer.into();
        }
        // Nobody escapes so often by chance: rather too much is told than too little.
        true
    }
}

/// How needles are looked for.
#[derive(Debug)]
enum Search {
    /// Wherever they stand.
    Needles(Patterns),
    /// As whole words; there may be thousands.
    Names(Box<Names>),
}

/// Which characters hide one of a needle where they are escaped.
#[derive(Debug)]
enum Hidden {
    LettersAndDigits,
    /// These of ASCII, a bit each.
    Any(u128),
}

impl Hidden {
    fn of(needles: &BTreeSet<&str>) -> Self {
        let bytes = needles.iter().flat_map(|needle| needle.bytes());
        let ascii = bytes.filter(u8::is_ascii);
        Self::Any(ascii.fold(0, |set, byte| set | 1 << byte))
    }

    /// Whether text that begins with [`ESCAPE`] goes on as an escape of such a character.
    fn is_hidden(&self, text: &[u8]) -> bool {
        let Self::Any(set) = self else {
            return is_escape(text);
        };
        let digits = text.get(4..6).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        // The letters and digits too: a name may be escaped in part, or as a text within a text.
        is_escape(text) || byte.is_some_and(|byte| byte < 128 && set >> byte & 1 == 1)
    }
}

/// The longest needle that is looked for; what holds a longer one holds its beginning. The framer keeps so
/// much across the seam between two windows.
pub(super) const NEEDLE_BYTES_MAX: usize = 256;

fn first_bytes(needle: &[u8]) -> &[u8] {
    needle.get(..NEEDLE_BYTES_MAX).unwrap_or(needle)
}

/// How many levels of escapes are taken off; each costs a pass over the text.
const ESCAPE_LEVELS_MAX: usize = 64;

/// Whether text that begins with [`ESCAPE`] goes on as an escaped ASCII letter or digit may.
fn is_escape(text: &[u8]) -> bool {
    match text {
        [_, _, _, _, b'3', digit, ..] => digit.is_ascii_digit(),
        [_, _, _, _, b'4'..=b'7', hex, ..] => hex.is_ascii_hexdigit(),
        _ => false,
    }
}

/// The text with each escape that hides an ASCII character taken off once, or nothing if it has none.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::new();
    let mut rest = text;
    for at in memchr::memmem::find_iter(text, ESCAPE) {
        let start = text.len() - rest.len();
        if at < start || !is_escape(&text[at..]) {
            continue;
        }
        let digits = std::str::from_utf8(&text[at + 4..at + 6]).ok()?;
        plain.extend_from_slice(&text[start..at]);
        // In JSON inside a string the escape's backslash is itself escaped, once for each level.
        let n_plain = plain.iter().rev().take_while(|b| **b == b'\\').count();
        plain.truncate(plain.len() - n_plain);
        plain.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &text[at + 6..];
    }
    if rest.len() == text.len() {
        return None;
    }
    plain.extend_from_slice(rest);
    Some(plain)
}

/// The hits of one text, in order.
#[derive(Debug)]
pub struct Hits<'a> {
    prefilter: &'a Prefilter,
    text: &'a [u8],
    /// Where no hit is.
    searched: Range<usize>,
    /// Whether one is at the end of that.
    is_hit: bool,
    passed: Passed,
}

impl Hits<'_> {
    /// Where the first character was met, in what was searched so far, that text does not have.
    pub(crate) fn control(&self) -> Option<usize> {
        self.passed.control
    }

    /// Has the events counted of a window that is dealt with up to `to`, on the way of the search.
    pub(super) fn count_events(&mut self, to: usize, is_last: bool) {
        // Many names are looked for by another search, in text of which the events are counted already.
        if matches!(self.prefilter.search, Search::Needles(_)) {
            self.passed.events.begin(to, self.text.len(), is_last);
        }
    }

    /// The events of the window, of which the next one has what is behind `keep`, and up to where they are counted.
    pub(super) fn events(&mut self, keep: usize) -> (EventCounts, usize) {
        let to = self.passed.events.end(self.text, keep);
        (self.passed.events.take(), to)
    }

    /// The first hit at or after `from`.
    pub fn first_from(&mut self, from: usize) -> Option<usize> {
        self.first_in(from..self.text.len())
    }

    /// The first hit in a part of the text of which no hit reaches out.
    pub(crate) fn first_in(&mut self, part: Range<usize>) -> Option<usize> {
        if self.prefilter.every_record {
            return (!part.is_empty()).then_some(part.start);
        }
        let is_searched = self.searched.start <= part.start && part.start <= self.searched.end;
        if !is_searched {
            self.searched = part.start..part.start;
            self.is_hit = false;
        }
        if !self.is_hit && self.searched.end < part.end {
            let text = &self.text[..part.end];
            let hit = (self.prefilter).find(text, self.searched.end, &mut self.passed);
            self.is_hit = hit.is_some();
            self.searched.end = hit.unwrap_or(part.end);
        }
        (self.is_hit && self.searched.end < part.end).then_some(self.searched.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prefilter() -> Prefilter {
        Prefilter::new(&["Quarantine7", "Other"])
    }

    fn all(text: &[u8]) -> Vec<usize> {
        let prefilter = prefilter();
        let mut hits = prefilter.hits(text);
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = hits.first_from(from) {
            found.push(at);
            from = at + 1;
        }
        found
    }

    #[test]
    fn needles_and_escaped_letters_are_hits_and_other_escapes_are_not() {
        assert_eq!(all(br"Quarantine7"), [0]);
        assert_eq!(all(br"xOtherOther"), [1, 6]);
        assert_eq!(all(br"\u0041"), [0]);
        assert_eq!(all(br"\\\u006fx"), [2]);
        assert_eq!(all(br"\u0037 \u007A"), [0, 7]);
        assert_eq!(
            all(br"\u00e9 \u000a \u0026 \u004 \u004g \u0"),
            [] as [usize; 0]
        );
        assert_eq!(all(br"quarantine7 Quarantine Othe"), [] as [usize; 0]);
    }

    #[test]
    fn a_rule_without_needles_makes_every_byte_a_hit() {
        let prefilter = Prefilter::new::<&str>(&[]);
        let mut hits = prefilter.hits(b"ab");
        assert_eq!(hits.first_from(0), Some(0));
        assert_eq!(hits.first_from(1), Some(1));
        assert_eq!(hits.first_from(2), None);
    }

    #[test]
    fn a_needle_is_seen_through_nested_escapes() {
        let prefilter = prefilter();
        assert!(prefilter.holds_needle(br"\u004fther"));
        assert!(prefilter.holds_needle(br"\u005cu004fther"));
        assert!(prefilter.holds_needle(br"Quarantine\u0037"));
        assert!(prefilter.holds_needle(br"Quarant\\u0069ne7"));
        assert!(prefilter.holds_needle(br"Quarant\\\\u0069ne7"));
        assert!(!prefilter.holds_needle(br"\u0041nother"));
    }

    /// Every character of `needle`, escaped where `mask` says so, `depth` levels of JSON strings deep.
    fn spell(needle: &str, mask: u64, depth: u32) -> String {
        let mut text: String = needle
            .chars()
            .enumerate()
            .map(|(i, c)| match mask >> i & 1 {
                1 => format!("\\u{:04x}", c as u32),
                _ => c.to_string(),
            })
            .collect();
        for _ in 0..depth {
            text = serde_json::to_string(&text).unwrap();
        }
        text
    }

    proptest! {
        #[test]
        fn no_spelling_of_a_needle_is_missed(mask: u64, depth in 0u32..4, before in 0usize..40) {
            let spelt = spell("Quarantine7", mask, depth);
            let text = format!("{}{spelt}", " ".repeat(before));
            prop_assert!(!all(text.as_bytes()).is_empty());
            prop_assert!(prefilter().holds_needle(text.as_bytes()));
        }
    }
}
