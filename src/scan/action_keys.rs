//! Finds the records of many actions in one pass: by the keys that name an action, whose values are looked up.
//!
//! Searching for hundreds of names takes ten times as long as decompression leaves room for. But a record names its
//! action once, after one of a few keys: `eventName` as AWS writes it, `event.action` in Elastic's documents,
//! `api.operation` in OCSF's. So those keys are searched for, and the value of each is looked up in a table.
//!
//! A key counts in any case and with any separators (`event_name`, `Event Name`), and inside strings, where
//! backslashes stand before the quotes. What stands after it decides:
//!
//! * A plain string that is one of the actions, in any case: a hit, at the string.
//! * A plain string that is none of them: no hit.
//! * Anything else (the header of a table, a list, a name with characters that no name has, text that ends): a hit, in
//!   the key. So no form of record is missed that has the key; it only takes longer.
//!
//! Text without such keys, such as the rows of a table, is searched for the names themselves.

use std::collections::HashSet;

use super::patterns::{ESCAPE, NEEDLE_BYTES_MAX, Passed, Probe};
use super::vectors::{BLOCK_BYTES, Case};

/// The largest number of words that are searched for in the same pass.
pub(super) const WORDS_MAX: usize = 12;
/// The number of probes for keys and escapes.
const KEY_PROBES: usize = 7;
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
    actions: HashSet<Box<[u8]>>,
    /// Words that are hits wherever they stand, with small letters.
    words: Vec<Box<[u8]>>,
    probes: Vec<Probe>,
    /// For each byte, with a small letter: whether one of the patterns may begin with it.
    begins: [bool; 256],
    /// The number of bytes after a block that the probes may extend to.
    reach: usize,
}

impl ActionKeys {
    /// Creates the search. Actions are ASCII, and there are at most [`WORDS_MAX`] words.
    pub(super) fn new<T: AsRef<str>>(actions: &[T], words: &[T]) -> Self {
        let small =
            |text: &T| -> Box<[u8]> { text.as_ref().to_ascii_lowercase().as_bytes().into() };
        let words: Vec<Box<[u8]>> = words.iter().map(small).collect();
        // Of `event_name` the byte before `name`, and two letters of the others. Folded like the text.
        let pair = |offsets: [usize; 2], bytes: [u8; 2]| Probe {
            offsets,
            bytes: bytes.map(fold),
        };
        let mut probes = vec![
            pair([0, 2], *b"\\0"),
            pair([0, 3], *b"tm"),
            pair([0, 3], *b"_m"),
            pair([0, 3], *b" m"),
            pair([0, 3], *b"-m"),
            pair([0, 4], *b"cn"),
            pair([0, 4], *b"pt"),
        ];
        debug_assert_eq!(probes.len(), KEY_PROBES);
        probes.extend(words.iter().map(|word| Probe::new(word)));
        let mut begins = [false; 256];
        let first = words.iter().filter_map(|word| word.first().copied());
        for byte in first.chain(*b"\\t_ -cp") {
            begins[usize::from(fold(byte))] = true;
        }
        let offsets = probes.iter().flat_map(|probe| probe.offsets);
        Self {
            reach: offsets.max().unwrap_or(0).max(super::vectors::TIME_REACH),
            actions: actions.iter().map(small).collect(),
            words,
            probes,
            begins,
        }
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
            let block = passed.first_block(text, from, self.reach, |blocks, times| {
                super::vectors::search_any(&self.probes, Case::Ignored, blocks, times)
            })?;
            let end = text.len().min(block + BLOCK_BYTES);
            passed.look_in_block(text, block, end + self.reach);
            for at in block.max(begun)..end.min(to) {
                if !self.begins[usize::from(fold(text[at]))] {
                    continue;
                }
                if text[at..].starts_with(ESCAPE) {
                    return Some((at, true));
                }
                let hit = self.key_at(text, at).or_else(|| self.word_at(text, at));
                if let Some(hit) = hit {
                    return Some((hit, false));
                }
            }
            passed.pass_over(text, end);
            from = end;
        }
        None
    }

    fn word_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = &text[at..];
        let mut words = self.words.iter().map(|word| &**word);
        let is_at = |word: &[u8]| {
            let part = rest.get(..word.len());
            part.is_some_and(|part| part.eq_ignore_ascii_case(word))
        };
        words.any(is_at).then_some(at)
    }

    /// Returns the hit of a key whose probe begins at `at`.
    fn key_at(&self, text: &[u8], at: usize) -> Option<usize> {
        let (start, end) = key(text, at)?;
        match value(text, end, start + REACH_BYTES) {
            Value::NoKey => None,
            Value::Unclear => Some(at),
            Value::Plain(from, to) => {
                let name = text[from..to].to_ascii_lowercase();
                self.actions.contains(name.as_slice()).then_some(from)
            }
        }
    }
}

/// Returns the byte as small letters have it. Other bytes change too, so equal ones are compared again.
fn fold(byte: u8) -> u8 {
    byte | 0x20
}

/// Returns the start and the end of the key of an action, whose probe begins at `at`.
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
    let is_usual =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
    let from = open + 1;
    let to = skip(from, is_usual);
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
        ActionKeys::new(&["CreateUser", "RunInstances"], &["TruffleHog"])
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
    fn what_is_not_clear_is_a_hit_in_the_key() {
        for text in [
            r#"{"columns":["eventName","eventTime"]}"#,
            r#"{"name":"eventname"}"#,
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
    fn words_are_hits_in_any_case_and_escapes_are_told() {
        assert_eq!(all("agent trufflehog/1"), [6]);
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
