//! A window of the text, and what its bytes show without a walk.

use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use memchr::{memchr, memchr_iter, memrchr_iter};

use crate::steps;

/// A window of the text: its bytes and their position.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The offset of the first byte, from the start of the text.
    pub base: u64,
    /// True if the text ends with this window.
    pub is_last: bool,
    /// The index of a byte where a document probably begins, such as the first byte of a frame. It is checked before
    /// a search for such a byte.
    pub likely_start: Option<usize>,
}

impl<'a> Window<'a> {
    pub(crate) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// Returns the index in the window of an offset that is inside it.
    pub(crate) fn at(&self, offset: u64) -> usize {
        usize::try_from(offset - self.base).expect("a window fits into memory")
    }

    pub(crate) fn slice(&self, start: u64, end: u64) -> &'a [u8] {
        &self.bytes[self.at(start)..self.at(end)]
    }
}

/// Returns true if JSON allows this byte between any two tokens.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Returns true if the line that begins with these bytes may be an anchor, by these bytes alone.
fn opens(line: &[u8]) -> bool {
    let first = (line.iter()).position(|b| !matches!(b, b' ' | b'\t' | b'\r'));
    steps::take(first.unwrap_or(line.len()));
    matches!(first.map(|at| line[at]), Some(b'{' | b'['))
}

/// Returns true if a bracket after this byte is inside a value.
pub(super) fn continues(before: u8) -> bool {
    matches!(before, b'[' | b',' | b':' | b'{')
}

/// Returns the last byte that is not blank.
pub(super) fn last_byte(bytes: &[u8]) -> Option<u8> {
    let last = bytes.iter().rposition(|b| !is_blank(*b));
    steps::take(bytes.len() - last.unwrap_or(0));
    last.map(|at| bytes[at])
}

/// Occurs between two documents without a separator, and nowhere else in valid JSON: see [`is_joint`].
const JOINT: &[u8] = b"}{\"";

/// Returns true if a document begins with the bracket at `at`, directly after another document: `}{"` and then a byte
/// that cannot follow the end of a string.
///
/// Outside strings no value contains `}{`. Inside a string the quote would end the string (if it belonged to the
/// content, a backslash would precede it), and then a comma, a colon, a bracket or a blank would follow.
pub(super) fn is_joint(bytes: &[u8], at: usize) -> bool {
    let round = at.checked_sub(1).and_then(|from| bytes.get(from..at + 3));
    matches!(round, Some([b'}', b'{', b'"', after]) if !ends_string(*after))
}

/// Returns true if this byte may follow the quote that ends a string.
fn ends_string(after: u8) -> bool {
    matches!(after, b',' | b':' | b']' | b'}') || is_blank(after)
}

/// Returns the joints in `bytes`, in order: the start of the second document of each.
fn joints(bytes: &[u8]) -> impl Iterator<Item = usize> {
    static FINDER: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(JOINT));
    steps::take(bytes.len());
    let places = FINDER.find_iter(bytes).map(|at| at + 1);
    places.filter(|&at| is_joint(bytes, at))
}

/// Returns the last anchor in `bytes[..end]` that is not at its very start.
pub(super) fn last_anchor(bytes: &[u8], end: usize) -> Option<usize> {
    // In stretches that double in size. Usually the first one has an anchor, and joints are searched for forward,
    // which is many times faster than backward.
    let (mut to, mut n_bytes) = (end, LAST_STRETCH_BYTES);
    loop {
        let from = to.saturating_sub(n_bytes);
        // The bytes directly after a joint are included, so that the result does not depend on `end`.
        let stretch = &bytes[from..bytes.len().min(to + JOINT.len())];
        let joints = joints(stretch).map(|at| from + at);
        let joint = joints.take_while(|&at| at <= to && at < end).last();
        let last = last_line(bytes, from..to).max(joint);
        if last.is_some() || from == 0 {
            return last;
        }
        (to, n_bytes) = (from, n_bytes * 2);
    }
}

/// Returns true if there is an anchor at `at`, as far as the bytes themselves show.
pub(super) fn is_anchor(bytes: &[u8], at: usize) -> bool {
    is_joint(bytes, at) || bytes[..at].ends_with(b"\n") && is_anchor_line(bytes, at)
}

/// Returns true if the line that begins at `line` is an anchor, by the bytes before it in `bytes`.
pub(super) fn is_anchor_line(bytes: &[u8], line: usize) -> bool {
    opens(&bytes[line..]) && !last_byte(&bytes[..line]).is_some_and(continues)
}

/// Returns the last line that is an anchor and begins after a newline in this range of `bytes`.
fn last_line(bytes: &[u8], newlines: Range<usize>) -> Option<usize> {
    let from = newlines.start;
    steps::take(newlines.len());
    let mut lines = memrchr_iter(b'\n', &bytes[newlines]).map(|newline| from + newline + 1);
    lines.find(|&line| is_anchor_line(bytes, line))
}

/// The size of the first stretch that is searched for the last anchor.
const LAST_STRETCH_BYTES: usize = 16 * 1024;

/// What the beginning of a text shows.
#[derive(Debug)]
pub(super) enum Found<T> {
    Some(T),
    Nothing,
    /// More of the text is needed.
    Undecided,
}

/// The bytes before a part of a text.
#[derive(Debug, Clone, Copy, Default)]
pub struct Before {
    /// The last byte; `None` at the start of the text.
    last: Option<u8>,
    /// The last byte that is not blank.
    last_significant: Option<u8>,
}

impl Before {
    /// Nothing is known about it: an anchor counts only if the text itself shows it.
    pub const UNKNOWN: Self = Self {
        last: Some(b','),
        last_significant: Some(b','),
    };

    /// Returns the bytes before the text that follows a part. `self` is before that part, and `part` describes its
    /// end.
    #[must_use]
    pub fn then(self, part: Self) -> Self {
        Self {
            last: part.last.or(self.last),
            last_significant: part.last_significant.or(self.last_significant),
        }
    }

    /// Returns the bytes before the text that follows `bytes`, if `self` is before `bytes`.
    #[must_use]
    pub fn and(self, bytes: &[u8]) -> Self {
        self.then(Self {
            last: bytes.last().copied(),
            last_significant: last_byte(bytes),
        })
    }
}

/// Returns the first and the last anchor in `bytes`, which are equal if there is only one. The documents between them
/// can be scanned without the text around them.
///
/// An anchor that only the text after `bytes` can show is not found. This does not matter, since any anchor can
/// divide a text.
#[must_use]
pub fn anchors(bytes: &[u8], before: Before) -> Option<Range<usize>> {
    let first = first_anchor(bytes, before)?;
    let last = last_anchor(&bytes[first..], bytes.len() - first).map_or(first, |at| first + at);
    Some(first..last)
}

/// Returns the first anchor in `bytes`: a document begins there, given the text `before`.
#[must_use]
pub fn first_anchor(bytes: &[u8], before: Before) -> Option<usize> {
    let is_value = |last: Option<u8>| last.is_some_and(continues);
    let is_first_joint = || {
        let start = &bytes[..bytes.len().min(3)];
        before.last == Some(b'}') && is_joint(&[b"}", start].concat(), 1)
    };
    let is_at_start = match before.last {
        None => true,
        Some(b'\n') => opens(bytes) && !is_value(before.last_significant),
        Some(_) => is_first_joint(),
    };
    if is_at_start {
        return Some(0);
    }
    // The text before a line is examined last. This passes blanks only, and once a line opens, the blanks before it
    // are not passed again.
    let is_anchor = |&newline: &usize| {
        let significant = || last_byte(&bytes[..newline]).or(before.last_significant);
        opens(&bytes[newline + 1..]) && !is_value(significant())
    };
    let newline = memchr_iter(b'\n', bytes).find(is_anchor);
    let line = newline.map(|newline| newline + 1);
    steps::take(line.unwrap_or(bytes.len()));
    let before_line = &bytes[..line.unwrap_or(bytes.len())];
    joints(before_line).next().or(line)
}

/// The longest line that is judged by itself. If such a line proves not to be a record, it was parsed in vain and is
/// then walked.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Returns the line that continues at `start`, and whether it ends there. If the line is longer than
/// [`LINE_BYTES_MAX`], only its beginning is returned.
pub(super) fn line_at(window: Window<'_>, start: usize) -> (Range<usize>, bool) {
    let rest = &window.bytes[start..];
    let near = &rest[..rest.len().min(LINE_BYTES_MAX)];
    let end = memchr(b'\n', near);
    steps::take(end.unwrap_or(near.len()));
    let is_last = window.is_last && near.len() == rest.len();
    let line = start..start + end.unwrap_or(near.len());
    (line, end.is_some() || is_last)
}

/// The number of characters of a text that a message shows.
pub(super) const EXCERPT_CHARS: usize = 80;

/// Returns the range of bytes around `at` that may belong to a needle, at most `reach` on each side.
pub(super) fn word_around(bytes: &[u8], at: usize, reach: usize) -> Range<usize> {
    let is_in_word = |b: &&u8| b.is_ascii_alphanumeric() || **b == b'\\';
    let (before, after) = bytes.split_at(at);
    let n_before = before
        .iter()
        .rev()
        .take(reach)
        .take_while(is_in_word)
        .count();
    let n_after = after.iter().take(reach).take_while(is_in_word).count();
    steps::take(n_before + n_after);
    at - n_before..at + n_after
}

/// Returns the first characters of a text, escaped for a message.
pub(super) fn excerpt(text: &[u8]) -> String {
    let some = &text[..text.len().min(4 * EXCERPT_CHARS)];
    let shown: String = String::from_utf8_lossy(some)
        .chars()
        .take(EXCERPT_CHARS)
        .collect();
    shown.escape_debug().to_string()
}
