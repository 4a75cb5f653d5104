//! Cuts a large source into blocks that several threads scan.
//!
//! Cutting is fast where the stored bytes show the boundaries: plain text, gzip members, zstd frames, and
//! small entries of an archive. Any thread then decodes its own block. Otherwise the text is decoded here, in
//! order, and the threads only scan it; while one thread scans, another continues decoding.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crossbeam_channel::{Receiver, Sender, unbounded};
use memmap2::Mmap;

use super::archive::{Archive, Coded, Entry, Opened};
use super::decompress::{Budget, Codecs, Filled, Limit, Part};
use super::log::{LogReader, StoredCounter};
use super::stored::Stored;
use super::table::Table;
use crate::report::{Code, Defect, Member};

/// Usual size of a block: it keeps a thread busy for about a millisecond, so that all threads end at about
/// the same time.
pub const BLOCK_BYTES: usize = 4 << 20;

/// A block: the next piece of a source.
#[derive(Debug)]
pub struct Block {
    /// The content to scan.
    pub content: Content,
    /// The log it belongs to; `None` if that is the source itself.
    pub member: Option<Arc<Member>>,
    /// For the first block of a mapped log: the range of the log's beginning that is needed to detect what it
    /// is.
    pub beginning: Range<usize>,
    /// True if it is the first block of a log.
    pub is_first: bool,
    /// The end of the block, which shows whether its log continues after it.
    pub end: BlockEnd,
    /// Number of stored bytes that were read for it, not counting those that a part reads itself.
    pub stored_bytes: u64,
    /// For gzip: number of members that were begun, not counting those of a part.
    pub n_gzip_members: u64,
}

/// The end of a block, which shows whether the log continues after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BlockEnd {
    /// The log continues.
    Open,
    /// There is a fault: what follows does not belong to this block.
    Fault,
    /// The log ends.
    Text,
}

impl BlockEnd {
    fn behind(filled: Filled) -> Self {
        match filled {
            Filled::End | Filled::Trailing => Self::Text,
            Filled::Gap => Self::Fault,
            Filled::More | Filled::Nested | Filled::PartEnd => Self::Open,
        }
    }
}

/// The content of a block.
#[derive(Debug)]
pub enum Content {
    /// A part of plain text.
    Plain(Arc<Mmap>, Range<usize>),
    /// Members or frames to decode.
    Part(Box<Part>),
    /// Text that was decoded into the buffer.
    Decoded,
    /// Small entries of an archive, whose stored bytes are in the buffer.
    Entries(Vec<Packed>),
    /// A row group of a table.
    Group(Arc<Table>, usize),
}

/// An entry of an archive, read into a buffer.
#[derive(Debug)]
pub struct Packed {
    /// Its name.
    pub member: Option<Arc<Member>>,
    /// Its encoding.
    pub coded: Coded,
    /// The range of its stored bytes in the buffer.
    pub range: Range<usize>,
}

/// A source that is being cut.
#[derive(Debug)]
pub struct Blocks {
    /// The open archives, each inside the one before.
    archives: Vec<Archive<'static>>,
    log: Option<Log>,
    /// A table, its path in the source, and the number of its next row group.
    table: Option<(Arc<Table>, Option<Arc<Member>>, usize)>,
    /// An entry that waits until the blocks before it are returned.
    pending: Option<Entry<'static>>,
    /// True if the source is itself a log.
    is_one_log: bool,
    codecs: Codecs,
    /// Approximate maximum of a block's text.
    block_bytes: usize,
    /// Consumed stored bytes of the source.
    stored_bytes: StoredCounter,
    /// Channel for the defects of a text from which another text is read.
    told: (Sender<Defect>, Receiver<Defect>),
}

/// A log that is being cut.
#[derive(Debug)]
struct Log {
    reader: LogReader<'static>,
    /// Number of bytes of a mapped plain text that were returned.
    n_given: usize,
    /// True if no block of it was returned yet.
    is_at_start: bool,
}

impl Blocks {
    /// Cuts a source into blocks of about `block_bytes` of text.
    ///
    /// # Errors
    ///
    /// Returns the I/O error.
    pub fn new(
        stored: Stored<'static>,
        block_bytes: usize,
        budget: Option<Arc<Budget>>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Self> {
        let counter = Arc::<AtomicU64>::default();
        let mut codecs = Codecs::default();
        codecs.limit(budget);
        let mut blocks = Self {
            archives: Vec::new(),
            log: None,
            table: None,
            pending: None,
            is_one_log: true,
            codecs,
            block_bytes: block_bytes.max(1),
            stored_bytes: StoredCounter::new(Arc::clone(&counter)),
            told: unbounded(),
        };
        blocks.open(Entry::source(stored, counter), defects)?;
        Ok(blocks)
    }

    /// Abandons the rest of the log of the last block: another thread has taken it over.
    pub fn leave_log(&mut self) {
        self.log = None;
    }

    /// Reports whether the source is itself a log.
    #[must_use]
    pub fn is_one_log(&self) -> bool {
        self.is_one_log
    }

    fn open(&mut self, entry: Entry<'static>, defects: &mut Vec<Defect>) -> io::Result<()> {
        let (member, coded) = (entry.member.clone(), entry.coded);
        match entry.open(&mut self.codecs, defects)? {
            Opened::Nothing => {}
            Opened::Archive(archive) => {
                self.is_one_log = false;
                self.archives.push(archive);
            }
            Opened::Table(table) => self.table = Some((Arc::new(table), member, 0)),
            Opened::Text(text) => {
                self.log = Some(Log {
                    reader: LogReader::new(text, coded, member),
                    n_given: 0,
                    is_at_start: true,
                });
            }
        }
        Ok(())
    }

    /// Returns the next block. `buffer` is cleared.
    pub fn next(&mut self, buffer: &mut Vec<u8>, defects: &mut Vec<Defect>) -> Option<Block> {
        buffer.clear();
        loop {
            let block = if let Some(log) = self.log.take() {
                self.cut(log, buffer, defects)
            } else if let Some((table, member, n)) = self.table.take() {
                self.group(table, member, n)
            } else if let Some(entry) = self.pending.take() {
                let member = entry.member.clone();
                if let Err(error) = self.open(entry, defects) {
                    defects.push(unreadable(&error).within(member.as_ref()));
                }
                None
            } else if !self.archives.is_empty() {
                self.pack(buffer, defects)
            } else {
                defects.extend(self.told.1.try_iter());
                return None;
            };
            defects.extend(self.told.1.try_iter());
            if let Some(content) = block {
                return Some(content);
            }
        }
    }

    /// Cuts a block off the log, which continues unless the block reaches its end.
    fn cut(
        &mut self,
        mut log: Log,
        buffer: &mut Vec<u8>,
        defects: &mut Vec<Defect>,
    ) -> Option<Block> {
        let mut block = Block {
            content: Content::Decoded,
            member: log.reader.member.clone(),
            beginning: 0..0,
            is_first: std::mem::replace(&mut log.is_at_start, false),
            end: BlockEnd::Open,
            stored_bytes: 0,
            n_gzip_members: 0,
        };
        if let Some((map, range)) = log.reader.text.as_mapped() {
            let start = range.start + log.n_given;
            let end = range.end.min(start.saturating_add(self.block_bytes));
            block.content = Content::Plain(Arc::clone(map), start..end);
            block.beginning = range.start..range.end.min(range.start + BEGINNING_BYTES);
            if end == range.end {
                block.end = BlockEnd::Text;
            }
            // The bytes of an archive's entry are counted when the archive continues after it.
            if self.is_one_log {
                block.stored_bytes = (end - start) as u64;
            }
            log.n_given = end - range.start;
            self.log = Some(log).filter(|_| block.end == BlockEnd::Open);
            return Some(block);
        }
        let n_stored = self.block_bytes.div_ceil(STORED_SHARE);
        // How much text comes out of parts is not known when they are cut.
        let can_cut = self.codecs.budget().is_none();
        if let Some(part) = can_cut.then(|| log.reader.text.cut(n_stored)).flatten() {
            block.content = Content::Part(Box::new(part));
            block.stored_bytes = self.stored_bytes.take();
            self.log = Some(log);
            return Some(block);
        }
        let limit = Limit::at(self.block_bytes.div_ceil(DECODED_SHARE));
        let codecs = &mut self.codecs;
        let mut filled = log.reader.fill_to_boundary(buffer, limit, codecs, defects);
        // Text that is not JSON may have a header, which must be seen whole.
        while block.is_first
            && filled == Filled::More
            && buffer.len() < BEGINNING_BYTES
            && !matches!(buffer.trim_ascii_start().first(), Some(b'{' | b'['))
        {
            let limit = Limit::at(BEGINNING_BYTES);
            filled = log.reader.fill_to_boundary(buffer, limit, codecs, defects);
        }
        if filled == Filled::Nested {
            let begun = std::mem::take(buffer);
            let told = self.told.0.clone();
            let member = log.reader.member.clone();
            let inner = log.reader.into_inside(begun, codecs, told);
            if let Err(error) = self.open(inner, defects) {
                defects.push(unreadable(&error).within(member.as_ref()));
            }
            return None;
        }
        block.n_gzip_members = log.reader.take_gzip_members();
        block.end = BlockEnd::behind(filled);
        block.stored_bytes = self.stored_bytes.take();
        match filled {
            Filled::End => {}
            Filled::Trailing => self.pending = Some(log.reader.into_trailing()),
            _ => self.log = Some(log),
        }
        Some(block)
    }

    /// Returns the next row group of a table.
    fn group(
        &mut self,
        table: Arc<Table>,
        member: Option<Arc<Member>>,
        group: usize,
    ) -> Option<Block> {
        if group >= table.n_groups() {
            return None;
        }
        self.table = Some((Arc::clone(&table), member.clone(), group + 1));
        Some(Block {
            content: Content::Group(table, group),
            member,
            beginning: 0..0,
            is_first: true,
            end: BlockEnd::Text,
            stored_bytes: self.stored_bytes.take(),
            n_gzip_members: 0,
        })
    }

    /// Reads the next small entries of the innermost archive.
    fn pack(&mut self, buffer: &mut Vec<u8>, defects: &mut Vec<Defect>) -> Option<Block> {
        let archive = self.archives.last_mut()?;
        let mut entries = Vec::new();
        while buffer.len() < PACK_BYTES && entries.len() < PACK_ENTRIES {
            let entry = match archive.next(defects) {
                Ok(Some(entry)) => entry,
                Ok(None) => {
                    self.archives.pop();
                    break;
                }
                Err(error) => {
                    defects.push(unreadable(&error));
                    self.archives.pop();
                    break;
                }
            };
            if entry
                .stored_bytes
                .is_none_or(|n| n > self.block_bytes as u64)
            {
                self.pending = Some(entry);
                break;
            }
            let (member, coded, start) = (entry.member.clone(), entry.coded, buffer.len());
            if let Err(error) = entry.append_to(buffer) {
                defects.push(unreadable(&error).within(member.as_ref()));
            }
            let range = start..buffer.len();
            entries.push(Packed {
                member,
                coded,
                range,
            });
        }
        let stored_bytes = self.stored_bytes.take();
        (!entries.is_empty() || stored_bytes > 0).then(|| Block {
            content: Content::Entries(entries),
            member: None,
            beginning: 0..0,
            is_first: true,
            end: BlockEnd::Text,
            stored_bytes,
            n_gzip_members: 0,
        })
    }
}

fn unreadable(error: &io::Error) -> Defect {
    Defect::new(Code::Unreadable, format!("cannot be read: {error}"))
}

/// Amount of a log needed to detect a header of rows: as much as the scan examines for one.
const BEGINNING_BYTES: usize = 1 << 20;

/// Divisor for decoded text, which is scanned in smaller pieces so that it stays in a core's second-level
/// cache.
const DECODED_SHARE: usize = 8;
/// Expansion factor of logs: their text is about eight times as large as what is stored.
const STORED_SHARE: usize = 8;

/// Maximum number of small entries in a block. The fixed cost of a block is then small compared to them.
const PACK_ENTRIES: usize = 256;
/// Number of stored bytes after which no further entry is put into a block.
const PACK_BYTES: usize = 512 * 1024;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::write::GzEncoder;
    use memmap2::MmapMut;

    use super::*;

    /// The result of cutting a file into blocks.
    #[derive(Debug, Default)]
    struct Cut {
        text: Vec<u8>,
        n_blocks: usize,
        n_parts: usize,
        /// True if a part ended elsewhere than at a member's end, and took over the rest.
        is_taken_over: bool,
    }

    fn cut(stored: &[u8], block_bytes: usize) -> Cut {
        let mut map = MmapMut::map_anon(stored.len()).unwrap();
        map.copy_from_slice(stored);
        let stored = Stored::mapped(Arc::new(map.make_read_only().unwrap()));
        let (mut codecs, mut defects) = (Codecs::default(), Vec::new());
        let mut blocks = Blocks::new(stored, block_bytes, None, &mut defects).unwrap();
        let (mut cut, mut buffer) = (Cut::default(), Vec::new());
        while !cut.is_taken_over
            && let Some(block) = blocks.next(&mut buffer, &mut defects)
        {
            cut.n_blocks += 1;
            match block.content {
                Content::Entries(_) | Content::Group(..) => panic!("no archive and no table"),
                Content::Plain(map, range) => cut.text.extend_from_slice(&map[range]),
                Content::Decoded => cut.text.append(&mut buffer),
                Content::Part(mut part) => {
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
        // As much as is examined before anything is cut off.
        let first = b"{}\n".repeat(200);
        let before = gzip(&first, 6);
        // Level 0 stores its text uncompressed, so what looks like a member occurs inside the member.
        let text = [vec![b'x'; 3000], gzip(b"[]\n", 6), vec![b'y'; 3000]].concat();
        let stored = [before, gzip(&text, 0), gzip(b"end\n", 6)].concat();
        let cut = cut(&stored, 4000);
        assert!(cut.is_taken_over, "{} blocks", cut.n_blocks);
        assert!(cut.text == [first, text, b"end\n".to_vec()].concat());
    }

    #[test]
    fn a_stream_and_a_single_member_are_decoded_in_order() {
        let text = b"{\"a\":1}\n".repeat(10_000);
        let cut = cut(&gzip(&text, 6), 1000);
        assert_eq!((cut.text == text, cut.n_parts), (true, 0));
        assert!(cut.n_blocks > 10, "{cut:?}");
    }
}
