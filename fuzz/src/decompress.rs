//! Stored bytes that are one log: as a slice and as a stream of any steps, under any limit, the same text and
//! the same kinds of defects.
//!
//! Archives, and what is coded again, are not looked into: see `archive`. Of a block that a fault is in one way may
//! give more text than another, since how much of it was decoded before the fault showed depends on how much was
//! asked for: behind a fault one text need only begin as the other.
//!
//! What is at hand is decoded whole, and that is laxer than a stream's way: libdeflate reads two symbols that RFC
//! 1951 (3.2.6) does not allow as the longest match, and zstd a block that is larger than its window, which RFC 8878
//! (3.1.1.2.4) does not allow. Such a log is damaged one way alone.

use trailsift::input::archive::{Entry, Opened};
use trailsift::input::decompress::{Filled, Limit};
use trailsift::input::{Codecs, Stored};
use trailsift::report::Code;

use super::numbers;
use super::trickle::trickle;

/// The most text that is looked at: four bytes of zstd can be 128 KiB of text, which says no more than less does.
const TEXT_BYTES_MAX: usize = 256 * 1024;

/// What came out of one log.
#[derive(Debug, PartialEq)]
struct Read {
    /// The text, divided where there was a fault.
    texts: Vec<Vec<u8>>,
    codes: Vec<Code>,
}

impl Read {
    fn is_refused(&self) -> bool {
        self.codes.contains(&Code::CorruptStream)
    }
}

/// Whether this is gzip or zstd.
fn has_lax_way(data: &[u8]) -> bool {
    data.starts_with(b"\x1f\x8b") || data.starts_with(b"\x28\xb5\x2f\xfd")
}

/// Asserts that what is stored gives one text, however it is read.
pub fn decompress(data: &[u8]) {
    let Some(whole) = read(Stored::Slice(data), 1 << 20) else {
        return;
    };
    let mut numbers = numbers(data);
    let mut some = |most: usize| 1 + numbers.next().map_or(0, |number| number % most);
    let (limit, step) = (some(2000), some(64));
    for (name, stored, limit) in [
        ("slice", Stored::Slice(data), limit),
        ("stream", trickle(data, 1), 1 << 20),
        ("stream", trickle(data, step), limit),
        ("stream", trickle(data, 4096), 1 << 20),
    ] {
        let way = format!("{name}, limit {limit}, steps of {step}");
        let Some(read) = read(stored, limit) else {
            continue;
        };
        let is_lax = has_lax_way(data) && whole.codes.is_empty();
        if !(is_lax && read.is_refused()) {
            compare(&whole, &read, &way);
        }
    }
}

/// Whether something stands behind a text that is opened by itself where all bytes are at hand, and told where not.
fn has_other_behind(read: &Read) -> bool {
    let codes = [Code::Appended, Code::UnknownContent, Code::TrailingBytes];
    codes.iter().any(|code| read.codes.contains(code))
}

fn compare(whole: &Read, read: &Read, way: &str) {
    if has_other_behind(whole) || has_other_behind(read) {
        let is_beginning = whole.texts[0].starts_with(&read.texts[0])
            || read.texts[0].starts_with(&whole.texts[0]);
        assert!(is_beginning, "text before what is behind it: {way}");
        return;
    }
    assert_eq!(whole.codes, read.codes, "defects: {way}");
    assert_eq!(whole.texts.len(), read.texts.len(), "faults: {way}");
    for (text, other) in whole.texts.iter().zip(&read.texts) {
        let is_beginning = text.starts_with(other) || other.starts_with(text);
        assert!(is_beginning, "text: {way}");
    }
    assert!(!whole.codes.is_empty() || whole == read, "text: {way}");
}

/// Reads what is stored in steps of `limit`. Nothing if it is no log, or has too much text.
fn read(stored: Stored<'_>, limit: usize) -> Option<Read> {
    let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
    let entry = Entry::source(stored, std::sync::Arc::default());
    let opened = entry.open(&mut codecs, &mut defects);
    let Opened::Text(mut text) = opened.expect("memory gives no error") else {
        return None;
    };
    let (mut texts, mut buffer) = (vec![Vec::new()], Vec::new());
    let mut n_bytes = 0;
    loop {
        buffer.clear();
        let filled = text.fill(&mut buffer, Limit::at(limit), &mut codecs, &mut defects);
        n_bytes += buffer.len();
        if n_bytes > TEXT_BYTES_MAX {
            return None;
        }
        texts.last_mut()?.extend_from_slice(&buffer);
        match filled {
            Filled::More => {}
            Filled::Nested => return None,
            Filled::Gap => texts.push(Vec::new()),
            Filled::End | Filled::Trailing => break,
            Filled::PartEnd => panic!("no part was cut off"),
        }
    }
    let codes = defects.into_iter().map(|defect| defect.code).collect();
    Some(Read { texts, codes })
}
