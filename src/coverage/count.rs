//! Counts the events of a delivered log by the keys of their times, without a parse.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::cells::Hours;
use crate::event::time;
use crate::scan::each_event;

const TIME: &[u8] = br#""eventTime""#;
const VERSION: &[u8] = br#""eventVersion""#;
/// A time as AWS writes it, with the colon and the quotes.
const VALUE_BYTES: usize = r#":"2026-03-01T05:32:31Z""#.len();
/// The number of bytes from the start of a key to the end of its value.
const SEEN_BYTES: usize = TIME.len() + VALUE_BYTES;

/// Counts the events of one log, which comes in pieces.
#[derive(Debug, Default)]
pub(super) struct Counter {
    pub(super) hours: Hours,
    n_times: u64,
    n_versions: u64,
    /// True if a value is no time as AWS writes it.
    is_unusual: bool,
    /// The end of the text so far, in which a key may begin.
    tail: Vec<u8>,
}

impl Counter {
    /// Counts in the next bytes.
    pub(super) fn add(&mut self, text: &[u8]) {
        if !self.tail.is_empty() {
            let n_tail = self.tail.len();
            let mut seam = std::mem::take(&mut self.tail);
            let n_more = text.len().min(SEEN_BYTES);
            seam.extend_from_slice(&text[..n_more]);
            if n_more < SEEN_BYTES {
                // So little text that nothing ends in it.
                self.count(&seam, seam.len().saturating_sub(SEEN_BYTES));
                self.tail = seam.split_off(seam.len().saturating_sub(SEEN_BYTES));
                return;
            }
            self.count(&seam, n_tail);
        }
        let to = text.len().saturating_sub(SEEN_BYTES);
        self.count(text, to);
        self.tail = text[to..].to_vec();
    }

    /// Counts to the end.
    pub(super) fn finish(&mut self) {
        let tail = std::mem::take(&mut self.tail);
        self.count(&tail, tail.len());
    }

    /// Returns true if the count would be wrong if the text ended here.
    pub(super) fn is_doubtful(&self) -> bool {
        let mut tail = Self::default();
        tail.count(&self.tail, self.tail.len());
        let n_times = self.n_times + tail.n_times;
        self.is_unusual || tail.is_unusual || n_times != self.n_versions + tail.n_versions
    }

    /// Counts the keys that begin before `to`.
    fn count(&mut self, text: &[u8], to: usize) {
        static FIND_TIME: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(TIME));
        static FIND_VERSION: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(VERSION));
        for at in FIND_TIME.find_iter(text).take_while(|at| *at < to) {
            self.n_times += 1;
            let after = &text[at + TIME.len()..];
            match usual_time(&after[..after.len().min(VALUE_BYTES)]) {
                Some(seconds) => self.hours.add(seconds),
                None => self.is_unusual = true,
            }
        }
        let versions = FIND_VERSION.find_iter(text).take_while(|at| *at < to);
        self.n_versions += versions.count() as u64;
    }
}

/// Reads `:"2026-03-01T05:32:31Z"`.
fn usual_time(value: &[u8]) -> Option<i64> {
    let value = value.strip_prefix(b":\"")?.strip_suffix(b"\"")?;
    let is_usual = value.len() == 20 && value[10] == b'T' && value[19] == b'Z';
    let text = is_usual.then(|| std::str::from_utf8(value).ok())??;
    time::micros(text).map(|micros| micros.div_euclid(1_000_000))
}

/// Counts the events of a whole log by a parse. Returns `None` if it is no JSON.
pub(super) fn parsed(text: &[u8]) -> Option<Hours> {
    let mut hours = Hours::default();
    let is_json = each_event(text, &mut |event| {
        if let Some(micros) = event.time_micros() {
            hours.add(micros.div_euclid(1_000_000));
        }
    });
    is_json.then_some(hours)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record(n: usize, minute: usize) -> String {
        let hour = minute / 60 % 24;
        let minute = minute % 60;
        format!(
            r#"{{"eventVersion":"1.11","eventTime":"2026-03-01T{hour:02}:{minute:02}:07Z","eventName":"{n}"}}"#
        )
    }

    fn counted(pieces: &[&[u8]]) -> (Hours, bool) {
        let mut counter = Counter::default();
        pieces.iter().for_each(|piece| counter.add(piece));
        let is_doubtful = counter.is_doubtful();
        counter.finish();
        (counter.hours, is_doubtful)
    }

    #[test]
    fn a_time_inside_a_request_and_one_of_another_form_are_doubtful() {
        let whole = format!(r#"{{"Records":[{}]}}"#, record(1, 5));
        assert!(!counted(&[whole.as_bytes()]).1);
        let inner = whole.replace(
            r#""1"}"#,
            r#""1","requestParameters":{"eventTime":"2026-03-01T05:00:00Z"}}"#,
        );
        assert!(counted(&[inner.as_bytes()]).1);
        assert_eq!(parsed(inner.as_bytes()).unwrap().n_events(), 1);
        let fraction = whole.replace(":07Z", ":07.5Z");
        assert!(counted(&[fraction.as_bytes()]).1);
        assert_eq!(parsed(fraction.as_bytes()).unwrap().n_events(), 1);
    }

    proptest! {
        /// However a text is divided, the count is that of a parse.
        #[test]
        fn pieces_do_not_matter(
            minutes in prop::collection::vec(0_usize..1440, 0..40),
            cuts in prop::collection::vec(0_usize..4000, 0..40),
        ) {
            let records: Vec<String> =
                minutes.iter().enumerate().map(|(n, minute)| record(n, *minute)).collect();
            let text = format!(r#"{{"Records":[{}]}}"#, records.join(","));
            let text = text.as_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|two| &text[two[0]..two[1]]).collect();
            let (hours, is_doubtful) = counted(&pieces);
            prop_assert!(!is_doubtful);
            prop_assert_eq!(hours, parsed(text).unwrap());
        }
    }
}
