//! A window of the text, and what its bytes tell without a walk.

use std::ops::Range;

use memchr::{memchr_iter, memmem, memrchr};

/// A window of the text: its bytes and where they lie.
#[derive(Debug, Clone, Copy)]
pub struct Window<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The offset of the first byte, from the start of the text.
    pub base: u64,
    /// Whether the text ends with this window.
    pub is_last: bool,
}

impl<'a> Window<'a> {
    pub(crate) fn end(&self) -> u64 {
        self.base + self.bytes.len() as u64
    }

    /// The index into the window of an offset that lies in it.
    pub(crate) fn at(&self, offset: u64) -> usize {
        usize::try_from(offset - self.base).expect("a window fits into memory")
    }

    pub(crate) fn slice(&self, start: u64, end: u64) -> &'a [u8] {
        &self.bytes[self.at(start)..self.at(end)]
    }
}

/// Whether JSON lets this byte stand between any two tokens.
pub(super) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a line that begins with these bytes is an anchor as far as it tells itself.
fn opens(line: &[u8]) -> bool {
    let first = line.iter().find(|b| !matches!(b, b' ' | b'\t' | b'\r'));
    matches!(first, Some(b'{' | b'['))
}

/// Whether a bracket after this byte lies inside a value.
pub(super) fn continues(before: u8) -> bool {
    matches!(before, b'[' | b',' | b':' | b'{')
}

/// The last byte that is no blank.
#[must_use]
pub fn last_byte(bytes: &[u8]) -> Option<u8> {
    bytes.iter().rev().find(|b| !is_blank(**b)).copied()
}

/// Between two documents that stand back to back, and nowhere else in valid JSON: see [`is_joint`].
const JOINT: &[u8] = b"}{\"";

/// Whether a document begins with the bracket at `at`, right behind another one: `}{"` and then what cannot
/// follow the end of a string.
///
/// Outside of strings no value has `}{`. Inside of one, the quote ends the string (were it a part of it, a
/// backslash would stand before it), and then a comma, a colon, a bracket or a blank follows.
pub(super) fn is_joint(bytes: &[u8], at: usize) -> bool {
    let round = at.checked_sub(1).and_then(|from| bytes.get(from..at + 3));
    matches!(round, Some([b'}', b'{', b'"', after]) if !ends_string(*after))
}

/// Whether this may stand behind the quote that ends a string.
fn ends_string(after: u8) -> bool {
    matches!(after, b',' | b':' | b']' | b'}') || is_blank(after)
}

/// The joints in `bytes`, in order: where their second documents begin.
fn joints(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let places = memmem::find_iter(bytes, JOINT).map(|at| at + 1);
    places.filter(|&at| is_joint(bytes, at))
}

/// The first joint in `bytes`.
pub(super) fn first_joint(bytes: &[u8]) -> Option<usize> {
    joints(bytes).next()
}

/// The last anchor in `bytes[..end]` that is not at its very start.
pub(super) fn last_anchor(bytes: &[u8], end: usize) -> Option<usize> {
    let mut from = end;
    let line = loop {
        match memrchr(b'\n', &bytes[..from]) {
            None => break None,
            Some(newline) => {
                let is_first = opens(&bytes[newline + 1..]);
                if is_first && !last_byte(&bytes[..newline]).is_some_and(continues) {
                    break Some(newline + 1);
                }
                from = newline;
            }
        }
    };
    let behind = line.unwrap_or(0);
    // What stands right behind a joint is seen too, so that what `end` is does not matter.
    let tail = &bytes[behind..bytes.len().min(end + 2)];
    let joint = joints(tail)
        .map(|at| behind + at)
        .take_while(|&at| at < end)
        .last();
    joint.or(line)
}

/// The first and the last anchor in `bytes`, equal if it is one. Documents stand between them that can be
/// scanned without the text round them.
///
/// `last_before` is the last byte before `bytes` that is no blank. An anchor at the very start, or one that
/// shows its bracket only after the end, is not seen: any anchor does to divide a text.
#[must_use]
pub fn anchors(bytes: &[u8], last_before: Option<u8>) -> Option<Range<usize>> {
    let is_anchor = |&newline: &usize| {
        let before = last_byte(&bytes[..newline]).or(last_before);
        opens(&bytes[newline + 1..]) && !before.is_some_and(continues)
    };
    let line = memchr_iter(b'\n', bytes)
        .find(is_anchor)
        .map(|newline| newline + 1);
    let before_line = &bytes[..line.unwrap_or(bytes.len())];
    let first = first_joint(before_line).or(line)?;
    let last = last_anchor(&bytes[first..], bytes.len() - first).map_or(first, |at| first + at);
    Some(first..last)
}

/// How much of a text a message shows.
pub(super) const EXCERPT_CHARS: usize = 80;

/// The bytes round `at` that a needle may consist of, `reach` to each side at most.
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
    at - n_before..at + n_after
}

/// The first characters of a text, fit for a message.
pub(super) fn excerpt(text: &[u8]) -> String {
    let some = &text[..text.len().min(4 * EXCERPT_CHARS)];
    let shown: String = String::from_utf8_lossy(some)
        .chars()
        .take(EXCERPT_CHARS)
        .collect();
    shown.escape_debug().to_string()
}
