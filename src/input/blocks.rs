//! A large source, cut into blocks that several threads scan.
//!
//! Cutting is quick where blocks can be told apart by what is stored: text that is stored as it is, members
//! of gzip, frames of zstd. Any thread then decodes its block. Where they cannot, the text is decoded here,
//! in order, and the threads only scan it; while one scans, another decodes on.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use memmap2::Mmap;

use super::decompress::{Codecs, Filled, Limit, Part, Stored, Text};
use crate::report::Defect;

/// The usual size: a thread is busy with it for a millisecond or so, so that all end at about the same time.
pub const BLOCK_BYTES: usize = 4 << 20;

/// The next piece of a source's text.
#[derive(Debug)]
pub enum Block {
    /// A part of text that is stored as it is.
    Plain(Arc<Mmap>, Range<usize>),
    /// Members or frames, to be decoded.
    Part(Part),
    /// Text that was decoded into the buffer, and how many stored bytes that took.
    Decoded(u64),
}

/// A source that is being cut.
#[derive(Debug)]
pub struct Blocks {
    text: Text<'static>,
    codecs: Codecs,
    /// The most text of a block, roughly.
    block_bytes: usize,
    /// How much of a text that is mapped as it is was given out.
    n_given: usize,
    is_ended: bool,
}

impl Blocks {
    /// Blocks of some `block_bytes` of text.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn new(
        stored: Stored<'static>,
        block_bytes: usize,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Self> {
        let mut codecs = Codecs::default();
        Ok(Self {
            text: Text::new(stored, &mut codecs, defects)?,
            codecs,
            block_bytes: block_bytes.max(1),
            n_given: 0,
            is_ended: false,
        })
    }

    /// The next block, and whether it is the last one. `buffer` is cleared.
    pub fn next(
        &mut self,
        buffer: &mut Vec<u8>,
        defects: &mut Vec<Defect>,
    ) -> Option<(Block, bool)> {
        buffer.clear();
        if self.is_ended {
            return None;
        }
        if let Some(map) = self.text.as_mapped() {
            let start = self.n_given;
            let end = map.len().min(start.saturating_add(self.block_bytes));
            self.n_given = end;
            self.is_ended = end == map.len();
            return Some((Block::Plain(Arc::clone(map), start..end), self.is_ended));
        }
        if let Some(part) = self.text.cut(self.block_bytes.div_ceil(STORED_SHARE)) {
            return Some((Block::Part(part), false));
        }
        let before = self.text.stored_bytes();
        let limit = Limit::at(self.block_bytes.div_ceil(DECODED_SHARE));
        let codecs = &mut self.codecs;
        let filled = self.text.fill_to_boundary(buffer, limit, codecs, defects);
        self.is_ended = filled == Filled::End;
        let n_stored = self.text.stored_bytes() - before;
        Some((Block::Decoded(n_stored), self.is_ended))
    }
}

/// Text that is decoded is scanned in smaller pieces, so that it stays in a core's second-level cache.
const DECODED_SHARE: usize = 8;
/// Logs come to eight times what is stored.
const STORED_SHARE: usize = 8;
