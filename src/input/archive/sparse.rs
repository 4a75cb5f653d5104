//! Files with holes, as GNU tar packs them: what is stored are the parts between the holes, and a map of where these
//! belong (GNU tar manual, "Storing Sparse Files"; the old kind, and the kinds 0.0, 0.1 and 1.0 of pax).
//!
//! Holes are zeros, as in the file; only one that is very large is given out shorter than it was.

use std::collections::VecDeque;
use std::io::{self, BufRead, Cursor, Read};
use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

use crate::input::stored::Stored;

/// The largest hole that is given out as it was.
const HOLE_BYTES_MAX: u64 = 1 << 30;
/// How much is given out of a larger one.
const HOLE_BYTES_SHOWN: u64 = 1 << 20;

/// Zeros, some at a time.
const ZEROS: &[u8] = &[0; 16 * 1024];

/// Which parts of a file are stored, by their offsets and lengths, and how long the file is.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub(super) parts: Vec<(u64, u64)>,
    pub(super) n_bytes: Option<u64>,
}

impl Map {
    /// Numbers that stand one behind the other: an offset, a length, an offset, and so on.
    pub(super) fn of_numbers(numbers: &[u64], n_bytes: Option<u64>) -> Self {
        let (pairs, _) = numbers.as_chunks::<2>();
        let parts = pairs.iter().map(|[offset, length]| (*offset, *length));
        Self {
            parts: parts.collect(),
            n_bytes,
        }
    }

    /// How long the file is with its holes, if these are given out as they were.
    pub(super) fn full_bytes(&self) -> u64 {
        let ends = self.parts.iter().map(|(at, n)| at.saturating_add(*n));
        ends.max().unwrap_or(0).max(self.n_bytes.unwrap_or(0))
    }
}

/// A file with its holes.
pub(super) struct Sparse<'a> {
    stored: Box<dyn BufRead + Send + 'a>,
    /// A hole, and what is stored behind it.
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
        // Whatever the map lacks of what is stored is read too.
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
