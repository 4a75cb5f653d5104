//! Stored bytes, and how far they were consumed.

use std::collections::VecDeque;
use std::io::{self, BufRead};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use memmap2::Mmap;

use crate::report::{Code, Defect};

/// The stored bytes of a source, or of a log inside one.
pub enum Stored<'a> {
    /// All bytes, mapped or read.
    Slice(&'a [u8]),
    /// A part of a mapped file, which several threads can share.
    Mapped(Arc<Mmap>, Range<usize>),
    /// Bytes as they arrive.
    Stream(Box<dyn BufRead + Send + 'a>),
}

impl Stored<'_> {
    /// Returns all bytes of a mapped file.
    #[must_use]
    pub fn mapped(map: Arc<Mmap>) -> Self {
        let whole = 0..map.len();
        Self::Mapped(map, whole)
    }
}

impl std::fmt::Debug for Stored<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slice(bytes) => f.debug_tuple("Slice").field(&bytes.len()).finish(),
            Self::Mapped(_, range) => f.debug_tuple("Mapped").field(range).finish(),
            Self::Stream(_) => f.debug_tuple("Stream").finish_non_exhaustive(),
        }
    }
}

/// Stored bytes, and how far they were consumed.
pub(super) struct Input<'a> {
    pub(super) stored: Stored<'a>,
    /// The offset of the next byte.
    pub(super) offset: u64,
    /// For a stream: bytes that were read and pushed back, to be consumed again.
    pushed: VecDeque<u8>,
    /// For a stream: the bytes before the offset, as far as they are kept.
    kept: Option<Vec<u8>>,
    /// Counter of the consumed bytes, if these are the stored bytes of the source itself.
    counter: Option<Arc<AtomicU64>>,
}

impl std::fmt::Debug for Input<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("stored", &self.stored)
            .field("offset", &self.offset)
            .finish_non_exhaustive()
    }
}

/// Distance before a fault at which the search for the next member begins. A damaged member may be decoded
/// past its end, until a block is invalid. Deflate blocks have about 100 kB at most, as compressors make
/// them.
const LOOK_BACK_BYTES: usize = 1 << 20;

/// Number of bytes of a stream that are searched in the first step.
const STEP_BYTES_LEAST: usize = 64;

impl<'a> Input<'a> {
    pub(super) fn new(stored: Stored<'a>, counter: Option<Arc<AtomicU64>>) -> Self {
        Self {
            stored,
            offset: 0,
            pushed: VecDeque::new(),
            kept: None,
            counter,
        }
    }

    /// Returns the bytes from here on, if all of them are at hand.
    pub(super) fn rest(&self) -> Option<&[u8]> {
        self.whole().map(|whole| from(whole, self.offset))
    }

    /// Returns all bytes from the first one on, if all of them are at hand.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        match &self.stored {
            Stored::Slice(bytes) => Some(bytes),
            Stored::Mapped(map, range) => Some(&map[range.clone()]),
            Stored::Stream(_) => None,
        }
    }

    /// Returns the next `n` bytes as separate stored bytes, if all are at hand. If fewer are left, returns
    /// all that is left.
    pub(super) fn part(&self, n: u64) -> Option<Stored<'a>> {
        let at = usize::try_from(self.offset).expect("an offset into a slice");
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        match &self.stored {
            Stored::Slice(bytes) => {
                let end = at.saturating_add(n).min(bytes.len());
                Some(Stored::Slice(&bytes[at..end]))
            }
            Stored::Mapped(map, range) => {
                let start = range.start + at;
                let end = start.saturating_add(n).min(range.end);
                Some(Stored::Mapped(Arc::clone(map), start..end))
            }
            Stored::Stream(_) => None,
        }
    }

    /// Returns the bytes at hand: at least one, unless the input is at its end.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        match &mut self.stored {
            Stored::Slice(bytes) => Ok(from(bytes, self.offset)),
            Stored::Mapped(map, range) => Ok(from(&map[range.clone()], self.offset)),
            Stored::Stream(stream) => {
                if !self.pushed.is_empty() {
                    return Ok(self.pushed.as_slices().0);
                }
                loop {
                    // An interrupted read is not an error. The borrow ends before the next attempt.
                    match stream.fill_buf() {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(error),
                        Ok(_) => break,
                    }
                }
                stream.fill_buf()
            }
        }
    }

    /// Goes back to an earlier offset, if all stored bytes are at hand. Returns whether it did.
    pub(super) fn rewind(&mut self, offset: u64) -> bool {
        let is_at_hand = !matches!(self.stored, Stored::Stream(_));
        if is_at_hand {
            self.uncount(self.offset - offset);
            self.offset = offset;
        }
        is_at_hand
    }

    pub(super) fn take(&mut self, n: usize) {
        self.offset += n as u64;
        if let Some(counter) = &self.counter {
            counter.fetch_add(n as u64, Relaxed);
        }
        if let Stored::Stream(stream) = &mut self.stored {
            let n_pushed = n.min(self.pushed.len());
            if let Some(kept) = &mut self.kept {
                if kept.len() > 2 * LOOK_BACK_BYTES {
                    kept.drain(..kept.len() - LOOK_BACK_BYTES);
                }
                kept.extend(self.pushed.iter().take(n_pushed));
                if n > n_pushed {
                    // The consumed bytes were returned by `fill_buf` before, and it returns the same bytes
                    // again.
                    let buffer = stream.fill_buf().unwrap_or_default();
                    kept.extend(buffer.iter().take(n - n_pushed));
                }
            }
            self.pushed.drain(..n_pushed);
            stream.consume(n - n_pushed);
        }
    }

    fn uncount(&mut self, n: u64) {
        if let Some(counter) = &self.counter {
            counter.fetch_sub(n, Relaxed);
        }
    }

    /// Keeps what is consumed from here on, as far back as [`Input::find_next`] looks.
    pub(super) fn keep_from_here(&mut self) {
        if matches!(self.stored, Stored::Stream(_)) {
            self.kept.get_or_insert_default().clear();
        }
    }

    /// Stops keeping consumed bytes.
    pub(super) fn keep_no_more(&mut self) {
        self.kept = None;
    }

    /// Reads until `bytes` is full. Returns false if the input ends before.
    pub(super) fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        Ok(self.read_up_to(bytes)? == bytes.len())
    }

    /// Reads until `bytes` is full or the input ends. Returns how many bytes were read.
    pub(super) fn read_up_to(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < bytes.len() {
            let at_hand = self.peek()?;
            if at_hand.is_empty() {
                break;
            }
            let n = at_hand.len().min(bytes.len() - filled);
            bytes[filled..filled + n].copy_from_slice(&at_hand[..n]);
            self.take(n);
            filled += n;
        }
        Ok(filled)
    }

    /// Returns the next `n` bytes, or as many as there are, without consuming them.
    pub(super) fn look_ahead(&mut self, n: usize) -> io::Result<Vec<u8>> {
        if let Some(rest) = self.rest() {
            return Ok(rest[..rest.len().min(n)].to_vec());
        }
        let mut bytes = vec![0; n];
        let kept = self.kept.take();
        let n_read = self.read_up_to(&mut bytes)?;
        self.kept = kept;
        bytes.truncate(n_read);
        self.push_back(&bytes);
        Ok(bytes)
    }

    /// Pushes back the bytes of a stream that were consumed last.
    fn push_back(&mut self, bytes: &[u8]) {
        bytes.iter().rev().for_each(|b| self.pushed.push_front(*b));
        self.offset -= bytes.len() as u64;
        self.uncount(bytes.len() as u64);
    }

    /// Consumes all zero bytes from here on, which are the padding of tapes and blocks. Returns the first
    /// other byte, if any.
    pub(super) fn skip_zeros(&mut self) -> io::Result<Option<u8>> {
        loop {
            let at_hand = self.peek()?;
            match at_hand.iter().position(|&byte| byte != 0) {
                Some(n) => {
                    let byte = at_hand[n];
                    self.take(n);
                    return Ok(Some(byte));
                }
                None if at_hand.is_empty() => return Ok(None),
                None => {
                    let n = at_hand.len();
                    self.take(n);
                }
            }
        }
    }

    /// Consumes the next `n` bytes. Returns how many of them are missing.
    pub(super) fn skip(&mut self, n: u64) -> io::Result<u64> {
        let mut left = n;
        while left > 0 {
            let at_hand = self.peek()?.len();
            if at_hand == 0 {
                break;
            }
            let step = at_hand.min(usize::try_from(left).unwrap_or(usize::MAX));
            self.take(step);
            left -= step as u64;
        }
        Ok(left)
    }

    /// Skips past a fault as [`Input::find_next`] does, and reports the fault and where reading continues.
    pub(super) fn skip_to_next(
        &mut self,
        mut defect: Defect,
        start: u64,
        head_bytes: usize,
        find: &dyn Fn(&[u8]) -> Option<usize>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<bool> {
        let is_found = self.find_next(start, head_bytes, find)?;
        if is_found {
            defect.message += &format!("; went on at {}", self.offset);
        }
        defects.push(defect);
        Ok(is_found)
    }

    /// Consumes all bytes up to the next place that `find` finds, or all there are. Returns whether it found
    /// one. `find` is called with some of the bytes, and must see `head_bytes` of them to decide.
    ///
    /// The search begins after the first byte at `start`, or [`LOOK_BACK_BYTES`] before the current offset if
    /// that is later.
    pub(super) fn find_next(
        &mut self,
        start: u64,
        head_bytes: usize,
        find: &dyn Fn(&[u8]) -> Option<usize>,
    ) -> io::Result<bool> {
        let back = self.offset.saturating_sub(LOOK_BACK_BYTES as u64);
        let begin = (start + 1).max(back).min(self.offset);
        if self.rewind(begin) {
            let rest = self.rest().unwrap_or_default();
            let (found, n_all) = (find(rest), rest.len());
            self.take(found.unwrap_or(n_all));
            return Ok(found.is_some());
        }
        let kept = self.kept.take().unwrap_or_default();
        let n_back = usize::try_from(self.offset - begin).unwrap_or(usize::MAX);
        let mut seen = kept[kept.len().saturating_sub(n_back)..].to_vec();
        // The place is often near, and all bytes read past it must be pushed back.
        let mut step = STEP_BYTES_LEAST;
        loop {
            if let Some(at) = find(&seen) {
                self.push_back(&seen[at..]);
                return Ok(true);
            }
            seen.drain(..seen.len().saturating_sub(head_bytes));
            let at_hand = self.peek()?;
            if at_hand.is_empty() {
                return Ok(false);
            }
            let n = at_hand.len().min(step);
            seen.extend_from_slice(&at_hand[..n]);
            self.take(n);
            step = step.saturating_mul(2);
        }
    }
}

fn from(whole: &[u8], offset: u64) -> &[u8] {
    &whole[usize::try_from(offset).expect("an offset into a slice")..]
}

/// Returns the defect for bytes from `offset` on where no further member or frame begins.
pub(super) fn trailing(offset: u64, what: &str) -> Defect {
    let message = format!("what follows the last {what} is none");
    Defect::stored(Code::TrailingBytes, offset, message)
}
