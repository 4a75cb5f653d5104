//! Finds the places where a matching record may be: a search for bytes, before anything is parsed.
//!
//! In: text and the rule's needles. Out: the offsets of *hits*, in order. A record without a hit cannot match the
//! rule, so it is never framed and never parsed.
//!
//! **Soundness.** A needle consists of ASCII letters and digits. For a match it must occur in the JSON value of some
//! string. JSON can write such a character in two ways: as itself, or as `\u00XX`, where `XX` is 30-39 for a digit
//! and 41-5a or 61-7a for a letter. In a JSON text inside a string, the backslashes are doubled or written `\u005c`.
//! The first form keeps `\u00` as it is, and the second one is itself an escape that is searched for. So it is enough
//! to search for the needles, for `\u003` and a digit, and for `\u004` to `\u007` and a hex digit: this misses no
//! match, at any depth of nesting. (`\u003c` and `\u0026`, which are common in real logs, are not hits. Escaped
//! letters, which never occur in real logs, are.)

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem;

use super::action_keys::ActionKeys;
use super::marks::TimeKeys;
use super::names::{Names, longest_run};
use super::patterns::{ESCAPE, NEEDLE_BYTES_MAX, Passed, Patterns};
use crate::report::EventCounts;
use crate::steps;

/// Finds hits in text. It is built once per hunt, and a search allocates nothing.
#[derive(Debug)]
pub struct Prefilter {
    /// The first pattern is [`ESCAPE`].
    search: Search,
    /// The search for keys of actions, for documents. In other text `search` finds the actions themselves.
    keys: Option<Box<ActionKeys>>,
    /// The characters that can hide a character of a needle when they are escaped.
    hidden: Hidden,
    /// True if no needle could be derived from the rule. Then every byte is a hit.
    every_record: bool,
    /// The needles, if there are few.
    needles: Vec<Box<[u8]>>,
    /// The words that rows of tables are searched for beside the needles, and the search for both.
    rows: Option<(Vec<Box<[u8]>>, Search)>,
}

/// Actions that records are searched for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actions<T = String> {
    /// Whole names, in ASCII.
    pub names: Vec<T>,
    /// Regular expressions, one of which finds something in each other name.
    pub patterns: Vec<T>,
    /// Words, one of which is in each record that is sought by a pattern. Text without keys of actions is searched for
    /// them.
    pub words: Vec<T>,
}

impl Actions {
    /// Returns the actions of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            names: [self.names, other.names].concat(),
            patterns: [self.patterns, other.patterns].concat(),
            words: [self.words, other.words].concat(),
        }
    }
}

/// The index of [`ESCAPE`] among the patterns.
const ESCAPE_PATTERN: usize = 0;

impl Prefilter {
    /// Creates a prefilter that searches for any of `needles`. They must be ASCII letters and digits, and not empty.
    /// Without any needle every record is a candidate.
    #[must_use]
    pub fn new<N: AsRef<str>>(needles: &[N]) -> Self {
        let needles = boxed(needles);
        let patterns = std::iter::once(ESCAPE).chain(needles.iter().map(AsRef::as_ref));
        Self {
            search: Search::Needles(Patterns::new(patterns)),
            keys: None,
            hidden: Hidden::LettersAndDigits,
            every_record: needles.is_empty(),
            needles,
            rows: None,
        }
    }

    /// Returns the prefilter that lets through rows of tables that contain one of these words, too. In rows, writers
    /// shorten the cells, so that the needle may be cut off. Other texts are not searched for these words, which would
    /// take time. A row without a needle is not reported because of them.
    #[must_use]
    pub(crate) fn with_row_words<N: AsRef<str>>(self, words: &[N]) -> Self {
        // Where actions are searched for, they are found in rows anyway.
        if self.needles.is_empty() || words.is_empty() {
            return self;
        }
        let words = boxed(words);
        let patterns = self.needles.iter().chain(&words).map(AsRef::as_ref);
        let search = Search::Needles(Patterns::new(std::iter::once(ESCAPE).chain(patterns)));
        Self {
            rows: Some((words, search)),
            ..self
        }
    }

    /// Returns true if a text has a hit.
    pub(crate) fn has_hit(&self, text: &[u8]) -> bool {
        self.hits(text).first_from(0).is_some()
    }

    /// Returns the letters and digits around the first hit in a text.
    pub(super) fn word_at_hit(&self, text: &str) -> Option<String> {
        let hit = self.hits(text.as_bytes()).first_from(0)?;
        let (before, after) = text.split_at_checked(hit)?;
        let is_end = |c: char| !c.is_ascii_alphanumeric();
        let before = before.rsplit(is_end).next().unwrap_or_default();
        let after = after.split(is_end).next().unwrap_or_default();
        Some(format!("{before}{after}"))
    }

    /// Returns true if a row contains one of the words that only rows are searched for.
    pub(super) fn holds_row_word(&self, row: &[u8]) -> bool {
        let words = self.rows.iter().flat_map(|(words, _)| words);
        words
            .into_iter()
            .any(|word| memmem::find(row, word).is_some())
    }

    /// Creates a prefilter that finds records with one of these actions, and records that contain one of these words.
    /// Words are letters and digits. The case of ASCII letters does not count. More than some sixty words take
    /// another search, which is ten times slower.
    #[must_use]
    pub fn of_actions<T: AsRef<str>>(actions: &Actions<T>, words: &[T]) -> Self {
        let Actions {
            names,
            patterns,
            words: of_patterns,
        } = actions;
        let texts = names.iter().chain(words).chain(of_patterns);
        let texts = texts.map(|text| first_bytes(text.as_ref().as_bytes()));
        let searched: Vec<&[u8]> = std::iter::once(ESCAPE).chain(texts).collect();
        Self {
            every_record: searched.len() == 1 || searched.iter().any(|one| one.is_empty()),
            search: Search::Needles(Patterns::in_any_case(&searched)),
            keys: ActionKeys::new(names, patterns, words).map(Box::new),
            hidden: Hidden::LettersAndDigits,
            needles: Vec::new(),
            rows: None,
        }
    }

    /// Creates a prefilter that searches for any of many names, which may contain characters other than letters and
    /// digits.
    ///
    /// A name must occur as a whole: as part of a longer word it is not a hit, unless there is an escape at its ends.
    /// Only that part of a name is searched for that JSON writes in exactly one way: without `"`, `\`, `/` and
    /// control characters.
    #[must_use]
    pub fn of_names<N: AsRef<str>>(names: &[N]) -> Self {
        let needles: BTreeSet<&str> = names
            .iter()
            .map(|name| longest_run(name.as_ref()))
            .collect();
        // A name without any part to search for may occur in any record.
        let every_record = needles.is_empty() || needles.contains("");
        Self {
            hidden: Hidden::of(&needles),
            search: Search::Names(Box::new(Names::new(needles))),
            keys: None,
            every_record,
            needles: Vec::new(),
            rows: None,
        }
    }

    /// Creates a prefilter that finds nothing.
    #[must_use]
    pub fn nothing() -> Self {
        Self {
            search: Search::Needles(Patterns::new(std::iter::once(ESCAPE))),
            keys: None,
            hidden: Hidden::Nothing,
            every_record: false,
            needles: Vec::new(),
            rows: None,
        }
    }

    /// Returns true if every record is a candidate because the rule has no needle.
    pub(crate) fn lets_all_through(&self) -> bool {
        self.every_record
    }

    /// Returns the hits of a text.
    #[must_use]
    pub fn hits<'a>(&'a self, text: &'a [u8]) -> Hits<'a> {
        Hits {
            prefilter: self,
            search: &self.search,
            text,
            searched: 0..0,
            is_hit: false,
            passed: Passed::default(),
            keys: None,
        }
    }

    /// Returns the hits of a text that is a table.
    pub(super) fn hits_in_rows<'a>(&'a self, text: &'a [u8]) -> Hits<'a> {
        let in_rows = self.rows.as_ref().map(|(_, search)| search);
        Hits {
            search: in_rows.unwrap_or(&self.search),
            ..self.hits(text)
        }
    }

    /// Returns the hits of a text of JSON documents, in which a record names its action after a key.
    pub(super) fn hits_in_documents<'a>(&'a self, text: &'a [u8]) -> Hits<'a> {
        Hits {
            keys: self.keys.as_deref(),
            ..self.hits(text)
        }
    }

    /// Returns the first hit of a search at or after `from`.
    fn find(
        &self,
        search: &Search,
        text: &[u8],
        from: usize,
        passed: &mut Passed,
    ) -> Option<usize> {
        let is_hit = |&(at, pattern): &(usize, usize)| {
            pattern != ESCAPE_PATTERN || self.hidden.is_hidden(&text[at..])
        };
        let hit = match search {
            Search::Needles(patterns) => patterns.each_from(text, from, passed).find(is_hit),
            Search::Names(names) => names.each_from(text, from, passed).find(is_hit),
        };
        let hit = hit.map(|(at, _)| at);
        steps::take(hit.unwrap_or(text.len()).saturating_sub(from) + 1);
        hit
    }

    /// Returns the first hit at or after `from` and before `to`, by the keys of actions.
    fn find_key(
        &self,
        keys: &ActionKeys,
        text: &[u8],
        from: usize,
        to: usize,
        passed: &mut Passed,
    ) -> Option<usize> {
        let mut at = from;
        let hit = loop {
            match keys.find(text, at, to, passed) {
                Some((escape, true)) if !self.hidden.is_hidden(&text[escape..]) => at = escape + 1,
                found => break found,
            }
        };
        // The value of a key may lie behind the part.
        let hit = hit.map(|(at, _)| at.min(to.saturating_sub(1)));
        steps::take(hit.unwrap_or(to).saturating_sub(from) + 1);
        hit
    }

    /// Returns true if `text` contains a needle, plain or after any number of levels of escapes.
    ///
    /// It copies the text. Use it for text that did not turn out to be a record, to decide whether this must be
    /// reported.
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
        if matches!(self.hidden, Hidden::Nothing) {
            return false;
        }
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
        // This many levels of escapes do not occur by chance. It is better to report too much than too little.
        true
    }
}

/// The way in which needles are searched for.
#[derive(Debug)]
enum Search {
    /// Anywhere in the text.
    Needles(Patterns),
    /// As whole words. There may be thousands.
    Names(Box<Names>),
}

/// The characters that can hide a character of a needle when they are escaped.
#[derive(Debug)]
enum Hidden {
    Nothing,
    LettersAndDigits,
    /// These ASCII characters, one bit each.
    Any(u128),
}

impl Hidden {
    fn of(needles: &BTreeSet<&str>) -> Self {
        let bytes = needles.iter().flat_map(|needle| needle.bytes());
        let ascii = bytes.filter(u8::is_ascii);
        Self::Any(ascii.fold(0, |set, byte| set | 1 << byte))
    }

    /// Returns true if the text, which begins with [`ESCAPE`], is an escape of such a character.
    fn is_hidden(&self, text: &[u8]) -> bool {
        let set = match self {
            Self::Nothing => return false,
            Self::LettersAndDigits => return is_escape(text),
            Self::Any(set) => set,
        };
        let digits = text.get(4..6).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        // Letters and digits count too: a name may be escaped in part, or be in a text within a text.
        is_escape(text) || byte.is_some_and(|byte| byte < 128 && set >> byte & 1 == 1)
    }
}

fn boxed<N: AsRef<str>>(needles: &[N]) -> Vec<Box<[u8]>> {
    let needles = needles.iter().map(|needle| needle.as_ref().as_bytes());
    needles.map(|needle| first_bytes(needle).into()).collect()
}

fn first_bytes(needle: &[u8]) -> &[u8] {
    needle.get(..NEEDLE_BYTES_MAX).unwrap_or(needle)
}

/// The number of levels of escapes that are decoded. Each costs one pass over the text.
const ESCAPE_LEVELS_MAX: usize = 64;

/// Returns true if the text, which begins with [`ESCAPE`], may be an escaped ASCII letter or digit.
fn is_escape(text: &[u8]) -> bool {
    match text {
        [_, _, _, _, b'3', digit, ..] => digit.is_ascii_digit(),
        [_, _, _, _, b'4'..=b'7', hex, ..] => hex.is_ascii_hexdigit(),
        _ => false,
    }
}

/// Returns the text with each escape that hides an ASCII letter or digit decoded once, or `None` if there is none.
fn unescape(text: &[u8]) -> Option<Vec<u8>> {
    static FINDER: LazyLock<memmem::Finder<'static>> =
        LazyLock::new(|| memmem::Finder::new(ESCAPE));
    let mut plain = Vec::new();
    let mut rest = text;
    for at in FINDER.find_iter(text) {
        let start = text.len() - rest.len();
        if at < start || !is_escape(&text[at..]) {
            continue;
        }
        let digits = std::str::from_utf8(&text[at + 4..at + 6]).ok()?;
        plain.extend_from_slice(&text[start..at]);
        // In JSON inside a string the backslash of the escape is itself escaped, once per level.
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
    search: &'a Search,
    text: &'a [u8],
    /// The range that was searched and contains no hit.
    searched: Range<usize>,
    /// True if there is a hit at the end of `searched`.
    is_hit: bool,
    passed: Passed,
    /// The search for keys of actions, if it is used.
    keys: Option<&'a ActionKeys>,
}

impl Hits<'_> {
    /// Returns the index of the first control character, which text does not have, in the part searched so far.
    pub(crate) fn control(&self) -> Option<usize> {
        self.passed.control
    }

    /// Searches for the actions themselves, or for their keys, from now on.
    pub(super) fn use_keys(&mut self, uses_keys: bool) {
        let keys = self.prefilter.keys.as_deref();
        self.keys = keys.filter(|_| uses_keys);
        self.search = &self.prefilter.search;
        (self.searched, self.is_hit) = (0..0, false);
    }

    /// Starts counting the events of a window during the search. Those before `to` are already counted.
    pub(super) fn count_events(&mut self, to: usize, is_last: bool) {
        self.passed.events.begin(to, self.text.len(), is_last);
    }

    /// Keeps the keys of times from now on, in this memory.
    pub(super) fn keep_time_keys(&mut self, memory: Option<TimeKeys>) {
        self.passed.events.keep_keys(memory);
    }

    /// Returns the keys of times in the window, if they are kept. [`events`](Self::events) must come first.
    pub(super) fn time_keys(&mut self) -> Option<TimeKeys> {
        self.passed.events.take_keys()
    }

    /// Returns the events of the window, and the index up to which they are counted. The next window begins at
    /// `keep`.
    pub(super) fn events(&mut self, keep: usize) -> (EventCounts, usize) {
        let to = self.passed.events.end(self.text, keep);
        (self.passed.events.take(), to)
    }

    /// Returns the first hit at or after `from`.
    pub fn first_from(&mut self, from: usize) -> Option<usize> {
        self.first_in(from..self.text.len())
    }

    /// Returns the first hit in `part`. No hit may cross the end of `part`.
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
            let from = self.searched.end;
            let hit = match self.keys {
                // What stands after a key decides, also behind the part.
                Some(keys) => {
                    let (text, to) = (self.text, part.end);
                    (self.prefilter).find_key(keys, text, from, to, &mut self.passed)
                }
                None => {
                    let text = &self.text[..part.end];
                    (self.prefilter).find(self.search, text, from, &mut self.passed)
                }
            };
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

    /// Returns `needle` with the characters of `mask` escaped, nested in `depth` levels of JSON strings.
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
