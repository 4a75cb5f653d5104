//! Files with holes, as GNU tar packs them. The archive stores the parts between the holes, and a map of
//! where these belong (GNU tar manual, "Storing Sparse Files"; the old format, and the pax formats 0.0, 0.1
//! and 1.0).
//!
//! Holes are read as zeros, as in the file; only a very large hole is read shorter than it was.

use std::collections::VecDeque;
use std::io::{self, BufRead, Cursor, Read};
use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

use crate::input::stored::Stored;

/// Maximum size of a hole that is read in full length.
const HOLE_BYTES_MAX: u64 = 1 << 30;
/// Number of bytes that are read of a larger hole.
const HOLE_BYTES_SHOWN: u64 = 1 << 20;

/// Zeros for holes, a chunk at a time.
const ZEROS: &[u8] = &[0; 16 * 1024];

/// The offsets and lengths of a file's stored parts, and the length of the file.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) parts: Vec<(u64, u64)>,
    pub(super) n_bytes: Option<u64>,
}

impl Map {
    /// Creates a map from numbers in sequence: an offset, a length, an offset, and so on.
    pub(super) fn of_numbers(numbers: &[u64], n_bytes: Option<u64>) -> Self {
        let (pairs, _) = numbers.as_chunks::<2>();
        let parts = pairs.iter().map(|[offset, length]| (*offset, *length));
        Self {
            parts: parts.collect(),
            n_bytes,
        }
    }

    /// Returns the length of the file with its holes, if these are read in full length.
    pub(super) fn full_bytes(&self) -> u64 {
        let ends = self.parts.iter().map(|(at, n)| at.saturating_add(*n));
        ends.max().unwrap_or(0).max(self.n_bytes.unwrap_or(0))
    }
}

/// A file with its holes.
pub(super) struct Sparse<'a> {
    stored: Box<dyn BufRead + Send + 'a>,
    /// The lengths of a hole and of the stored part after it.
    parts: VecDeque<(u64, u64)>,
}

/// A part of a mapped file.
struct Part(Arc<Mmap>, Range<usize>);

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.0[self.1.clone()]
    }
}

impl<'a> Sparse<'a> {
    pub(super) fn new(stored: Stored<'a>, map: &Map) -> Self {
        let stored: Box<dyn BufRead + Send + 'a> = match stored {
            Stored::Slice(bytes) => Box::new(bytes),
            Stored::Mapped(map, range) => Box::new(Cursor::new(Part(map, range))),
            Stored::Stream(stream) => stream,
        };
        let hole = |n_bytes: u64| match n_bytes {
            0..=HOLE_BYTES_MAX => n_bytes,
            _ => HOLE_BYTES_SHOWN,
        };
        let (mut parts, mut end) = (VecDeque::new(), 0_u64);
        for (offset, length) in &map.parts {
            parts.push_back((hole(offset.saturating_sub(end)), *length));
            end = offset.saturating_add(*length);
        }
        // Stored bytes that the map does not mention are read too.
        parts.push_back((hole(map.full_bytes().saturating_sub(end)), u64::MAX));
        Self { stored, parts }
    }
}

impl BufRead for Sparse<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.parts.len() > 1 && self.parts.front() == Some(&(0, 0)) {
            self.parts.pop_front();
        }
        let limit = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        match self.parts.front() {
            Some((hole @ 1.., _)) => Ok(&ZEROS[..ZEROS.len().min(limit(*hole))]),
            Some((_, left)) => {
                let left = limit(*left);
                let at_hand = self.stored.fill_buf()?;
                Ok(&at_hand[..at_hand.len().min(left)])
            }
            None => Ok(&[]),
        }
    }

    fn consume(&mut self, n: usize) {
        if let Some((hole, left)) = self.parts.front_mut() {
            if *hole > 0 {
                *hole = hole.saturating_sub(n as u64);
            } else {
                *left = left.saturating_sub(n as u64);
                self.stored.consume(n);
            }
        }
    }
}

impl Read for Sparse<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(bytes)?;
        self.consume(n);
        Ok(n)
    }
}
