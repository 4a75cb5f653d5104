//! tar, of every kind: v7, ustar, GNU and pax (POSIX.1-2024, `pax`; GNU tar manual, "Basic Tar Format").
//!
//! Behind two empty blocks GNU tar reads no further; what stands there is an archive that was appended, or
//! somebody's hiding place, and is read. Behind damage the next header is looked for, by its magic and its
//! checksum.

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

/// The longest path or set of pax fields that is held.
const EXTENSION_BYTES_MAX: u64 = 1 << 20;

/// Where the walk stands.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Where the next header is, behind the padding of the entry before.
    next_header: u64,
    /// Whether an empty block was met: what follows need not be an archive any more.
    is_past_end: bool,
}

/// What the headers before an entry's own say of it.
#[derive(Debug, Default)]
struct Extensions {
    path: Option<Vec<u8>>,
    n_bytes: Option<u64>,
    /// How long a file with holes is.
    full_bytes: Option<u64>,
    /// Its map: an offset, a length, an offset, and so on.
    map: Vec<u64>,
    /// Whether the map stands before what is stored.
    is_map_stored: bool,
}

impl Extensions {
    /// Takes in fields of pax. One that cannot be read leaves what the header itself says.
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

    /// The map of a file with holes, if it is one.
    fn map(&self) -> Option<Map> {
        (!self.map.is_empty()).then(|| Map::of_numbers(&self.map, self.full_bytes))
    }
}

/// A decimal number.
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
            // An entry that ends early was told.
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

    /// Goes on at the next header behind what is none.
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

    /// The entry with this header, if that is one with content.
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
        // Counted from the header: behind damage none need stand at a whole block.
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
                // Old programs tell the size of what a link leads to, and store nothing.
                if !is_extension {
                    self.next_header = input.offset;
                    *extensions = Extensions::default();
                }
            }
            // What is not known is to be taken for a file, by POSIX.
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

    /// An entry of so many stored bytes.
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

    /// The map of a sparse file of the old kind: it begins in the header, and may go on in blocks behind that.
    fn old_map(&mut self, header: &Header, input: &mut Input<'_>) -> io::Result<Map> {
        const NUMBER_BYTES: usize = 12;
        let octal = |field: &[u8]| {
            let digits = field.iter().filter(|byte| byte.is_ascii_digit());
            digits.fold(0_u64, |n, digit| {
                n.saturating_mul(8).saturating_add(u64::from(digit - b'0'))
            })
        };
        // Large numbers are binary, behind a bit that tells so.
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

/// The map of a sparse file of pax's kind 1.0, in whole blocks before what is stored: how many parts, and then for each
/// an offset and a length, a line for each number.
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

/// The next bytes, or as many as there are.
fn read(input: &mut Input<'_>, n_bytes: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(n_bytes).expect("a small number")];
    let n_read = input.read_up_to(&mut bytes)?;
    bytes.truncate(n_read);
    Ok(bytes)
}

/// Where a header with a magic stands in these bytes.
pub(super) fn find_header(bytes: &[u8]) -> Option<usize> {
    const MAGIC_AT: usize = 257;
    let magic = memmem::find_iter(bytes.get(MAGIC_AT..)?, b"ustar");
    let mut headers = magic.filter(|at| is_tar_header(&bytes[*at..]));
    headers.next()
}
