//! Finds the records of many actions in one pass: by the keys that name an action, whose values are looked up.
//!
//! Searching for hundreds of names takes ten times as long as decompression leaves room for. But a record names its
//! action once, after one of a few keys: `eventName` as AWS writes it, `event.action` in Elastic's documents,
//! `api.operation` in OCSF's. So those keys are searched for, and the value of each is looked up in a table.
//!
//! A key counts in any case and with any separators (`event_name`, `Event Name`), and inside strings, where
//! backslashes stand before the quotes. What stands after it decides:
//!
//! * A plain string that is one of the actions, or fits one of the patterns, in any case: a hit, at the string.
//! * A plain string that is none of them: no hit.
//! * Anything else (the header of a table, a list, a name with characters that no name has, text that ends): a hit, in
//!   the key. So no form of record is missed that has the key; it only takes longer.
//!
//! Text without such keys, such as the rows of a table, is searched for the names themselves.

use std::collections::HashSet;

use foldhash::fast::RandomState;
use regex::{Regex, RegexBuilder};

use super::patterns::{ESCAPE, NEEDLE_BYTES_MAX, Passed};
use super::vectors::{self, BLOCK_BYTES, Beginnings, PLACES};

/// The largest number of words that are searched for in the same pass.
const WORDS_MAX: usize = 128;
/// The number of separators in a key that are passed over.
const SEPARATORS_MAX: usize = 8;
/// The bytes of a key and its value that are looked at.
const REACH_BYTES: usize = NEEDLE_BYTES_MAX - 64;
/// The longest name of an action.
const ACTION_BYTES_MAX: usize = 128;

/// Searches for keys of actions, and for words.
#[derive(Debug)]
pub(super) struct ActionKeys {
    /// The actions, with small letters.
    actions: HashSet<Box<[u8]>, RandomState>,
    /// Finds something in each other name that is a hit.
    patterns: Option<Patterns>,
    /// Words that are hits wherever they stand, by their first byte as [`fold`] gives it.
    words: Vec<Vec<Box<[u8]>>>,
    /// How these, the keys and escapes begin.
    beginnings: Beginnings,
    /// For each byte, with a small letter: whether one of them may begin with it.
    begins: [bool; 256],
}

/// The bytes after a block that are looked at.
const REACH: usize = if PLACES > vectors::TIME_REACH {
    PLACES
} else {
    vectors::TIME_REACH
};

/// Patterns of names.
#[derive(Debug)]
enum Patterns {
    /// All of them in one expression.
    Of(Regex),
    /// They are too many for that, so that each name is a hit.
    Any,
}

/// The most memory of the patterns.
const PATTERNS_BYTES_MAX: usize = 32 << 20;

impl Patterns {
    fn new<T: AsRef<str>>(patterns: &[T]) -> Option<Self> {
        let patterns: Vec<&str> = patterns.iter().map(AsRef::as_ref).collect();
        let regex = RegexBuilder::new(&patterns.join("|"))
            .case_insensitive(true)
            .size_limit(PATTERNS_BYTES_MAX)
            .build();
        (!patterns.is_empty()).then(|| regex.map_or(Self::Any, Self::Of))
    }

    fn fit(&self, name: &[u8]) -> bool {
        match self {
            Self::Of(regex) => std::str::from_utf8(name).map_or(true, |name| regex.is_match(name)),
            Self::Any => true,
        }
    }
}

impl ActionKeys {
    /// Creates the search. Actions are ASCII, patterns are regular expressions. Returns nothing if there are too many
    /// words for one pass.
    pub(super) fn new<T: AsRef<str>>(actions: &[T], patterns: &[T], words: &[T]) -> Option<Self> {
        let small =
            |text: &T| -> Box<[u8]> { text.as_ref().to_ascii_lowercase().as_bytes().into() };
        let words: Vec<Box<[u8]>> = words.iter().map(small).collect();
        if words.len() > WORDS_MAX {
            return None;
        }
        let mut beginnings = key_beginnings();
        beginnings.extend(words.iter().map(|word| first_bytes(word)));
        let mut begins = [false; 256];
        for byte in beginnings.iter().filter_map(|sets| sets.first()).flatten() {
            begins[usize::from(fold(*byte))] = true;
        }
        let mut words_by_first = vec![Vec::new(); 256];
        for word in words {
            if let Some(first) = word.first() {
                words_by_first[usize::from(fold(*first))].push(word);
            }
        }
        Some(Self {
            actions: actions.iter().map(small).collect(),
            patterns: Patterns::new(patterns),
            words: words_by_first,
            beginnings: Beginnings::new(&beginnings),
            begins,
        })
    }

    /// Returns the first hit at or after `from` and before `to`, and true if it is the beginning of an escape, which the
    /// caller decides.
    pub(super) fn find(
        &self,
        text: &[u8],
        mut from: usize,
        to: usize,
        passed: &mut Passed,
    ) -> Option<(usize, bool)> {
        let begun = from;
        passed.pass_over(text, from);
        while from < to {
            let block = passed.first_block(text, from, REACH, |blocks, times| {
                vectors::search_beginnings(&self.beginnings, blocks, times)
            })?;
            let end = text.len().min(block + BLOCK_BYTES);
            passed.look_in_block(text, block, end + REACH);
            let places = block.max(begun)..end.min(to);
            let found = match block + BLOCK_BYTES + REACH <= text.len() {
                true => {
                    let marks = vectors::beginnings(&self.beginnings, text, block);
                    let mut marks = vectors::each(block, marks).filter(|at| places.contains(at));
                    marks.find_map(|at| self.hit_at(text, at))
                }
                false => {
                    let mut places = places.filter(|at| self.begins[usize::from(fold(text[*at]))]);
                    places.find_map(|at| self.hit_at(text, at))
                }
            };
            if found.is_some() {
                return found;
            }
            passed.pass_over(text, end);
            from = end;
        }
        None
    }

    /// Returns the hit at a place, and true if it is the beginning of an escape.
    fn hit_at(&self, text: &[u8], at: usize) -> Option<(usize, bool)> {
        if text[at..].starts_with(ESCAPE) {
            return Some((at, true));
        }
        let hit = self.key_at(text, at).or_else(|| self.word_at(text, at));
        hit.map(|hit| (hit, false))
    }

    fn word_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = &text[at..];
        let is_at = |word: &[u8]| {
            let part = rest.get(..word.len());
            part.is_some_and(|part| part.eq_ignore_ascii_case(word))
        };
        let words = &self.words[usize::from(fold(*rest.first()?))];
        let is_hit = words.iter().any(|word| is_at(word));
        is_hit.then_some(at)
    }

    /// Returns whether a name that is not longer than [`ACTION_BYTES_MAX`] is one of the actions, in any case.
    fn is_action(&self, name: &[u8]) -> bool {
        let mut small = [0; ACTION_BYTES_MAX];
        let small = &mut small[..name.len()];
        small.copy_from_slice(name);
        small.make_ascii_lowercase();
        self.actions.contains(&*small)
    }

    /// Returns the hit of a key of which one of [`key_beginnings`] is at `at`.
    fn key_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let (start, end) = key(text, at)?;
        if ends_value(text, start, end) {
            return None;
        }
        match value(text, end, start + REACH_BYTES) {
            Value::NoKey => None,
            Value::Unclear => Some(at),
            Value::Plain(from, to) => {
                let name = &text[from..to];
                let is_hit = self.is_action(name)
                    || self
                        .patterns
                        .as_ref()
                        .is_some_and(|patterns| patterns.fit(name));
                is_hit.then_some(from)
            }
        }
    }
}

/// Returns how escapes begin, and parts of the keys of actions: of `event_name` the byte before `name` and that word, of
/// `action` and `operation` all but the first letter.
fn key_beginnings() -> Vec<Vec<Vec<u8>>> {
    let mut name = first_bytes(b"?name");
    name[0] = b"t_ -".to_vec();
    vec![
        name,
        first_bytes(b"ction"),
        first_bytes(b"perat"),
        first_bytes(ESCAPE),
    ]
}

/// Returns the first bytes of a word, each as the only one of a set.
fn first_bytes(word: &[u8]) -> Vec<Vec<u8>> {
    word.iter().take(PLACES).map(|byte| vec![*byte]).collect()
}

/// Returns the byte as small letters have it. Other bytes change too, so equal ones are compared again.
fn fold(byte: u8) -> u8 {
    byte | 0x20
}

/// Returns the start and the end of the key of an action, of which one of [`key_beginnings`] is at `at`.
fn key(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let stands = |from: usize, word: &[u8]| {
        let part = text.get(from..from + word.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(word))
    };
    match fold(text[at]) {
        b'c' => {
            let start = at.checked_sub(1)?;
            (stands(start, b"action") && begins_word(text, start)).then_some((start, at + 5))
        }
        b'p' => {
            let start = at.checked_sub(1)?;
            (stands(start, b"operation") && begins_word(text, start)).then_some((start, at + 8))
        }
        _ if !stands(at + 1, b"name") => None,
        _ => {
            let before = &text[at.saturating_sub(SEPARATORS_MAX)..=at];
            let is_separator = |byte: &&u8| matches!(byte, b'_' | b' ' | b'-');
            let n_separators = before.iter().rev().take_while(is_separator).count();
            let start = (at + 1).checked_sub(n_separators + 5)?;
            // More separators than that are damage, or not a key.
            let is_key = n_separators > SEPARATORS_MAX || stands(start, b"event");
            is_key.then_some((start, at + 5))
        }
    }
}

/// Returns whether a word begins at `start`: after no letter, or with a capital.
fn begins_word(text: &[u8], start: usize) -> bool {
    let before = start.checked_sub(1).map(|at| text[at]);
    !before.is_some_and(|byte| byte.is_ascii_alphanumeric()) || text[start].is_ascii_uppercase()
}

/// Returns whether a key is no key but the last word of a string or of a sentence: `this action",` and
/// `UnauthorizedOperation",`. It is a key where it may be one in a list of columns: `event.action`, `api.operation`,
/// either word alone, and `eventName` after anything.
fn ends_value(text: &[u8], start: usize, end: usize) -> bool {
    if !matches!(fold(text[start]), b'a' | b'o') {
        return false;
    }
    let is_separator = |byte: &&u8| matches!(byte, b' ' | b'.' | b'_' | b'-');
    let before = &text[start.saturating_sub(SEPARATORS_MAX + b"event".len())..start];
    let n_separators = before.iter().rev().take_while(is_separator).count();
    let before = &before[..before.len() - n_separators];
    let ends_with = |word: &[u8]| {
        let n_before = before.len().checked_sub(word.len());
        n_before.is_some_and(|at| before[at..].eq_ignore_ascii_case(word))
    };
    let is_word = before.last().is_some_and(u8::is_ascii_alphanumeric);
    if !is_word || ends_with(b"event") || ends_with(b"api") {
        return false;
    }
    match &text[end..text.len().min(end + REACH_BYTES)] {
        [b'.', b' ', ..] => true,
        after => {
            let n_backslashes = after.iter().take_while(|byte| **byte == b'\\').count();
            matches!(after[n_backslashes..], [b'"', b',' | b'}' | b']', ..])
        }
    }
}

/// For each byte whether it may be in a name that is plain.
const IS_USUAL: [bool; 256] = {
    let mut is_usual = [false; 256];
    let mut byte = 0_u8;
    while byte.is_ascii() {
        is_usual[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        byte += 1;
    }
    is_usual
};

/// What stands after a key.
enum Value {
    /// The word goes on: it is not the key.
    NoKey,
    /// A string without any special character, from one index to another.
    Plain(usize, usize),
    Unclear,
}

fn value(text: &[u8], end: usize, reach: usize) -> Value {
    // What is not there is unclear, so that nothing depends on where the text ends.
    let text = &text[..text.len().min(reach)];
    let skip = |mut at: usize, is_skipped: fn(u8) -> bool| {
        while text.get(at).is_some_and(|byte| is_skipped(*byte)) {
            at += 1;
        }
        at
    };
    let is_blank = |byte: u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    let is_backslash = |byte: u8| byte == b'\\';
    if text.get(end).is_some_and(u8::is_ascii_alphanumeric) {
        return Value::NoKey;
    }
    let quote = skip(end, is_backslash);
    if text.get(quote) != Some(&b'"') {
        return Value::Unclear;
    }
    let colon = skip(quote + 1, is_blank);
    if text.get(colon) != Some(&b':') {
        return Value::Unclear;
    }
    let open = skip(skip(colon + 1, is_blank), is_backslash);
    if text.get(open) != Some(&b'"') {
        return Value::Unclear;
    }
    let from = open + 1;
    let to = skip(from, |byte| IS_USUAL[usize::from(byte)]);
    // In a string inside a string a backslash stands before the quote.
    match text.get(skip(to, is_backslash)) {
        Some(b'"') if from < to && to - from <= ACTION_BYTES_MAX => Value::Plain(from, to),
        _ => Value::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> ActionKeys {
        let patterns = ["^Invoke", "Layer.*Permission", "snapshot$"];
        let words = ["TruffleHog", "\u{212a}"];
        ActionKeys::new(&["CreateUser", "RunInstances"], &patterns, &words).unwrap()
    }

    /// Returns the places of all hits.
    fn all(text: &str) -> Vec<usize> {
        let (keys, text) = (keys(), text.as_bytes());
        let (mut found, mut from) = (Vec::new(), 0);
        while let Some((at, _)) = keys.find(text, from, text.len(), &mut Passed::default()) {
            found.push(at);
            from = at + 1;
        }
        found
    }

    #[test]
    fn a_value_that_is_an_action_is_a_hit_and_another_is_none() {
        for text in [
            r#"{"eventName":"CreateUser"}"#,
            r#"{"eventname" : "createuser"}"#,
            r#"{"event_name":"CREATEUSER"}"#,
            r#"{"Event Name":"CreateUser"}"#,
            r#"{"EVENT - NAME":"CreateUser"}"#,
            r#"{"m":"{\"eventName\":\"CreateUser\"}"}"#,
            r#"{"m":"{\\\"eventName\\\": \\\"CreateUser\\\"}"}"#,
            r#"{"event":{"action":"RunInstances"}}"#,
            r#"{"event.action":"RunInstances"}"#,
            r#"{"eventAction":"RunInstances"}"#,
            r#"{"api":{"operation":"RunInstances"}}"#,
        ] {
            assert_eq!(all(text).len(), 1, "{text}");
            for action in ["CreateUser", "createuser", "CREATEUSER", "RunInstances"] {
                let other = text.replace(action, "ListUsers");
                if other != text {
                    assert_eq!(all(&other), [] as [usize; 0], "{other}");
                }
            }
        }
    }

    #[test]
    fn a_value_that_fits_a_pattern_is_a_hit() {
        for (action, n_hits) in [
            ("InvokeFunction", 1),
            ("invoke", 1),
            ("ReInvoke", 0),
            ("AddLayerVersionPermission20181031", 1),
            ("AddPermissionLayer", 0),
            ("CreateDBSnapshot", 1),
            ("CreateDBSnapshots", 0),
        ] {
            let text = format!(r#"{{"eventName":"{action}"}}"#);
            assert_eq!(all(&text).len(), n_hits, "{action}");
        }
    }

    #[test]
    fn more_patterns_than_fit_make_each_name_a_hit() {
        let patterns: Vec<String> = (0..40_000).map(|n| format!("a{n}.*b{n}.*c{n}")).collect();
        let keys = ActionKeys::new(&[], &patterns, &[]).unwrap();
        let text = br#"{"eventName":"ListUsers"}"#;
        let hit = keys.find(text, 0, text.len(), &mut Passed::default());
        assert_eq!(hit, Some((14, false)));
    }

    #[test]
    fn what_is_not_clear_is_a_hit_in_the_key() {
        for text in [
            r#"{"columns":["eventName","eventTime"]}"#,
            r#"{"name":"eventname"}"#,
            r#"{"columns":["detail.eventName","eventTime"]}"#,
            r#"{"columns":["event.action","event.id"]}"#,
            r#"{"columns":["Event Action","Event Id"]}"#,
            r#"{"columns":["action","id"]}"#,
            r#"{"c":"[\"event_action\",\"id\"]"}"#,
            r#"{"errorCode":"Client.UnauthorizedAction"#,
            r#"{'eventName': 'ListUsers'}"#,
            r#"{"eventName":["ListUsers"]}"#,
            r#"{"eventName":null}"#,
            r#"{"eventName":"List\tUsers"}"#,
            r#"{"eventName":"Listé"}"#,
            r#"{"eventName":""}"#,
            r#"{"eventName":"ListUs"#,
            r#"{"eventName"#,
            "eventName=ListUsers",
            r#"{"event.action":["ListUsers"]}"#,
            r#"{"eventName" /* the call */ : "ListUsers"}"#,
        ] {
            let hits = all(text);
            let is_key = |at: usize| {
                let rest = text.get(at..).unwrap_or_default().to_ascii_lowercase();
                rest.starts_with("tname") || rest.starts_with("ction")
            };
            assert!(
                matches!(&*hits, [at] if is_key(*at)) || text.contains("\\t") && hits.len() == 1,
                "{text}: {hits:?}"
            );
        }
        for text in [
            r#"{"errorMessage":"You may not perform this action","a":1}"#,
            r#"{"errorMessage":"You may not perform this operation. User: CreateUser"}"#,
            r#"{"errorCode":"Client.UnauthorizedOperation"}"#,
            r#"{"m":"{\"errorCode\":\"Client.UnauthorizedOperation\"}"}"#,
            r#"{"eventNames":"CreateUser"}"#,
            r#"{"userName":"CreateUser"}"#,
            r#"{"transaction":"CreateUser"}"#,
            r#"{"functions":[]}"#,
            r#"{"eventTime":"CreateUser"}"#,
        ] {
            assert_eq!(all(text), [] as [usize; 0], "{text}");
        }
    }

    #[test]
    fn any_number_of_words_is_found_beside_the_keys() {
        let words: Vec<String> = (0..WORDS_MAX)
            .map(|n| format!("{n:03}word{n:03}"))
            .collect();
        for n_words in [0, 1, 3, 4, 5, 11, 12, 13, WORDS_MAX - 1, WORDS_MAX] {
            let (searched, others) = words.split_at(n_words);
            let keys = ActionKeys::new(&["CreateUser".to_owned()], &[], searched).unwrap();
            let is_found = |text: &str| {
                let text = format!("{}{text}{}", " ".repeat(300), " ".repeat(300)).into_bytes();
                let hit = keys.find(&text, 0, text.len(), &mut Passed::default());
                hit.is_some()
            };
            assert!(is_found(r#""eventName":"CreateUser""#), "{n_words}");
            assert!(
                searched.iter().all(|word| is_found(&word.to_uppercase())),
                "{n_words}"
            );
            assert!(!others.iter().any(|word| is_found(word)), "{n_words}");
        }
        let too_many = [words, vec!["another".to_owned()]].concat();
        assert!(ActionKeys::new(&[], &[], &too_many).is_none());
    }

    #[test]
    fn words_are_hits_in_any_case_and_escapes_are_told() {
        assert_eq!(all("agent trufflehog/1"), [6]);
        assert_eq!(all("x\u{212a}\u{212b} trufflehop"), [1]);
        let text = br#"xx \u0041"#;
        let hit = keys().find(text, 0, text.len(), &mut Passed::default());
        assert_eq!(hit, Some((3, true)));
    }

    proptest! {
        #[test]
        fn a_record_of_an_action_has_a_hit_wherever_it_stands(
            before in "[ a-z\"{:,_-]{0,200}",
            key in prop_oneof![
                Just("eventName"), Just("eventname"), Just("event_name"), Just("Event Name"),
                Just("EventName"), Just("event-name"), Just("action"), Just("operation"),
            ],
            blanks in 0_usize..3,
            level in 0_u32..3,
        ) {
            let blanks = " ".repeat(blanks);
            let mut record = format!(r#"{{"{key}"{blanks}:{blanks}"CreateUser"}}"#);
            for _ in 0..level {
                record = serde_json::to_string(&record).unwrap();
            }
            let text = format!("{before}{record}");
            let at = text.rfind("CreateUser").unwrap();
            prop_assert!(all(&text).contains(&at), "{}", text);
        }
    }
}
