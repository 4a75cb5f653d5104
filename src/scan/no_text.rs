//! Finds data that is not text, and zeros where text was, window by window.
//!
//! In: the windows of a text, and where the first control character of each is. Out: the first place where data begins
//! that is not text, and the first hole of zeros before it. Both depend on the text alone. A place is judged by the
//! text behind it, up to where a document begins: a text is divided among scanners there. If a window ends earlier, the
//! text is kept until the next one.

use super::window::{Before, Window, first_anchor, last_byte};
use crate::binary::{self, HOLE_LEAST, LOOK_BYTES};

/// The number of bytes after a control character that are examined at most, to see where a document begins.
const NEAR_BYTES: usize = 2 * LOOK_BYTES;

/// The search through one text.
#[derive(Debug, Default)]
pub(super) struct NoText {
    /// The offset up to which it is decided where data begins.
    decided_to: u64,
    /// The text from there on, if a window ended before it could be decided.
    held: Vec<u8>,
    /// A byte whose run is passed.
    passed: Option<u8>,
    /// The offset up to which holes were searched for.
    zeros_to: u64,
    /// Zeros that continue in the next window.
    zeros: Option<Zeros>,
    /// The last byte before the next window that is no blank.
    last: Option<u8>,
    /// True if it is a file of attributes, which nobody wants to hear about.
    is_let_off: bool,
    /// The start of the data, once it is found.
    data: Option<u64>,
    /// The first hole.
    hole: Option<u64>,
    is_hole_told: bool,
}

/// A run of zeros.
#[derive(Debug, Clone, Copy)]
struct Zeros {
    start: u64,
    n_zeros: usize,
    /// The last byte before them that is no blank.
    before: Option<u8>,
}

/// What a window shows.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// The start of data that is not text.
    pub(super) data: Option<u64>,
    /// The start of a hole.
    pub(super) hole: Option<u64>,
}

impl NoText {
    pub(super) fn starting_at(offset: u64) -> Self {
        Self {
            decided_to: offset,
            zeros_to: offset,
            ..Self::default()
        }
    }

    /// Searches a window. `control` is the offset of its first control character, or of text that may contain one;
    /// `None` if there is none, as far as the window was searched.
    pub(super) fn search(&mut self, window: Window<'_>, control: Option<u64>) -> Shown {
        let is_open = !self.held.is_empty() || self.zeros.is_some() || self.hole.is_some();
        if control.is_none() && !is_open || self.is_let_off || self.data.is_some() {
            return Shown::default();
        }
        self.is_let_off |= window.base == 0 && binary::is_of_attributes(window.bytes);
        if self.is_let_off {
            return Shown::default();
        }
        let control = control.map(|control| control.max(window.base));
        self.data = self.find_data(window, control);
        if self.hole.is_none() && !self.is_hole_told {
            self.hole = self.find_hole(window, control);
        }
        let is_before = |hole: &u64| *hole < self.data.unwrap_or(self.decided_to) || window.is_last;
        let hole = self.hole.take_if(|hole| is_before(hole));
        self.is_hole_told |= hole.is_some();
        Shown {
            data: self.data,
            hole: hole.filter(|hole| self.data.is_none_or(|data| *hole < data)),
        }
    }

    /// Notes that the next window begins at `keep`.
    pub(super) fn end(&mut self, window: Window<'_>, keep: u64) {
        self.last = last_byte(&window.bytes[..window.at(keep)]).or(self.last);
    }

    fn find_data(&mut self, window: Window<'_>, control: Option<u64>) -> Option<u64> {
        if !self.held.is_empty() {
            let n_held = self.held.len();
            let end = self.decided_to + n_held as u64;
            let more = &window.bytes[window.at(end.max(window.base))..];
            let n_more = more.len().min(NEAR_BYTES);
            let mut text = std::mem::take(&mut self.held);
            text.extend_from_slice(&more[..n_more]);
            let is_all = n_more == more.len();
            if let Some(found) = self.look(&text, n_held, window.is_last && is_all) {
                return Some(found);
            }
            if !self.held.is_empty() {
                return None;
            }
        }
        let from = control?.max(self.decided_to);
        if from > self.decided_to {
            self.passed = None;
        }
        self.decided_to = from;
        let text = &window.bytes[window.at(from)..];
        self.look(text, text.len(), window.is_last)
    }

    /// Looks for data that begins in the first `n` bytes of the text, which begins where all before is decided.
    fn look(&mut self, text: &[u8], n: usize, is_last: bool) -> Option<u64> {
        let base = self.decided_to;
        let of_run = |from: usize, byte| text[from..].iter().take_while(|b| **b == byte).count();
        let mut from = self.passed.take().map_or(0, |byte| of_run(0, byte));
        if from > 0 && from >= n {
            self.passed = Some(text[0]);
        }
        while let Some(control) = text.get(from..n).and_then(binary::find_control) {
            let at = from + control;
            self.decided_to = base + at as u64;
            // A text may have a hole in every third byte.
            if !binary::is_hole(&text[at..]) {
                let Some(near) = near(&text[at..], is_last) else {
                    self.held = text[at..].to_vec();
                    return None;
                };
                if binary::is_data(near) {
                    return Some(self.decided_to);
                }
            }
            let byte = text[at];
            from = at + of_run(at, byte);
            if from >= n {
                self.passed = Some(byte);
            }
        }
        self.decided_to = base + n as u64;
        None
    }

    /// Finds a run of zeros inside a document, or beside a row, which means that data was lost. Between two documents, and
    /// after the last one, nothing need be missing, as in a log that was emptied while it was written. Blanks among zeros
    /// do not count: lines may have been lost between line ends.
    fn find_hole(&mut self, window: Window<'_>, control: Option<u64>) -> Option<u64> {
        let bytes = window.bytes;
        let mut at = match &self.zeros {
            Some(_) => window.at(self.zeros_to.max(window.base)),
            None => window.at(control?.max(self.zeros_to)),
        };
        self.zeros_to = window.end();
        loop {
            let mut zeros = match self.zeros.take() {
                Some(zeros) => zeros,
                None => {
                    at += memchr::memchr(0, bytes.get(at..)?)?;
                    Zeros {
                        start: window.base + at as u64,
                        n_zeros: 0,
                        before: last_byte(&bytes[..at]).or(self.last),
                    }
                }
            };
            let is_of_hole = |b: &&u8| **b == 0 || b.is_ascii_whitespace();
            let run = &bytes[at..];
            let run = &run[..run.iter().take_while(is_of_hole).count()];
            zeros.n_zeros += memchr::memchr_iter(0, run).count();
            at += run.len();
            match bytes.get(at) {
                Some(after) if zeros.are_hole_before(*after) => return Some(zeros.start),
                Some(_) => {}
                None if !window.is_last => {
                    self.zeros = Some(zeros);
                    return None;
                }
                // Where the text is divided, a document begins behind it.
                None => return zeros.are_hole_before(b'{').then_some(zeros.start),
            }
        }
    }
}

impl Zeros {
    fn are_hole_before(self, after: u8) -> bool {
        let is_outside =
            self.before.is_none_or(|b| matches!(b, b'}' | b']')) && matches!(after, b'{' | b'[');
        self.n_zeros >= HOLE_LEAST && !is_outside
    }
}

/// Returns the beginning of a text by which its first byte is judged: up to where a document begins. `None` if more of
/// the text is needed.
fn near(text: &[u8], is_last: bool) -> Option<&[u8]> {
    let seen = &text[..text.len().min(NEAR_BYTES)];
    let anchor = first_anchor(seen, Before::UNKNOWN).filter(|at| *at <= LOOK_BYTES);
    let is_enough = anchor.is_some() || seen.len() == NEAR_BYTES || is_last;
    let n_bytes = anchor.unwrap_or(seen.len().min(LOOK_BYTES));
    is_enough.then(|| seen[..n_bytes].trim_ascii_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a text in windows of this size, which overlap by as much.
    fn told(text: &[u8], window_bytes: usize, overlap: usize) -> Shown {
        let mut search = NoText::starting_at(0);
        let (mut told, mut base) = (Shown::default(), 0);
        loop {
            let end = text.len().min(base + window_bytes);
            let window = Window {
                bytes: &text[base..end],
                base: base as u64,
                is_last: end == text.len(),
                likely_start: None,
            };
            let control = binary::find_control(window.bytes);
            let shown = search.search(window, control.map(|at| (base + at) as u64));
            told.data = told.data.or(shown.data);
            told.hole = told.hole.or(shown.hole);
            if window.is_last {
                return told;
            }
            let keep = end - overlap.min(window_bytes - 1);
            search.end(window, keep as u64);
            base = keep;
        }
    }

    #[track_caller]
    fn check(text: &[u8], data: Option<usize>, hole: Option<usize>) {
        let expected = Shown {
            data: data.map(|at| at as u64),
            hole: hole.map(|at| at as u64),
        };
        assert_eq!(told(text, text.len() + 1, 0), expected);
        for window_bytes in 1..text.len() {
            for overlap in [0, 7] {
                let told = told(text, window_bytes, overlap);
                assert_eq!(told, expected, "{window_bytes} {overlap}");
            }
        }
        // Where a document begins, another scanner may begin.
        let anchors = (1..text.len()).filter(|at| text[*at - 1] == b'\n' && text[*at] == b'{');
        for anchor in anchors {
            let first = told(&text[..anchor], anchor, 0);
            let second = told(&text[anchor..], text.len(), 0);
            let later = |at: Option<u64>| at.map(|at| at + anchor as u64);
            let data = first.data.or(later(second.data));
            let hole = first.hole.or(later(second.hole));
            let hole = hole.filter(|hole| data.is_none_or(|data| *hole < data));
            assert_eq!(Shown { data, hole }, expected, "at {anchor}");
        }
    }

    #[test]
    fn what_is_found_does_not_depend_on_windows() {
        let line = br#"{"eventName":"AttachUserPolicy","x":"y"}"#;
        let lines = [&line[..], b"\n"].concat().repeat(4);
        let data = b"\x03\x99\xb1\x00\x07\xfe".repeat(30);
        let sparse = [&b"\x01"[..], &[b'a'; 30]].concat().repeat(20);
        let n = lines.len();
        check(&lines, None, None);
        check(&[&lines[..], &data].concat(), Some(n), None);
        check(&[&lines[..], &data, b"\n", &lines].concat(), Some(n), None);
        // Too few control characters in the 512 bytes after the first one, and more than enough in those before.
        check(&[&lines[..], &sparse].concat(), None, None);
        let late = [&lines[..], b"\x01\x02\x03", &[b'a'; 100], &data].concat();
        check(&late, Some(n), None);
        let zeros = [0; 9];
        let hole = [b"{\"a\":".as_slice(), &zeros, b"1}\n", &lines].concat();
        check(&hole, None, Some(5));
        check(&[&hole[..], &data].concat(), Some(hole.len()), Some(5));
        check(&[&data[..], &hole].concat(), Some(0), None);
        check(&[&lines[..], &zeros, b"\n", &lines].concat(), None, None);
        let at_seam = [b"{\"a\":\"x", &zeros[..], b"\n", &lines].concat();
        check(&at_seam, None, Some(7));
        check(&[b"a,b\nc,d\n", &zeros[..], b"\n"].concat(), None, Some(8));
        check(&[&lines[..], &zeros].concat(), None, None);
    }
}
