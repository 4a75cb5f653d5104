//! Counts the events of a delivered log by the keys of their times, without a parse, and finds those that speak of the
//! log itself.
//!
//! In a record as AWS writes it, the service and the call follow the time. So one search for `"eventTime"` finds the
//! time, and what was called. Only calls that speak of the log itself are parsed. If a log has another form, such as
//! sorted keys, the names of these calls are searched for in its text.

use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;
use serde::de::IgnoredAny;

use super::cells::{HOUR, Hours};
use super::trail::{self, AfterTime, TrailEvent};
use crate::event::time;
use crate::scan::each_event;

const TIME: &[u8] = br#""eventTime""#;
const VERSION: &[u8] = br#""eventVersion""#;
/// A time as AWS writes it, with the colon and the quotes.
const VALUE_BYTES: usize = r#":"2026-03-01T05:32:31Z""#.len();
/// The part of such a value up to the hour, which is the same for many events.
const HOUR_BYTES: usize = r#":"2026-03-01T05:"#.len();
/// The number of bytes from the start of a key on that are looked at: its value, the service and the call.
const SEEN_BYTES: usize = 192;
/// The number of bytes of the text so far that are kept: a record begins at most so far before its time.
const KEPT_BYTES: usize = 16 * 1024;
/// The number of bytes in which a record ends, from its time on. AWS's largest events have 256 KiB.
const RECORD_BYTES: usize = 320 * 1024;
/// The number of pieces in which the end of a record is searched for. Pieces may be as small as somebody likes.
const PIECES_MAX: u8 = 16;
/// The number of opening brackets before a call that are tried as the beginning of its record.
const BRACKETS_MAX: usize = 64;

/// Counts the events of one log, which comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) hours: Hours,
    /// The events that speak of the log itself. Of one whose record is not whole, only the time and the call are known.
    pub(super) events: Vec<TrailEvent>,
    n_times: u64,
    /// True if a value is no time as AWS writes it.
    is_unusual: bool,
    /// True if other keys than AWS's follow a time.
    is_odd: bool,
    /// The end of the text so far, in which a key or a record may begin.
    tail: Vec<u8>,
    /// The number of bytes of it that were counted.
    n_counted: usize,
    /// A record at the end of the text so far.
    begun: Option<Begun>,
    /// The part of the last value up to the hour, and the hour's first second.
    last_hour: Option<([u8; HOUR_BYTES], i64)>,
}

/// A record that is not whole yet.
#[derive(Debug)]
struct Begun {
    text: Vec<u8>,
    call: Call,
    n_pieces: u8,
}

/// A place in a text where a call may be named that speaks of the log itself.
#[derive(Debug, Clone)]
struct Call {
    at: usize,
    /// The time and the name of the call, if it is one without doubt.
    known: Option<(String, &'static str)>,
}

impl Counter {
    /// Counts the events of a whole text by the places of the keys of their times.
    pub(super) fn add_whole(&mut self, text: &[u8], times: &[usize]) {
        let mut calls = Vec::new();
        for &at in times {
            self.key(text, at, &mut calls);
        }
        self.calls(text, 0..text.len(), calls, true);
    }

    /// Counts in the next bytes.
    pub(super) fn add(&mut self, text: &[u8]) {
        self.go_on(text);
        let mut from = 0;
        if !self.tail.is_empty() {
            let mut seam = std::mem::take(&mut self.tail);
            let n_tail = seam.len();
            seam.extend_from_slice(&text[..text.len().min(RECORD_BYTES)]);
            if text.len() <= RECORD_BYTES {
                return self.keep(&seam, self.n_counted);
            }
            from = KEPT_BYTES;
            self.count(&seam, self.n_counted..n_tail + from, true);
        }
        self.keep(text, from);
    }

    /// Counts what can be decided in a text, and keeps its end.
    fn keep(&mut self, text: &[u8], from: usize) {
        // Nearly every log ends with its piece, and no key goes on behind these brackets.
        if text.trim_ascii_end().ends_with(b"]}") {
            self.n_counted = 0;
            return self.count(text, from..text.len(), false);
        }
        let to = text.len().saturating_sub(SEEN_BYTES).max(from);
        self.count(text, from..to, false);
        let kept = to.saturating_sub(KEPT_BYTES);
        self.tail.extend_from_slice(&text[kept..]);
        self.n_counted = to - kept;
    }

    /// Counts to the end.
    pub(super) fn finish(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        self.count(&tail, self.n_counted..tail.len(), true);
        if let Some(begun) = self.begun.take() {
            self.take_call(&[], &begun.call);
        }
    }

    /// Returns true if the count would be wrong if the text ended here. `text` is all of it.
    pub(super) fn is_doubtful(&self, text: &[u8]) -> bool {
        static FIND_VERSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(VERSION));
        let mut rest = Self::default();
        rest.count(&self.tail, self.n_counted..self.tail.len(), true);
        let n_times = self.n_times + rest.n_times;
        let is_as_of_aws = n_times > 0 && !self.is_odd && !rest.is_odd;
        let n_versions = || FIND_VERSION.find_iter(text).count() as u64;
        self.is_unusual || rest.is_unusual || !is_as_of_aws && n_times != n_versions()
    }

    /// Counts the keys that begin in a part of the text. `is_end` is true if nothing more of a record at its end comes.
    fn count(&mut self, text: &[u8], part: Range<usize>, is_end: bool) {
        static FIND_TIME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(TIME));
        let mut calls: Vec<Call> = Vec::new();
        let keys = FIND_TIME.find_iter(&text[part.start..]);
        let keys = keys.map(|at| part.start + at);
        for at in keys.take_while(|at| *at < part.end) {
            self.key(text, at, &mut calls);
        }
        self.calls(text, part, calls, is_end);
    }

    /// Counts a key, and adds the call after it if that speaks of the log itself.
    fn key(&mut self, text: &[u8], at: usize, calls: &mut Vec<Call>) {
        self.n_times += 1;
        let after = &text[at + TIME.len()..];
        let Some((value, after)) = after.split_first_chunk::<VALUE_BYTES>() else {
            (self.is_unusual, self.is_odd) = (true, true);
            return;
        };
        match self.usual_time(value) {
            Some(seconds) => self.hours.add(seconds),
            None => self.is_unusual = true,
        }
        match trail::call_after_time(after) {
            AfterTime::Other => {}
            AfterTime::Call(name) => {
                let time = String::from_utf8_lossy(&value[2..VALUE_BYTES - 1]);
                let known = Some((time.into_owned(), name));
                calls.push(Call { at, known });
            }
            AfterTime::Odd => self.is_odd = true,
        }
    }

    /// Takes the calls that begin in a part of the text.
    fn calls(&mut self, text: &[u8], part: Range<usize>, mut calls: Vec<Call>, is_end: bool) {
        // The name of a call may be before the first time.
        if (self.is_odd || self.n_times == 0) && !part.is_empty() {
            calls = named_calls(text, &part);
        }
        let mut done = part.start;
        for call in calls {
            // Several words may be in one record.
            if call.at >= done {
                done = self.call(text, call, is_end);
            }
        }
    }

    /// Takes a call in a text. Returns the place after its record.
    fn call(&mut self, text: &[u8], call: Call, is_end: bool) -> usize {
        match record_at(text, call.at) {
            Record::Whole(record) => {
                self.take_call(&text[record.clone()], &call);
                record.end
            }
            Record::Cut(start) if !is_end => {
                self.begun = Some(Begun {
                    text: text[start..].to_vec(),
                    call: Call {
                        at: call.at - start,
                        ..call
                    },
                    n_pieces: 0,
                });
                text.len()
            }
            Record::Cut(_) | Record::Nothing => {
                self.take_call(&[], &call);
                call.at + 1
            }
        }
    }

    /// Goes on with the record at the end of the text so far.
    fn go_on(&mut self, text: &[u8]) {
        let Some(mut begun) = self.begun.take() else {
            return;
        };
        begun
            .text
            .extend_from_slice(&text[..text.len().min(RECORD_BYTES)]);
        begun.n_pieces += 1;
        match record_at(&begun.text, begun.call.at) {
            Record::Whole(record) => self.take_call(&begun.text[record], &begun.call),
            Record::Cut(_) if begun.text.len() < RECORD_BYTES && begun.n_pieces < PIECES_MAX => {
                self.begun = Some(begun);
            }
            _ => self.take_call(&[], &begun.call),
        }
    }

    /// Takes the record of a call.
    fn take_call(&mut self, record: &[u8], call: &Call) {
        let mut found = Vec::new();
        if !record.is_empty() {
            // What is no JSON is reported by those who look for something in it.
            each_event(record, &mut |event| found.extend(TrailEvent::of(event)));
        }
        if let (true, Some((time, name))) = (found.is_empty(), &call.known) {
            found.push(TrailEvent::cut(time, name));
        }
        // A record may be met by its time, and again by its name in the next piece.
        found.retain(|event| self.events.last() != Some(event));
        self.events.extend(found);
    }

    /// Reads `:"2026-03-01T05:32:31Z"`.
    fn usual_time(&mut self, value: &[u8; VALUE_BYTES]) -> Option<i64> {
        let (hour, rest) = value.split_first_chunk::<HOUR_BYTES>()?;
        let two = |tens: u8, ones: u8| {
            let [tens, ones] = [tens, ones].map(|digit| digit.wrapping_sub(b'0'));
            (tens < 6 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
        };
        if let (Some((last, first_second)), &[m1, m2, b':', s1, s2, b'Z', b'"']) =
            (&self.last_hour, rest)
            && last == hour
            && let (Some(minutes), Some(seconds)) = (two(m1, m2), two(s1, s2))
        {
            return Some(first_second + minutes * 60 + seconds);
        }
        let text = value.strip_prefix(b":\"")?.strip_suffix(b"\"")?;
        let is_usual = text.len() == 20 && text[10] == b'T' && text[19] == b'Z';
        let text = is_usual.then(|| std::str::from_utf8(text).ok())??;
        let seconds = time::micros(text)?.div_euclid(1_000_000);
        self.last_hour = Some((*hour, seconds.div_euclid(HOUR) * HOUR));
        Some(seconds)
    }
}

/// Returns the places where calls are named that speak of the log itself, or may be.
fn named_calls(text: &[u8], part: &Range<usize>) -> Vec<Call> {
    /// The beginnings of letters that are escaped.
    const ESCAPES: [&str; 4] = [r"\u004", r"\u005", r"\u006", r"\u007"];
    static FIND: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let words = trail::calls().chain(ESCAPES);
        AhoCorasick::new(words).expect("some names are far from the limits")
    });
    let places = FIND.find_iter(&text[part.start..]);
    let places = places.map(|found| part.start + found.start());
    let places = places.take_while(|at| *at < part.end);
    places.map(|at| Call { at, known: None }).collect()
}

/// A record around a place.
enum Record {
    Whole(Range<usize>),
    /// It begins here, and goes on after the text.
    Cut(usize),
    Nothing,
}

/// Returns the innermost object that contains a place.
fn record_at(text: &[u8], at: usize) -> Record {
    let before = &text[at.saturating_sub(KEPT_BYTES)..at];
    let first = at - before.len();
    let ends = text.len().min(at + RECORD_BYTES);
    for start in memchr::memrchr_iter(b'{', before).take(BRACKETS_MAX) {
        let start = first + start;
        let mut values = serde_json::Deserializer::from_slice(&text[start..ends]).into_iter();
        match values.next() {
            Some(Ok(IgnoredAny)) => {
                let end = start + values.byte_offset();
                if end > at {
                    return Record::Whole(start..end);
                }
            }
            Some(Err(error)) if error.is_eof() && ends == text.len() => return Record::Cut(start),
            _ => {}
        }
    }
    Record::Nothing
}

/// Counts the events of a whole log by a parse, and finds those that speak of the log itself. Returns `None` if it is no
/// JSON.
pub(super) fn parsed(text: &[u8]) -> Option<(Hours, Vec<TrailEvent>)> {
    let (mut hours, mut events) = (Hours::default(), Vec::new());
    let is_json = each_event(text, &mut |event| {
        if let Some(micros) = event.time_micros() {
            hours.add(micros.div_euclid(1_000_000));
        }
        events.extend(TrailEvent::of(event));
    });
    is_json.then_some((hours, events))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::scan::{Prefilter, Scanner, Window};

    /// A record in the form of AWS. Every seventh call speaks of the log itself.
    fn record(n: usize, minute: usize) -> String {
        let hour = minute / 60 % 24;
        let minute = minute % 60;
        let (service, call) = match n % 7 {
            1 => ("cloudtrail", "StopLogging"),
            2 => ("cloudtrail", "DescribeTrails"),
            3 => ("s3", "GetBucketAcl"),
            _ => ("ec2", "DescribeInstances"),
        };
        format!(
            r#"{{"eventVersion":"1.11","userIdentity":{{"userName":"alice"}},"eventTime":"2026-03-01T{hour:02}:{minute:02}:07Z","eventSource":"{service}.amazonaws.com","eventName":"{call}","awsRegion":"us-east-1","requestParameters":{{"name":"trail-{n}"}},"recipientAccountId":"111122223333"}}"#
        )
    }

    fn text_of(records: &[String]) -> String {
        format!(r#"{{"Records":[{}]}}"#, records.join(","))
    }

    /// Counts a whole text by the places of the keys that the scan finds, if it finds all.
    fn counted_whole(text: &[u8]) -> Option<(Hours, bool, Vec<TrailEvent>)> {
        let mut scanner = Scanner::new(Arc::new(Prefilter::nothing())).keeping_times(true);
        scanner.start_text(0);
        let window = Window {
            bytes: text,
            base: 0,
            is_last: true,
            likely_start: None,
        };
        scanner.scan(window, &mut |_| {});
        let times = scanner.times_of_whole()?;
        let mut counter = Counter::default();
        counter.add_whole(text, times);
        let is_doubtful = counter.is_doubtful(text);
        counter.finish();
        Some((counter.hours, is_doubtful, counter.events))
    }

    fn counted(pieces: &[&[u8]]) -> (Hours, bool, Vec<TrailEvent>) {
        let mut counter = Counter::default();
        pieces.iter().for_each(|piece| counter.add(piece));
        let is_doubtful = counter.is_doubtful(&pieces.concat());
        counter.finish();
        (counter.hours, is_doubtful, counter.events)
    }

    #[test]
    fn a_time_inside_a_request_and_one_of_another_form_are_doubtful() {
        let whole = text_of(&[record(1, 5)]);
        assert!(!counted(&[whole.as_bytes()]).1);
        let inner = whole.replace(
            r#""name":"trail-1""#,
            r#""eventTime":"2026-03-01T05:00:00Z""#,
        );
        assert!(counted(&[inner.as_bytes()]).1);
        assert_eq!(parsed(inner.as_bytes()).unwrap().0.n_events(), 1);
        for other in [":07.5Z", ":07+00:00", ":61Z", ":0xZ"] {
            let text = whole.replace(":07Z", other);
            assert!(counted(&[text.as_bytes()]).1, "{other}");
        }
    }

    #[test]
    fn keys_in_another_form_than_that_of_aws_are_told() {
        let whole = text_of(&[record(1, 5), record(2, 6)]);
        assert!(counted_whole(whole.as_bytes()).is_some());
        for (from, to) in [
            (r#","eventSource""#, r#", "eventSource""#),
            (r#""eventTime":""#, r#""eventTime": ""#),
            (":07Z", ":07.5Z"),
            (r#""name":"trail-1""#, r#""eventTime":12"#),
        ] {
            let other = whole.replacen(from, to, 1);
            assert_ne!(other, whole);
            assert!(counted_whole(other.as_bytes()).is_none(), "{other}");
        }
        // The time in a text inside a record is no key.
        let quoted = whole.replace("trail-1", r#"\"eventTime\":\"2026-03-01T05:00:00Z\""#);
        assert_eq!(
            counted_whole(quoted.as_bytes()),
            Some(counted(&[quoted.as_bytes()]))
        );
    }

    #[test]
    fn calls_are_found_in_other_forms_than_that_of_aws_too() {
        let records: Vec<String> = (0..20).map(|n| record(n, n * 50)).collect();
        let text = text_of(&records);
        let expected = parsed(text.as_bytes()).unwrap().1;
        assert_eq!(expected.len(), 3);
        assert_eq!(expected[0].target, "trail-1");
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let forms = [
            text.clone(),
            // Its keys are sorted.
            value.to_string(),
            serde_json::to_string_pretty(&value).unwrap(),
            text.replace("cloudtrail.", "\\u0063loudtrail."),
            text.replace("StopLogging", "Sto\\u0070Logging"),
        ];
        for form in forms {
            let (hours, is_doubtful, events) = counted(&[form.as_bytes()]);
            assert_eq!(events, expected, "{form}");
            assert!(is_doubtful || hours == parsed(text.as_bytes()).unwrap().0);
        }
        // A request that names such a call is none.
        let named = text_of(&[record(0, 1).replace("trail-0", "StopLogging")]);
        assert_eq!(counted(&[named.as_bytes()]).2, []);
    }

    #[test]
    fn a_call_whose_record_is_cut_off_is_told_by_its_time_and_name() {
        let text = text_of(&[record(0, 1), record(1, 5)]);
        let cut = &text.as_bytes()[..text.len() - 60];
        let (_, _, events) = counted(&[cut]);
        assert_eq!(
            events,
            [TrailEvent::cut("2026-03-01T00:05:07Z", "StopLogging")]
        );
        // Neither do a million tiny pieces take long.
        let long = text.replace("trail-1", &"x".repeat(100_000));
        let pieces: Vec<&[u8]> = long.as_bytes().chunks(3).collect();
        assert_eq!(counted(&pieces).2.len(), 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// However a text is divided, the count is that of a parse, and so are the calls.
        #[test]
        fn pieces_do_not_matter(
            minutes in prop::collection::vec(0_usize..1440, 0..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
            is_sorted in any::<bool>(),
        ) {
            let records: Vec<String> =
                minutes.iter().enumerate().map(|(n, minute)| record(n, *minute)).collect();
            let mut text = text_of(&records);
            if is_sorted {
                text = serde_json::from_str::<serde_json::Value>(&text).unwrap().to_string();
            }
            let text = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|two| &text[two[0]..two[1]]).collect();
            let (hours, is_doubtful, events) = counted(&pieces);
            prop_assert!(!is_doubtful);
            prop_assert_eq!(&hours, &parsed(text).unwrap().0);
            prop_assert_eq!(&events, &parsed(text).unwrap().1);
            let whole = counted_whole(text);
            prop_assert_eq!(whole.is_none(), is_sorted && !minutes.is_empty());
            if let Some(whole) = whole {
                prop_assert_eq!(whole, (hours, false, events));
            }
        }
    }
}
