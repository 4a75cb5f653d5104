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

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;
    use memmap2::MmapMut;

    use super::*;

    /// What comes of a file that is cut into blocks.
    #[derive(Debug, Default)]
    struct Cut {
        text: Vec<u8>,
        n_blocks: usize,
        n_parts: usize,
        /// A part ended elsewhere than at a member's end, and took over the rest.
        is_taken_over: bool,
    }

    fn cut(stored: &[u8], block_bytes: usize) -> Cut {
        let mut map = MmapMut::map_anon(stored.len()).unwrap();
        map.copy_from_slice(stored);
        let stored = Stored::Mapped(Arc::new(map.make_read_only().unwrap()));
        let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
        let mut blocks = Blocks::new(stored, block_bytes, &mut defects).unwrap();
        let (mut cut, mut buffer) = (Cut::default(), Vec::new());
        while !cut.is_taken_over
            && let Some((block, _)) = blocks.next(&mut buffer, &mut defects)
        {
            cut.n_blocks += 1;
            match block {
                Block::Plain(map, range) => cut.text.extend_from_slice(&map[range]),
                Block::Decoded(_) => cut.text.append(&mut buffer),
                Block::Part(mut part) => {
                    cut.n_parts += 1;
                    let mut fill = |part: &mut Part| {
                        let limit = Limit::at(cut.text.len() + 100);
                        part.fill(&mut cut.text, limit, &mut codecs, &mut defects)
                    };
                    while fill(&mut part) == Filled::More {}
                    if !part.is_whole() {
                        cut.is_taken_over = true;
                        part.extend();
                        while fill(&mut part) == Filled::More {}
                    }
                }
            }
        }
        assert_eq!(defects, []);
        cut
    }

    fn gzip(text: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(level));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn texts() -> Vec<Vec<u8>> {
        let sizes = (0..40_usize).map(|i| 37 * i * i % 3000);
        sizes
            .map(|n| (0..n).map(|i| b"{\"a\":1}\n"[i % 8]).collect())
            .collect()
    }

    #[test]
    fn blocks_of_any_size_give_the_whole_text() {
        let texts = texts();
        let whole = texts.concat();
        let members = texts.iter().map(|text| gzip(text, 6));
        let padded = members.clone().map(|m| [m, vec![0; 7]].concat());
        let frames = texts
            .iter()
            .map(|text| zstd::encode_all(&text[..], 3).unwrap());
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
        let skipping = frames.clone().map(|f| [f, skippable.to_vec()].concat());
        let ways: [(&str, Vec<u8>); 5] = [
            ("plain", whole.clone()),
            ("members", members.flatten().collect()),
            ("padded members", padded.flatten().collect()),
            ("frames", frames.flatten().collect()),
            ("frames and skippable ones", skipping.flatten().collect()),
        ];
        for (name, stored) in ways {
            for block_bytes in [1, 10, 100, 1000, 10_000, usize::MAX] {
                let cut = cut(&stored, block_bytes);
                assert!(cut.text == whole, "{name}, {block_bytes}: {cut:?}");
                assert!(!cut.is_taken_over, "{name}, {block_bytes}");
                // The next header must be near for the end of a gzip member to be guessed.
                if matches!(block_bytes, 100 | 1000) {
                    assert!(cut.n_blocks > 5, "{name}, {block_bytes}: {cut:?}");
                    assert_eq!(cut.n_parts > 0, name != "plain", "{name}, {block_bytes}");
                }
            }
        }
    }

    #[test]
    fn a_header_inside_a_member_is_found_to_be_none() {
        let before = gzip(b"{}\n", 6);
        // Level 0 stores its text as it is: what looks like a member stands in the member.
        let text = [vec![b'x'; 3000], gzip(b"[]\n", 6), vec![b'y'; 3000]].concat();
        let stored = [before, gzip(&text, 0), gzip(b"end\n", 6)].concat();
        let cut = cut(&stored, 4000);
        assert!(cut.is_taken_over, "{cut:?}");
        assert_eq!(
            cut.text,
            [b"{}\n".to_vec(), text, b"end\n".to_vec()].concat()
        );
    }

    #[test]
    fn a_stream_and_a_single_member_are_decoded_in_order() {
        let text = b"{\"a\":1}\n".repeat(10_000);
        let cut = cut(&gzip(&text, 6), 1000);
        assert_eq!((cut.text == text, cut.n_parts), (true, 0));
        assert!(cut.n_blocks > 10, "{cut:?}");
    }
}
