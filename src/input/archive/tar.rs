//! tar in all its formats: v7, ustar, GNU and pax (POSIX.1-2024, `pax`; GNU tar manual, "Basic Tar Format").
//!
//! GNU tar stops reading after two empty blocks. What follows may be an appended archive or deliberately
//! hidden, so it is read. After damage the next header is found by its magic and its checksum.

use std::io;

use memchr::{memmem, memrchr};
use tar::{EntryType, Header, PaxExtensions};

use super::Found;
use super::sparse::Map;
use crate::input::decompress::Coding;
use crate::input::sniff::is_tar_header;
use crate::input::stored::{Input, trailing};
use crate::report::{Code, Defect};

const BLOCK_BYTES: usize = 512;
const BLOCK_BYTES_64: u64 = BLOCK_BYTES as u64;

/// Maximum length of a path or set of pax fields that is kept.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// State of the walk.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Offset of the next header, after the padding of the entry before.
    next_header: u64,
    /// True once an empty block was found: what follows may no longer be an archive.
    is_past_end: bool,
}

/// Information on an entry from the headers before its own.
#[derive(Debug, Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    n_bytes: Option<u64>,
    /// The length of a file with holes.
    full_bytes: Option<u64>,
    /// The file's map: an offset, a length, an offset, and so on.
    map: Vec<u64>,
    /// True if the map precedes the stored data.
    is_map_stored: bool,
}

impl Extensions {
    /// Adds pax fields. If a field cannot be read, the value in the header itself remains.
    fn take_in(&mut self, fields: &[u8]) {
        for field in PaxExtensions::new(fields).flatten() {
            match field.key_bytes() {
                b"path" | b"GNU.sparse.name" => self.path = Some(field.value_bytes().to_vec()),
                b"size" => self.n_bytes = number(field.value_bytes()),
                b"GNU.sparse.size" | b"GNU.sparse.realsize" => {
                    self.full_bytes = number(field.value_bytes());
                }
                b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                    self.map.extend(number(field.value_bytes()));
                }
                b"GNU.sparse.map" => {
                    let numbers = field.value_bytes().split(|byte| *byte == b',');
                    self.map = numbers.filter_map(number).collect();
                }
                b"GNU.sparse.major" => self.is_map_stored = field.value_bytes() == b"1",
                _ => {}
            }
        }
    }

    /// Returns the map of a file with holes, if it is one.
    fn map(&self) -> Option<Map> {
        (!self.map.is_empty()).then(|| Map::of_numbers(&self.map, self.full_bytes))
    }
}

/// Parses a decimal number.
fn number(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

impl Walk {
    pub(super) fn next(
        &mut self,
        input: &mut Input<'_>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Option<Found>> {
        let mut extensions = Extensions::default();
        loop {
            // An entry that ends early was already reported.
            input.skip(self.next_header.saturating_sub(input.offset))?;
            let start = input.offset;
            input.keep_from_here();
            let mut block = [0; BLOCK_BYTES];
            let n_read = input.read_up_to(&mut block)?;
            self.next_header = input.offset;
            if block[..n_read].iter().all(|byte| *byte == 0) {
                if n_read < BLOCK_BYTES {
                    if !std::mem::replace(&mut self.is_past_end, true) {
                        let message = "tar ends without the empty blocks that mark its end";
                        defects.push(Defect::stored(Code::Truncated, input.offset, message));
                    }
                    return Ok(None);
                }
                self.is_past_end = true;
                continue;
            }
            if !is_tar_header(&block[..n_read]) {
                if !self.resynchronise(start, n_read, input, defects)? {
                    return Ok(None);
                }
                continue;
            }
            self.is_past_end = false;
            input.keep_no_more();
            let header = Header::from_byte_slice(&block);
            let found = self.entry(header, start, &mut extensions, input, defects)?;
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Continues at the next header after a block that is not a header. Returns whether there is one.
    fn resynchronise(
        &mut self,
        start: u64,
        n_read: usize,
        input: &mut Input<'_>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<bool> {
        let defect = if self.is_past_end {
            trailing(start, "tar entry")
        } else if n_read < BLOCK_BYTES {
            Defect::stored(Code::Truncated, input.offset, "tar ends inside a header")
        } else {
            Defect::stored(Code::CorruptStream, start, "tar header is damaged")
        };
        let is_found = input.skip_to_next(defect, start, BLOCK_BYTES, &find_header, defects)?;
        self.next_header = input.offset;
        Ok(is_found)
    }

    /// Returns the entry with this header, if it has content.
    fn entry(
        &mut self,
        header: &Header,
        start: u64,
        extensions: &mut Extensions,
        input: &mut Input<'_>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Option<Found>> {
        let Ok(told) = header.entry_size() else {
            let message = "tar entry has a size that is no number";
            defects.push(Defect::stored(Code::CorruptStream, start, message));
            return Ok(None);
        };
        let kind = header.entry_type();
        let is_extension = matches!(
            kind,
            EntryType::GNULongName
                | EntryType::XHeader
                | EntryType::GNULongLink
                | EntryType::XGlobalHeader
        );
        let n_bytes = match extensions.n_bytes.filter(|_| !is_extension) {
            Some(n_bytes) => n_bytes,
            None => told,
        };
        // Counted from the header, because after damage none need be at a multiple of the block size.
        let n_blocks = n_bytes.div_ceil(BLOCK_BYTES_64);
        self.next_header = (input.offset).saturating_add(n_blocks.saturating_mul(BLOCK_BYTES_64));
        match kind {
            EntryType::GNULongName | EntryType::XHeader if n_bytes > EXTENSION_BYTES_MAX => {
                let message = format!("tar path of {n_bytes} bytes is not read");
                defects.push(Defect::stored(Code::CorruptStream, start, message));
            }
            EntryType::GNULongName => {
                let mut path = read(input, n_bytes)?;
                path.truncate(path.iter().position(|b| *b == 0).unwrap_or(path.len()));
                extensions.path = Some(path);
            }
            EntryType::XHeader => extensions.take_in(&read(input, n_bytes)?),
            EntryType::GNUSparse => {
                let map = self.old_map(header, input)?;
                return Ok(Some(self.found(header, n_bytes, Some(map), extensions)));
            }
            EntryType::Link
            | EntryType::Symlink
            | EntryType::Char
            | EntryType::Block
            | EntryType::Directory
            | EntryType::Fifo
            | EntryType::GNULongLink
            | EntryType::XGlobalHeader
                if is_extension
                    || n_bytes == 0
                    || is_tar_header(&input.look_ahead(BLOCK_BYTES)?) =>
            {
                // Old programs record the size of a link's target, and store nothing.
                if !is_extension {
                    self.next_header = input.offset;
                    *extensions = Extensions::default();
                }
            }
            // POSIX requires that an unknown type be treated as a file.
            _ => {
                let mut n_stored = n_bytes;
                if extensions.is_map_stored {
                    extensions.map = stored_map(input)?;
                    let n_taken = self.next_header.saturating_sub(input.offset);
                    n_stored = n_bytes.saturating_sub(n_blocks * BLOCK_BYTES_64 - n_taken);
                }
                let map = extensions.map();
                return Ok(Some(self.found(header, n_stored, map, extensions)));
            }
        }
        Ok(None)
    }

    /// Creates an entry with this number of stored bytes.
    fn found(
        &self,
        header: &Header,
        n_stored: u64,
        map: Option<Map>,
        extensions: &mut Extensions,
    ) -> Found {
        let own = || header.path_bytes().into_owned();
        Found {
            path: std::mem::take(extensions).path.unwrap_or_else(own),
            n_stored: Some(n_stored),
            coding: Coding::Sniffed,
            expected: None,
            map,
        }
    }

    /// Reads the map of a sparse file in the old format. It begins in the header, and may continue in blocks
    /// after that.
    fn old_map(&mut self, header: &Header, input: &mut Input<'_>) -> io::Result<Map> {
        const NUMBER_BYTES: usize = 12;
        let octal = |field: &[u8]| {
            let digits = field.iter().filter(|byte| byte.is_ascii_digit());
            digits.fold(0_u64, |n, digit| {
                n.saturating_mul(8).saturating_add(u64::from(digit - b'0'))
            })
        };
        // Large numbers are binary, after a bit that marks them.
        let number = |field: &[u8]| match field {
            [0x80, .., a, b, c, d, e, f, g, h] => {
                u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])
            }
            _ => octal(field),
        };
        let (mut numbers, mut is_more) = (Vec::new(), header.as_bytes()[482] != 0);
        let mut take_in = |fields: &[u8]| {
            let pairs = fields.chunks_exact(2 * NUMBER_BYTES);
            for pair in pairs.take_while(|pair| pair[0] != 0) {
                numbers.extend(pair.chunks(NUMBER_BYTES).map(number));
            }
        };
        take_in(&header.as_bytes()[386..482]);
        while is_more {
            let mut block = [0; BLOCK_BYTES];
            is_more = input.read_exact(&mut block)? && block[504] != 0;
            take_in(&block[..504]);
            self.next_header += BLOCK_BYTES_64;
        }
        let full_bytes = number(&header.as_bytes()[483..495]);
        Ok(Map::of_numbers(&numbers, Some(full_bytes)))
    }
}

/// Reads the map of a sparse file in pax format 1.0. It is in whole blocks before the stored data: the number
/// of parts, and then for each an offset and a length, one number per line.
fn stored_map(input: &mut Input<'_>) -> io::Result<Vec<u64>> {
    let (mut text, mut numbers) = (Vec::new(), Vec::new());
    loop {
        let mut block = [0; BLOCK_BYTES];
        if !input.read_exact(&mut block)? {
            return Ok(numbers);
        }
        text.extend_from_slice(&block);
        let Some(end) = memrchr(b'\n', &text) else {
            return Ok(numbers);
        };
        let lines: Vec<u8> = text.drain(..=end).collect();
        let lines = lines.split(|byte| *byte == b'\n');
        numbers.extend(lines.filter(|line| !line.is_empty()).filter_map(number));
        let n_parts = numbers.first().copied().unwrap_or(0);
        let n_numbers = n_parts.saturating_mul(2).saturating_add(1);
        if numbers.len() as u64 >= n_numbers || text.len() > BLOCK_BYTES {
            numbers.truncate(usize::try_from(n_numbers).unwrap_or(usize::MAX));
            numbers.drain(..1.min(numbers.len()));
            return Ok(numbers);
        }
    }
}

/// Reads the next bytes, or as many as there are.
fn read(input: &mut Input<'_>, n_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(n_bytes).expect("a small number")];
    let n_read = input.read_up_to(&mut bytes)?;
    bytes.truncate(n_read);
    Ok(bytes)
}

/// Finds a header with a magic in these bytes.
pub(super) fn find_header(bytes: &[u8]) -> Option<usize> {
    const MAGIC_AT: usize = 257;
    let magic = memmem::find_iter(bytes.get(MAGIC_AT..)?, b"ustar");
    let mut headers = magic.filter(|at| is_tar_header(&bytes[*at..]));
    headers.next()
}
