//! Counts the events in a text by the keys of their times, during the search for needles and without a parse.
//!
//! In: places where `ime` occurs, as the search finds them. Out: [`EventCounts`]. A record as AWS writes it has
//! `"eventTime":"2024-05-01T12:00:00Z"` once; inside a string there are backslashes before its quotes. Elastic's
//! documents have `"@timestamp"`, and OCSF's have `"time"` with a number. All three contain `ime`, which occurs 1.1
//! times per record in public logs. So one probe finds them all.
//!
//! On files as AWS delivers them, the count equals that of a full parse (3,929 of 3,929 public files). A request with
//! a key `eventTime` and a time as its value counts as one event more.

use std::sync::LazyLock;

use memchr::memchr_iter;
use memchr::memmem::Finder;

use super::vectors::{self, Places, TIME};
use crate::event::time;
use crate::report::EventCounts;

/// The key of a time in CloudTrail's own records, and the number of its bytes before the letters that are searched for.
const KEY: &[u8; 11] = br#""eventTime""#;
const KEY_BEFORE_BYTES: usize = 7;

/// The places of the keys of times in a text.
#[derive(Debug, Default)]
pub(super) struct TimeKeys {
    /// The places of those that are followed by a time and a source as AWS writes them, in order.
    pub(super) usual: Vec<usize>,
    /// True if there are others.
    pub(super) has_others: bool,
}

/// The size up to which a look at each letter is cheaper than a finder.
const SHORT_BYTES: usize = 256;

/// The number of bytes before and after the probe that are examined.
const BEFORE_BYTES: usize = 40;
const AFTER_BYTES: usize = 160;

/// The largest number of backslashes before a quote that is recognised. A string in a string has one, then three,
/// seven, fifteen.
const BACKSLASHES_MAX: usize = 15;

/// Counts the events of a text, window by window.
#[derive(Debug, Default)]
pub(super) struct Counter {
    counts: EventCounts,
    /// The smallest and the largest time in the form that AWS writes, which has a fixed length.
    usual: Option<(Usual, Usual)>,
    /// The index up to which the window is processed.
    to: usize,
    /// The length of the window, if the text ends with it.
    last_bytes: Option<usize>,
    is_on: bool,
    /// The places of the keys in the window, if they are kept.
    keys: Option<TimeKeys>,
}

/// `2024-05-01T12:00:00Z`, as two numbers that compare in the same way as the letters.
type Usual = (u128, u32);

/// The number of letters in such a time.
const USUAL_BYTES: usize = 20;

impl Counter {
    /// Begins a window of `n_bytes` bytes that is processed up to `to`.
    pub(super) fn begin(&mut self, to: usize, n_bytes: usize, is_last: bool) {
        (self.to, self.is_on) = (to, true);
        self.last_bytes = is_last.then_some(n_bytes);
    }

    /// Keeps the places of the keys from now on, in this memory.
    pub(super) fn keep_keys(&mut self, memory: Option<TimeKeys>) {
        self.keys = memory.map(TimeKeys::emptied);
    }

    /// Returns the places of the keys, if they are kept.
    pub(super) fn take_keys(&mut self) -> Option<TimeKeys> {
        self.keys.take()
    }

    /// Processes the text that the search skipped, and the rest up to the text that the next window has, from `keep`
    /// on. Returns the index up to which the window is processed.
    pub(super) fn end(&mut self, text: &[u8], keep: usize) -> usize {
        let limit = self.limit(text);
        // What begins before the next window is visible in this one only.
        let to = match self.last_bytes {
            Some(_) => limit,
            None => keep.max((keep + BEFORE_BYTES).min(limit)),
        };
        self.pass(text, to);
        self.to
    }

    /// Returns the counts since the last call.
    pub(super) fn take(&mut self) -> EventCounts {
        if let Some((first, last)) = self.usual.take() {
            for (start, end) in [first, last] {
                let text = [&start.to_be_bytes()[..], &end.to_be_bytes()].concat();
                let text = std::str::from_utf8(&text).ok();
                if let Some(micros) = text.and_then(time::micros) {
                    self.counts.times.add(micros);
                }
            }
        }
        std::mem::take(&mut self.counts)
    }

    /// Processes text in which the probe was not searched for.
    pub(super) fn pass_over(&mut self, text: &[u8], to: usize) {
        self.pass(text, to.min(self.limit(text)));
    }

    fn pass(&mut self, text: &[u8], to: usize) {
        if !self.is_on || to <= self.to {
            return;
        }
        let from = self.to;
        let end = text.len().min(to + TIME.len() - 1);
        let part = &text[from..end];
        if part.len() <= SHORT_BYTES {
            for at in memchr_iter(TIME[1], part.get(1..).unwrap_or_default()) {
                if part[at..].starts_with(&TIME) {
                    self.mark(text, from + at);
                }
            }
        } else {
            static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(&TIME));
            for at in FINDER.find_iter(part) {
                self.mark(text, from + at);
            }
        }
        self.to = to;
    }

    /// Processes text up to `to`. `blocks` are all its blocks that contain the letters, in order, with their places.
    pub(super) fn add(&mut self, text: &[u8], blocks: &[(usize, Places)], to: usize) {
        if !self.is_on {
            return;
        }
        let todo = self.to..self.limit(text);
        for &(block, places) in blocks {
            for place in vectors::each(block, places) {
                if todo.contains(&place) {
                    self.mark(text, place);
                }
            }
        }
        self.to = self.to.max(to.min(todo.end));
    }

    /// Returns the index up to which a place can be decided. `text` is a part of the window that begins at its start.
    fn limit(&self, text: &[u8]) -> usize {
        match self.last_bytes {
            Some(n_bytes) if n_bytes == text.len() => n_bytes,
            _ => text.len().saturating_sub(AFTER_BYTES),
        }
    }

    /// Counts an event, if the probe is part of the key of an event's time.
    fn mark(&mut self, text: &[u8], at: usize) {
        let is_usual = self.count_usual(text, at);
        if let Some(keys) = &mut self.keys {
            keys.add(text, at, is_usual);
        }
        if !is_usual {
            self.count_any(text, at);
        }
    }

    /// Counts an event, if the letters are in the key of its time and everything around them is as AWS writes it.
    /// Returns true if it did.
    fn count_usual(&mut self, text: &[u8], at: usize) -> bool {
        const NEXT: &[u8; 16] = br#"","eventSource":"#;
        let seen = at.checked_sub(8).and_then(|start| text.get(start..));
        let Some(([before, seen @ ..], _)) = seen.and_then(<[u8]>::split_first_chunk::<50>) else {
            return false;
        };
        let (key, rest) = seen.split_at(KEY.len());
        let (colon, rest) = rest.split_at(2);
        let (value, next) = rest.split_at(USUAL_BYTES);
        let is_usual = *before != b'\\'
            && key.first_chunk() == Some(KEY)
            && colon == b":\""
            && next.first_chunk() == Some(NEXT)
            && value[..4].iter().all(u8::is_ascii_digit)
            && value.iter().all(|byte| *byte != b'\n')
            && is_usual_time(value);
        if is_usual {
            self.counts.native += 1;
            self.usual(value);
        }
        is_usual
    }

    /// Counts an event, if the letters are in the key of its time, in any of the supported forms.
    #[inline(never)]
    fn count_any(&mut self, text: &[u8], at: usize) {
        let before = &text[at.saturating_sub(BEFORE_BYTES)..at];
        let after = &text[at..text.len().min(at + AFTER_BYTES)];
        let ends_with = |key: &[u8]| before.ends_with(key);
        let (key, n_before, n_after) = if ends_with(b"eventT") || ends_with(b"eventt") {
            (Key::Native, 6, 3)
        } else if ends_with(b"event_t") {
            (Key::Native, 7, 3)
        } else if ends_with(b"@t") && after.starts_with(b"imestamp") {
            (Key::Ecs, 2, 8)
        } else if ends_with(b"\"t") {
            (Key::Ocsf, 1, 3)
        } else {
            return;
        };
        let Some(before) = before[..before.len() - n_before].strip_suffix(b"\"") else {
            return;
        };
        let n_backslashes = before.iter().rev().take_while(|b| **b == b'\\').count();
        if let Some((value, rest)) = value(&after[n_after..], n_backslashes)
            && !is_of_other_document(rest, n_backslashes)
        {
            self.count(key, n_backslashes, value);
        }
    }

    fn count(&mut self, key: Key, n_backslashes: usize, value: &[u8]) {
        let is_time = match key {
            Key::Native | Key::Ecs => {
                let year = value.get(..4).unwrap_or_default();
                !year.is_empty() && year.iter().all(u8::is_ascii_digit)
            }
            // Milliseconds, since 2001.
            Key::Ocsf => value.len() >= 12 && value.iter().all(u8::is_ascii_digit),
        };
        if !is_time {
            return;
        }
        let counts = &mut self.counts;
        *match (key, n_backslashes) {
            (Key::Native, 0) => &mut counts.native,
            (Key::Native, _) => &mut counts.quoted,
            (Key::Ecs, _) => &mut counts.ecs,
            (Key::Ocsf, _) => &mut counts.ocsf,
        } += 1;
        self.time(value);
    }

    /// Adds a time as it is written.
    pub(super) fn time(&mut self, value: &[u8]) {
        if is_usual_time(value) {
            return self.usual(value);
        }
        let text = std::str::from_utf8(value).ok();
        if let Some(micros) = text.and_then(time::micros) {
            self.counts.times.add(micros);
        }
    }

    /// Adds a time of the usual form. It is compared as text, which is cheaper than parsing each one.
    fn usual(&mut self, value: &[u8]) {
        let Some((start, end)) = value.split_first_chunk() else {
            return;
        };
        let end = end.first_chunk().copied().unwrap_or_default();
        let value = (u128::from_be_bytes(*start), u32::from_be_bytes(end));
        self.usual = Some(match self.usual {
            Some((first, last)) => (first.min(value), last.max(value)),
            None => (value, value),
        });
    }
}

impl TimeKeys {
    fn emptied(mut self) -> Self {
        self.usual.clear();
        self.has_others = false;
        self
    }

    fn add(&mut self, text: &[u8], at: usize, is_usual: bool) {
        let start = at.saturating_sub(KEY_BEFORE_BYTES);
        if is_usual {
            self.usual.push(start);
        } else {
            self.has_others |= text[start..].starts_with(KEY);
        }
    }
}

fn is_usual_time(value: &[u8]) -> bool {
    value.len() == USUAL_BYTES && value[10] == b'T' && value[19] == b'Z'
}

/// The schema that a key belongs to.
#[derive(Debug, Clone, Copy)]
enum Key {
    Native,
    Ecs,
    Ocsf,
}

/// Returns the text after a quote with this many backslashes, if the text begins with it.
fn after_quote(text: &[u8], n_backslashes: usize) -> Option<&[u8]> {
    let n = text.iter().take_while(|b| **b == b'\\').count();
    text[n..].strip_prefix(b"\"").filter(|_| n == n_backslashes)
}

/// Returns a string without its quotes, and the text after it. If its end is not visible, it extends to the end of
/// the text. A string with a newline is not returned, since a text may be divided there.
fn string(text: &[u8], n_backslashes: usize) -> Option<(&[u8], &[u8])> {
    let text = after_quote(text, n_backslashes)?;
    let is_end = |b: &u8| matches!(b, b'"' | b'\\');
    let (string, rest) = text.split_at(text.iter().position(is_end).unwrap_or(text.len()));
    (!string.contains(&b'\n')).then_some((string, rest))
}

/// Returns the value after a key and the text after that value. The closing quote of the key must come first. The
/// value is a string without its quotes, or a number; of an array, the first element.
fn value(rest: &[u8], n_backslashes: usize) -> Option<(&[u8], &[u8])> {
    if n_backslashes > BACKSLASHES_MAX {
        return None;
    }
    let rest = after_quote(rest, n_backslashes)?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    let rest = rest.trim_ascii_start();
    let rest = rest
        .strip_prefix(b"[")
        .map_or(rest, <[u8]>::trim_ascii_start);
    if let Some((value, rest)) = string(rest, n_backslashes) {
        let rest = after_quote(rest, n_backslashes)?;
        return Some((value, rest));
    }
    let n_digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    (n_digits > 0).then(|| rest.split_at(n_digits))
}

/// Returns true if the text after a time shows a document that is no event: an Insight event, or the notification of
/// another service.
fn is_of_other_document(rest: &[u8], n_backslashes: usize) -> bool {
    // As AWS writes records.
    if rest.starts_with(b",\"eventSource\":") {
        return false;
    }
    // The next member, as far as it is visible.
    let member = |rest| -> Option<_> {
        let rest = <[u8]>::trim_ascii_start(rest).strip_prefix(b",")?;
        let (key, rest) = string(rest.trim_ascii_start(), n_backslashes)?;
        let rest = after_quote(rest, n_backslashes)?.trim_ascii_start();
        let rest = rest.strip_prefix(b":")?.trim_ascii_start();
        let (value, rest) = string(rest, n_backslashes)?;
        Some((
            key,
            value,
            after_quote(rest, n_backslashes).unwrap_or_default(),
        ))
    };
    match member(rest) {
        // `ObjectCreated:Put`, `aws:kinesis:record`: no call in CloudTrail has a colon in its name.
        Some((b"eventName", name, _)) => name.contains(&b':'),
        Some((b"eventType", kind, _)) => kind == b"AwsCloudTrailInsight",
        // Only Insight events have them in this order.
        Some((b"awsRegion", _, rest)) => matches!(member(rest), Some((b"eventID", ..))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn counts(text: &str) -> EventCounts {
        let mut counter = Counter::default();
        counter.begin(0, text.len(), true);
        counter.end(text.as_bytes(), text.len());
        counter.take()
    }

    #[test]
    fn each_form_of_an_event_is_counted_by_the_key_of_its_time() {
        let native = counts(r#"{"eventTime":"2024-05-01T12:00:00Z"}{"eventTime" : "2024-05-02"}"#);
        assert_eq!((native.native, native.total()), (2, 2));
        assert_eq!(native.times.first(), Some(1_714_564_800_000_000));
        let quoted = counts(r#"{"message":"{\"eventTime\":\"2024-05-01T12:00:00Z\"}"}"#);
        assert_eq!((quoted.native, quoted.quoted), (0, 1));
        let ecs = counts(
            r#"{"@timestamp":"2024-05-01T12:00:00.000Z"}{"@timestamp":["2024-05-01T12:00:00Z"]}"#,
        );
        assert_eq!(ecs.ecs, 2);
        assert_eq!(counts(r#"{"time":1714564800000}"#).ocsf, 1);
        assert_eq!(counts(r#"{"eventtime":"2024-05-01 12:00:00"}"#).native, 1);
        for other in [
            r#"{"EventTime":"2024-05-01T12:00:00Z"}"#,
            r#"{"myeventTime":"2024-05-01T12:00:00Z"}"#,
            r#"{"eventTime":null}"#,
            r#""eventTime","2024-05-01T12:00:00Z""#,
            "{\"eventTime\":\"2024\n{-05-01T12:00:00Z\"}",
            "{ \"a\":1,\"eventTime\":\"2024\n{5-01T12:00:00Z\",\"eventSource\":\"iam.amazonaws.com\"}",
            r#"{"time":"now"}"#,
            r#"{"eventTime":"#,
            r#"{"eventTime":"2024-05-01T12:00:00.000Z","eventName":"ObjectCreated:Put"}"#,
            r#"{"eventTime" : "2024-05-01T12:00:00Z", "awsRegion" : "us-east-1", "eventID" : "a"}"#,
            r#"{\"eventTime\":\"2024-05-01T12:00:00Z\",\"eventType\":\"AwsCloudTrailInsight\"}"#,
        ] {
            assert_eq!(counts(other).total(), 0, "{other}");
        }
    }

    proptest! {
        /// The result does not depend on how the text is divided, nor on what the search itself skipped.
        #[test]
        fn windows_do_not_matter(
            records in proptest::collection::vec("[a-z ]{0,90}", 1..20),
            n_kept in proptest::collection::vec(1_usize..400, 1..30),
        ) {
            let text: String = records
                .iter()
                .map(|filler| format!(r#"{{"x":"{filler}","eventTime":"2024-05-01T12:00:00Z"}}"#) + "\n")
                .collect();
            let text = text.as_bytes();
            let mut counter = Counter::default();
            let (mut base, mut to) = (0, 0);
            for n in n_kept {
                let end = base + n + 256;
                if end >= text.len() {
                    break;
                }
                counter.begin(to - base, end - base, false);
                to = base + counter.end(&text[base..end], n);
                base += n;
            }
            counter.begin(to - base, text.len() - base, true);
            counter.end(&text[base..], text.len() - base);
            prop_assert_eq!(counter.take().native, records.len() as u64);
        }
    }
}
