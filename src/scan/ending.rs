//! Checks whether a text ends where its last document ends, and whether it is text at all. Only its beginning and its
//! end are examined.
//!
//! In: the first and last bytes of a text, collected while it is read ([`Ends`]). Out: a [`Defect`] if a copy was cut
//! off inside a document, if nothing but zeros is stored, or if the beginning shows text in a form that hides the
//! needles ([`disguise`](super::disguise)).
//!
//! Brackets are not counted over the whole text, which would cost as much as the search. If a line begins a document,
//! the document is walked from its start. A document that begins further away is walked from its end, backward. Most
//! cuts show in the last byte. A cut after a closing bracket shows as soon as the walk has passed the value that the
//! bracket closes, by the comma or the colon before that value. A value that is closed at the very end and is larger
//! than [`BACK_BYTES`] is taken as complete. So is a text whose last record is at the same depth as its first one, which
//! ends the walk early: at a key of that record if the record is in an array, else at its start.

use memchr::{memchr, memchr2, memmem, memrchr};

use super::disguise;
use super::keys::{Marks, classify};
use super::rows::{is_cut as is_row_cut, shows_header};
use super::window::{continues, is_blank, last_anchor, last_byte};
use crate::binary::has_controls;
use crate::report::{Code, Defect};

/// The number of bytes kept from the beginning of a text.
const HEAD_BYTES: usize = 4 * 1024;
/// The number of bytes kept from its end.
const TAIL_BYTES: usize = 32 * 1024;
/// The longest document at the end that is walked from its start in any case.
const FORWARD_BYTES: usize = 4 * 1024;
/// The number of bytes at the end that are walked backward.
const BACK_BYTES: usize = 16 * 1024;

/// The size up to which a text may be the remains of a file, too short to look binary in the search.
const REMAINS_MAX: u64 = 512;

/// The beginning and the end of a text.
#[derive(Debug, Clone, Default)]
pub struct Ends {
    n_bytes: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
    /// True if anything except zeros and blanks was found.
    has_content: bool,
    has_zeros: bool,
}

impl Ends {
    /// Adds the text that follows.
    pub fn add(&mut self, text: &[u8]) {
        self.look_for_content(text);
        self.n_bytes += text.len() as u64;
        let n_head = text.len().min(HEAD_BYTES - self.head.len());
        self.head.extend_from_slice(&text[..n_head]);
        self.add_tail(text);
    }

    /// Adds the ends of the text that follows.
    pub fn add_ends(&mut self, next: &Self) {
        self.has_content |= next.has_content;
        self.has_zeros |= next.has_zeros;
        self.n_bytes += next.n_bytes;
        let n_head = next.head.len().min(HEAD_BYTES - self.head.len());
        self.head.extend_from_slice(&next.head[..n_head]);
        self.add_tail(&next.tail);
    }

    fn add_tail(&mut self, text: &[u8]) {
        let text = &text[text.len().saturating_sub(TAIL_BYTES)..];
        let n_over = (self.tail.len() + text.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..n_over.min(self.tail.len()));
        self.tail.extend_from_slice(text);
    }

    fn look_for_content(&mut self, text: &[u8]) {
        // For nearly all texts the first byte decides.
        if self.has_content {
            return;
        }
        let content = text.iter().position(|byte| *byte != 0 && !is_blank(*byte));
        self.has_content = content.is_some();
        self.has_zeros |= text[..content.unwrap_or(text.len())].contains(&0);
    }

    /// Returns what is wrong with the text. All of it must have been added.
    #[must_use]
    pub fn defects(&self) -> Vec<Defect> {
        if !self.has_content {
            let message = format!("all {} bytes are zeros: nothing was stored", self.n_bytes);
            let defect = Defect::text(Code::UnknownContent, 0, message);
            return self.has_zeros.then_some(defect).into_iter().collect();
        }
        defects_of(self.n_bytes, &self.head, &self.tail)
    }
}

/// Returns what is wrong with a text that is completely in memory.
#[must_use]
pub fn defects_of_whole(text: &[u8]) -> Vec<Defect> {
    let head = &text[..text.len().min(HEAD_BYTES)];
    let tail = &text[text.len().saturating_sub(TAIL_BYTES)..];
    // For nearly all texts the first byte decides.
    if head.first().is_none_or(|byte| is_padding(*byte)) {
        let mut ends = Ends::default();
        ends.add(text);
        return ends.defects();
    }
    defects_of(text.len() as u64, head, tail)
}

/// Returns the defect of a text that is only the few remaining bytes of a file: too few for the search to recognise
/// as binary.
fn remains(n_bytes: u64, head: &[u8]) -> Option<Defect> {
    let is_short = n_bytes <= REMAINS_MAX && n_bytes == head.len() as u64;
    let is_foreign =
        is_short && !head.iter().any(|b| matches!(b, b'{' | b'[')) && has_controls(head);
    let message = || format!("its {n_bytes} bytes are no text: what is left of a file, or damaged");
    is_foreign.then(|| Defect::text(Code::UnknownContent, 0, message()))
}

/// Returns what is wrong with a text of `n_bytes` bytes, which contains something except zeros and blanks.
fn defects_of(n_bytes: u64, head: &[u8], tail: &[u8]) -> Vec<Defect> {
    if let Some(defect) = remains(n_bytes, head) {
        return vec![defect];
    }
    let first = first_place(head);
    let disguise = disguise::find(head, first.is_some());
    let cut = cut(n_bytes, head, first.as_ref(), tail);
    disguise.into_iter().chain(cut).collect()
}

fn cut(n_bytes: u64, head: &[u8], first: Option<&Place>, tail: &[u8]) -> Option<Defect> {
    let end = trimmed(tail);
    let is_all = n_bytes == tail.len() as u64;
    let is_cut = match begins_json(start(head)) {
        true => is_document_cut(end, is_all, first),
        false if shows_header(head) => is_row_cut(head, tail),
        false => is_line_cut(tail, is_all),
    };
    let n_padding = (tail.len() - end.len()) as u64;
    let message = "text ends inside a document or a row: it was cut off, or its end is damaged";
    is_cut.then(|| Defect::text(Code::Truncated, n_bytes - n_padding, message))
}

fn is_padding(byte: u8) -> bool {
    byte == 0 || is_blank(byte)
}

/// Returns a text without the padding at its end.
fn trimmed(text: &[u8]) -> &[u8] {
    let n_padding = text.iter().rev().take_while(|b| is_padding(**b)).count();
    &text[..text.len() - n_padding]
}

/// Returns a text from its first significant byte on: without a byte order mark, padding, or the separator of JSON
/// text sequences.
pub(super) fn start(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let n = text
        .iter()
        .take_while(|b| is_padding(**b) || **b == 0x1e)
        .count();
    &text[n..]
}

/// Returns true if the bracket at the start of this text, which begins a line, is one of JSON. A log may write its
/// times in brackets.
pub(super) fn begins_json(text: &[u8]) -> bool {
    let Some((bracket, rest)) = text.split_first() else {
        return false;
    };
    let next = rest.iter().find(|b| !is_blank(**b));
    match bracket {
        b'{' => matches!(next, Some(b'"' | b'}') | None),
        b'[' => matches!(next, Some(b'{' | b'[' | b'"' | b']') | None),
        _ => false,
    }
}

/// Returns true if a text that begins as JSON ends inside a document.
fn is_document_cut(end: &[u8], is_all: bool, first: Option<&Place>) -> bool {
    let is_open_from = |at: usize| {
        let document = start(&end[at..]);
        begins_json(document) && is_open(document)
    };
    let near = last_document(end, end.len().saturating_sub(FORWARD_BYTES), is_all);
    if let Some(at) = near {
        return is_open_from(at);
    }
    if closes(end, first) {
        return false;
    }
    match last_document(end, 0, is_all) {
        Some(at) => is_open_from(at),
        // It may not be JSON that ends here: prose may follow.
        None => {
            let line = memrchr(b'\n', end).map_or(end, |newline| &end[newline + 1..]);
            let has_structure = line.iter().any(|b| b"\"{}[],:".contains(b));
            has_structure && memmem::find(end, b"\":").is_some()
        }
    }
}

/// Returns the start of the last document, if that is at or after `from` and visible in `end`. `end` is the end of
/// the text, or all of it.
fn last_document(end: &[u8], from: usize, is_all: bool) -> Option<usize> {
    let is_all = is_all && from == 0;
    let text = &end[from..];
    // The text before a line must be available to know whether a document begins with the line.
    let is_known = |at: &usize| is_all || last_byte(&text[..*at]).is_some();
    let anchor = last_anchor(text, text.len()).filter(is_known);
    let first = || text.len() - start(text).len();
    anchor.or_else(|| is_all.then(first)).map(|at| from + at)
}

/// Returns true if the last line of a log ends inside JSON that begins after a time or a name. A line that has its
/// newline is complete.
fn is_line_cut(tail: &[u8], is_all: bool) -> bool {
    let n_zeros = tail.iter().rev().take_while(|b| **b == 0).count();
    let text = &tail[..tail.len() - n_zeros];
    let line = match memrchr(b'\n', text) {
        Some(newline) => &text[newline + 1..],
        None if is_all => text,
        None => return false,
    };
    let mut starts = memmem::find_iter(line, b"{\"");
    // In CSV rows quotes are doubled.
    let first = starts.next().filter(|at| line.get(at + 2) != Some(&b'"'));
    first.is_some_and(|at| memmem::find(&line[at..], b"\":").is_some() && is_open(&line[at..]))
}

/// Returns true if a document that begins here, or one after it, is still open at the end.
fn is_open(text: &[u8]) -> bool {
    let (mut depth, mut i) = (0_usize, 0);
    while let Some(byte) = text.get(i) {
        match byte {
            b'"' if depth > 0 => match string_end(text, i + 1) {
                Some(end) => i = end,
                None => return true,
            },
            b'{' | b'[' if depth == 0 && !begins_document(text, i) => return false,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        i += 1;
    }
    depth > 0
}

/// Returns true if a document begins with the bracket at `at`. A bracket with nothing after it is taken as prose,
/// unless it begins the text or another document ends before it.
fn begins_document(text: &[u8], at: usize) -> bool {
    let is_last = text[at + 1..].iter().all(|b| is_blank(*b));
    let before = last_byte(&text[..at]);
    let is_prose = is_last && !matches!(before, None | Some(b'}' | b']' | b','));
    begins_json(&text[at..]) && !is_prose
}

/// Returns the index of the quote that ends the string whose content begins at `from`.
pub(super) fn string_end(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        match text[at] {
            b'"' => return Some(at),
            _ => from = at + 2,
        }
    }
}

/// The place of a record: the brackets around it, outermost first, and whether it is the value of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Place {
    round: Vec<u8>,
    is_member: bool,
}

/// Returns the place of the first record of a text, if the beginning of the text shows one.
pub(super) fn first_place(head: &[u8]) -> Option<Place> {
    let text = start(head);
    let mut open: Vec<(u8, bool)> = Vec::new();
    let (mut i, mut before) = (0, b' ');
    while let Some(&byte) = text.get(i) {
        match byte {
            b'"' => {
                let end = string_end(text, i + 1)?;
                let is_key = text[end + 1..].trim_ascii_start().first() == Some(&b':');
                if is_key && classify(&text[i + 1..end]).1 == Marks::ThisObject {
                    let (_, is_member) = open.pop()?;
                    let round = open.iter().map(|(bracket, _)| *bracket).collect();
                    return Some(Place { round, is_member });
                }
                i = end;
            }
            b'{' | b'[' => open.push((byte, before == b':')),
            b'}' | b']' => {
                open.pop()?;
            }
            _ => {}
        }
        if !is_blank(byte) {
            before = byte;
        }
        i += 1;
    }
    None
}

/// A value that is walked from its end.
struct Passed {
    closer: u8,
    is_marked: bool,
}

/// Returns true if a document may end where this text ends, as far as a walk backward shows. `first` is the place of
/// the records in the text.
fn closes(text: &[u8], first: Option<&Place>) -> bool {
    // There may be commas between documents.
    let text = text.strip_suffix(b",").unwrap_or(text);
    if !matches!(text.last(), Some(b'}' | b']')) {
        return false;
    }
    let floor = text.len().saturating_sub(BACK_BYTES);
    let mut round: Vec<Passed> = Vec::new();
    let mut i = text.len();
    while i > floor {
        i -= 1;
        match text[i] {
            closer @ (b'}' | b']') => round.push(Passed {
                closer,
                is_marked: false,
            }),
            opener @ (b'{' | b'[') => {
                let Some(passed) = round.pop().filter(|p| p.closer == opener + 2) else {
                    return false;
                };
                let before = last_byte(&text[..i]);
                if passed.is_marked && first.is_some_and(|first| lies_at(first, &round, before)) {
                    return true;
                }
                if round.is_empty() {
                    return !before.is_some_and(continues);
                }
            }
            b'"' => match string_before(text, i) {
                Back::Start(start, is_key) => {
                    if is_key
                        && let Some((object, round)) = round.split_last_mut()
                        && classify(&text[start + 1..i]).1 == Marks::ThisObject
                    {
                        object.is_marked = true;
                        let is_element = round.last().is_some_and(|round| round.closer == b']');
                        if is_element && first.is_some_and(|first| lies_at(first, round, None)) {
                            return true;
                        }
                    }
                    i = start;
                }
                Back::Unknown => return true,
                Back::NoString => return false,
            },
            // There is none outside strings.
            b'\\' => return false,
            _ => {}
        }
    }
    true
}

fn lies_at(first: &Place, round: &[Passed], before: Option<u8>) -> bool {
    let closers = first.round.iter().map(|opener| opener + 2);
    closers.eq(round.iter().map(|passed| passed.closer))
        && first.is_member == (before == Some(b':'))
}

/// The result of a search backward from a quote that should end a string.
enum Back {
    /// A string that begins at this index, and whether it is a key.
    Start(usize, bool),
    /// The start is before the available text.
    Unknown,
    /// It is no string: what was taken as its outside is its inside.
    NoString,
}

fn string_before(text: &[u8], quote: usize) -> Back {
    let after = text[quote + 1..].iter().find(|b| !is_blank(**b));
    let is_escaped = |at: usize| {
        let before = text[..at].iter().rev();
        before.take_while(|b| **b == b'\\').count() % 2 == 1
    };
    if !matches!(after, Some(b',' | b':' | b'}' | b']')) || is_escaped(quote) {
        return Back::NoString;
    }
    let mut to = quote;
    loop {
        let Some(start) = memrchr(b'"', &text[..to]) else {
            return Back::Unknown;
        };
        if is_escaped(start) {
            to = start;
            continue;
        }
        return match last_byte(&text[..start]) {
            Some(before) if !continues(before) => Back::NoString,
            _ => Back::Start(start, after == Some(&b':')),
        };
    }
}

/// Returns the first line of a text.
pub(super) fn first_line(text: &[u8]) -> &[u8] {
    &text[..memchr(b'\n', text).unwrap_or(text.len())]
}
