//! zip (PKWARE's APPNOTE 6.3.10): every entry, in the order in which they are stored.
//!
//! The walk goes from header to header, in the order of the entries. So the same code reads slices, streams,
//! and archives that are cut off before their directory. The directory at the end is used for one thing only:
//! the length of an entry whose header says that its length follows it. If that is not available, deflate
//! itself shows its end. After damage the next header is searched for.

use std::io;

use memchr::memmem;

use super::Found;
use crate::input::decompress::{Coding, Expected};
use crate::input::stored::{Input, trailing};
use crate::report::{Code, Defect};

const LOCAL: &[u8; 4] = b"PK\x03\x04";
const CENTRAL: &[u8; 4] = b"PK\x01\x02";
const END: &[u8; 4] = b"PK\x05\x06";
const ZIP64_END: &[u8; 4] = b"PK\x06\x06";
const ZIP64_LOCATOR: &[u8; 4] = b"PK\x06\x07";
const EXTRA_DATA: &[u8; 4] = b"PK\x06\x08";
/// Marker before the first entry of an archive that was created as a split archive.
const SPLIT: &[u8; 4] = b"PK\x07\x08";
/// Marker of such an archive that was not split in the end.
const NOT_SPLIT: &[u8; 4] = b"PK00";

/// Maximum length of a descriptor, which may follow an entry: a signature, a checksum and two lengths.
const DESCRIPTOR_BYTES_MAX: u64 = 24;

const IS_ENCRYPTED: u16 = 1;
const HAS_DESCRIPTOR: u16 = 1 << 3;

/// Length of a header's fixed part.
const HEADER_BYTES: usize = 30;

/// State of the walk.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Offset of the directory's next record, if all bytes are at hand: the search in the directory only
    /// moves forward.
    central: Option<u64>,
    /// Base of the offsets in the directory: something may precede the archive, even another archive.
    base: u64,
    /// True once the end of an archive was found: what follows may no longer be an archive.
    is_past_end: bool,
    /// True if something whose length is unknown may follow the entry that was lent.
    is_open: bool,
    /// True if it begins as the first part of a split archive does.
    is_first_part: bool,
}

/// The sizes of an entry, from a header or a record of the directory.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    crc: u32,
    n_stored: u64,
    n_bytes: u64,
}

impl Walk {
    pub(super) fn new(input: &Input<'_>) -> Self {
        let directory = input.whole().and_then(find_directory);
        Self {
            central: directory.map(|(start, _)| start),
            base: directory.map_or(0, |(_, base)| base),
            ..Self::default()
        }
    }

    pub(super) fn next(
        &mut self,
        input: &mut Input<'_>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Option<Found>> {
        if std::mem::take(&mut self.is_open) {
            let start = input.offset;
            if !input.find_next(start.saturating_sub(1), 4, &find_mark)? {
                return Ok(self.end(input, defects));
            }
            let n_between = input.offset - start;
            if n_between > DESCRIPTOR_BYTES_MAX {
                let message =
                    format!("{n_between} bytes behind a zip entry are not its descriptor");
                defects.push(Defect::stored(Code::CorruptStream, start, message));
            }
        }
        loop {
            let start = input.offset;
            input.keep_from_here();
            let mut mark = [0; 4];
            let n_read = input.read_up_to(&mut mark)?;
            let is_passed = match &mark {
                _ if n_read == 0 => return Ok(self.end(input, defects)),
                _ if n_read < 4 => Ok(false),
                LOCAL => {
                    input.keep_no_more();
                    self.is_past_end = false;
                    if let Some(found) = self.entry(start, input, defects)? {
                        return Ok(Some(found));
                    }
                    continue;
                }
                NOT_SPLIT | SPLIT => {
                    self.is_first_part |= start == 0;
                    Ok(true)
                }
                CENTRAL => skip_record(input, 42, [24, 26, 28]),
                END => {
                    self.is_past_end = true;
                    self.report_part(start, input, defects)?;
                    skip_record(input, 18, [16, 18, 18])
                }
                ZIP64_END | EXTRA_DATA => skip_sized(input, mark == *ZIP64_END),
                ZIP64_LOCATOR => Ok(input.skip(16)? == 0),
                _ => Ok(false),
            }?;
            if !is_passed && !self.resynchronise(start, n_read, input, defects)? {
                return Ok(None);
            }
        }
    }

    /// Handles the end of the entries. A zip ends with its directory: without it there may have been more
    /// entries.
    fn end(&mut self, input: &Input<'_>, defects: &mut Vec<Defect>) -> Option<Found> {
        if !std::mem::replace(&mut self.is_past_end, true) {
            let message = "zip ends without its directory";
            defects.push(Defect::stored(Code::Truncated, input.offset, message));
        }
        None
    }

    /// Reports that the archive, whose end record is at `start`, is the last part of a split one whose first
    /// part is not here.
    fn report_part(
        &self,
        start: u64,
        input: &mut Input<'_>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<()> {
        let ahead = input.look_ahead(2)?;
        let part = ahead.first_chunk().map_or(0, |n| u16::from_le_bytes(*n));
        // In large archives the number is elsewhere.
        if matches!(part, 1..=0xfffe) && !self.is_first_part {
            defects.push(Defect::stored(Code::Truncated, start, last_part(part)));
        }
        Ok(())
    }

    fn resynchronise(
        &mut self,
        start: u64,
        n_read: usize,
        input: &mut Input<'_>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<bool> {
        let is_cut = n_read < 4 || input.peek()?.is_empty();
        let defect = if self.is_past_end {
            trailing(start, "zip entry")
        } else if is_cut {
            Defect::stored(Code::Truncated, start, "zip ends early")
        } else {
            Defect::stored(Code::CorruptStream, start, "no zip header stands here")
        };
        input.skip_to_next(defect, start, HEADER_BYTES, &find_header, defects)
    }

    /// Returns the entry whose header begins at `start`, from after its signature, if it has content that is
    /// read.
    fn entry(
        &mut self,
        start: u64,
        input: &mut Input<'_>,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Option<Found>> {
        let Some(header) = Header::read(input)? else {
            let message = "zip ends inside a header";
            defects.push(Defect::stored(Code::Truncated, input.offset, message));
            return Ok(None);
        };
        let has_descriptor = header.flags & HAS_DESCRIPTOR != 0;
        let sizes = match has_descriptor {
            false => Some(header.sizes),
            true => self.sizes_by_directory(start, input),
        };
        if header.path.ends_with(b"/") && sizes.is_none_or(|sizes| sizes.n_stored == 0) {
            return Ok(None);
        }
        // An encoding that does not show its own end cannot be read in passing.
        let coding = header.coding().and_then(|coding| match (sizes, coding) {
            (Some(_), _) | (None, Coding::Deflate) => Ok(coding),
            _ => {
                let message = "has a length that comes only behind it".to_owned();
                Err((Code::UnsupportedFormat, message))
            }
        });
        match coding {
            Ok(coding) => {
                self.is_open = has_descriptor;
                Ok(Some(Found {
                    path: header.path,
                    n_stored: sizes.map(|sizes| sizes.n_stored),
                    coding,
                    expected: sizes.map(|sizes| Expected {
                        crc: sizes.crc,
                        n_bytes: sizes.n_bytes,
                    }),
                    map: None,
                }))
            }
            Err((code, why)) => {
                let path = String::from_utf8_lossy(&header.path);
                defects.push(Defect::stored(
                    code,
                    start,
                    format!("zip entry {path:?} {why}"),
                ));
                if let Some(sizes) = sizes {
                    input.skip(sizes.n_stored)?;
                }
                // The walk reports whether anything follows.
                input.find_next(input.offset.saturating_sub(1), 4, &find_mark)?;
                Ok(None)
            }
        }
    }

    /// Returns the sizes that the directory records for the entry whose header begins at `start`. All writers
    /// put the records in the order of the entries, so each is examined once.
    fn sizes_by_directory(&mut self, start: u64, input: &Input<'_>) -> Option<Sizes> {
        let whole = input.whole()?;
        loop {
            let at = usize::try_from(self.central?).ok()?;
            let record = whole.get(at..)?;
            let fixed = record
                .first_chunk::<46>()
                .filter(|r| r.starts_with(CENTRAL))?;
            let [n_path, n_extra, n_comment] =
                [28, 30, 32].map(|at| usize::from(u16_at(fixed, at)));
            let extra = record.get(46 + n_path..46 + n_path + n_extra)?;
            let offset = u64::from(u32_at(fixed, 42));
            let sizes = Sizes {
                crc: u32_at(fixed, 16),
                n_stored: u32_at(fixed, 20).into(),
                n_bytes: u32_at(fixed, 24).into(),
            };
            let (sizes, offset) = sizes.and_offset_by_zip64(offset, extra);
            let offset = offset.checked_add(self.base)?;
            if offset > start {
                return None;
            }
            self.central = Some((at + 46 + n_path + n_extra + n_comment) as u64);
            if offset == start {
                return Some(sizes);
            }
        }
    }
}

/// The header before an entry.
struct Header {
    flags: u16,
    method: u16,
    sizes: Sizes,
    path: Vec<u8>,
}

impl Header {
    /// Reads the header, from after its signature. Returns `None` if the archive ends before the header does.
    fn read(input: &mut Input<'_>) -> io::Result<Option<Self>> {
        let mut fixed = [0; HEADER_BYTES - 4];
        if !input.read_exact(&mut fixed)? {
            return Ok(None);
        }
        let (n_path, n_extra) = (u16_at(&fixed, 22), u16_at(&fixed, 24));
        let (mut path, mut extra) = (vec![0; n_path.into()], vec![0; n_extra.into()]);
        if !input.read_exact(&mut path)? || !input.read_exact(&mut extra)? {
            return Ok(None);
        }
        let sizes = Sizes {
            crc: u32_at(&fixed, 10),
            n_stored: u32_at(&fixed, 14).into(),
            n_bytes: u32_at(&fixed, 18).into(),
        };
        Ok(Some(Self {
            flags: u16_at(&fixed, 2),
            method: u16_at(&fixed, 4),
            sizes: sizes.or_by_zip64(&extra),
            path,
        }))
    }

    /// Returns how the entry is encoded, or why it is not read.
    fn coding(&self) -> Result<Coding, (Code, String)> {
        match self.method {
            _ if self.flags & IS_ENCRYPTED != 0 => {
                Err((Code::Encrypted, "is encrypted".to_owned()))
            }
            0 => Ok(Coding::Sniffed),
            8 => Ok(Coding::Deflate),
            12 => Ok(Coding::Bzip2),
            93 => Ok(Coding::Zstd),
            95 => Ok(Coding::Xz),
            n => {
                let message = format!("is compressed by method {n}, which is not read");
                Err((Code::UnsupportedFormat, message))
            }
        }
    }
}

impl Sizes {
    /// Returns the 64-bit sizes, if they do not fit into 32 bits (APPNOTE, 4.5.3).
    fn or_by_zip64(self, extra: &[u8]) -> Self {
        self.and_offset_by_zip64(0, extra).0
    }

    fn and_offset_by_zip64(mut self, mut offset: u64, extra: &[u8]) -> (Self, u64) {
        const IN_EXTRA: u64 = u32::MAX as u64;
        let mut rest = extra;
        while let Some((head, behind)) = rest.split_first_chunk::<4>() {
            let n = usize::from(u16_at(head, 2));
            let (field, next) = behind.split_at_checked(n).unwrap_or((behind, &[]));
            if u16_at(head, 0) == 1 {
                let mut numbers = field
                    .as_chunks::<8>()
                    .0
                    .iter()
                    .map(|n| u64::from_le_bytes(*n));
                for size in [&mut self.n_bytes, &mut self.n_stored, &mut offset] {
                    if *size == IN_EXTRA
                        && let Some(number) = numbers.next()
                    {
                        *size = number;
                    }
                }
            }
            rest = next;
        }
        (self, offset)
    }
}

fn last_part(part: u16) -> String {
    format!(
        "zip is the last part of a split archive; {part} parts before it are files of their own, and read as such"
    )
}

/// Reports whether these bytes end as a zip does, whatever they begin with.
pub(super) fn ends(bytes: &[u8]) -> bool {
    // Nearly all texts have no zero byte at their end, and checking that is cheaper than searching for the
    // signature.
    let near = &bytes[bytes
        .len()
        .saturating_sub(END_BYTES + usize::from(u16::MAX))..];
    let is_likely = near[near.len().saturating_sub(END_BYTES)..].contains(&0)
        || memmem::rfind(near, END).is_some();
    is_likely && find_directory(bytes).is_some_and(|(start, _)| begins_directory(bytes, start))
}

fn begins_directory(bytes: &[u8], start: u64) -> bool {
    let at = usize::try_from(start).unwrap_or(usize::MAX);
    bytes
        .get(at..)
        .is_some_and(|rest| rest.starts_with(CENTRAL))
}

/// Length of the record at the end of an archive, without its comment.
const END_BYTES: usize = 22;

/// Finds where the directory begins, and the base of the offsets in it, by the record at the end of the
/// archive. A comment of at most 64 KiB may follow that record, and may contain what looks like it.
fn find_directory(bytes: &[u8]) -> Option<(u64, u64)> {
    let from = bytes
        .len()
        .saturating_sub(END_BYTES + usize::from(u16::MAX));
    let places = || memmem::rfind_iter(&bytes[from..], END).map(|at| from + at);
    let is_at_end = |at: &usize| {
        let end = bytes.get(*at..*at + END_BYTES);
        end.is_some_and(|end| at + END_BYTES + usize::from(u16_at(end, 20)) == bytes.len())
    };
    let is_sound = |(start, _): &(u64, u64)| begins_directory(bytes, *start);
    let of = |at: usize| directory_before(bytes, at);
    let at_end = places().filter(is_at_end).filter_map(of).find(is_sound);
    let any = || places().filter_map(of).find(is_sound);
    at_end.or_else(any).or_else(|| places().find_map(of))
}

/// Finds the directory by the end record at `at`.
fn directory_before(bytes: &[u8], at: usize) -> Option<(u64, u64)> {
    let end = bytes.get(at..at + END_BYTES)?;
    let (n_bytes, offset) = (u32_at(end, 12), u32_at(end, 16));
    let (end, n_bytes, offset) = if offset == u32::MAX || n_bytes == u32::MAX {
        let locator_at = at.checked_sub(20)?;
        let locator = bytes.get(locator_at..at)?.strip_prefix(ZIP64_LOCATOR)?;
        let is_there = |at: &usize| bytes.get(*at..).is_some_and(|b| b.starts_with(ZIP64_END));
        // If something precedes the archive, the record is not where the locator says.
        let told = usize::try_from(u64_at(locator, 4)).ok().filter(is_there);
        let zip64 = told.or_else(|| locator_at.checked_sub(ZIP64_END_BYTES).filter(is_there))?;
        let record = bytes.get(zip64..zip64.checked_add(ZIP64_END_BYTES)?)?;
        (zip64 as u64, u64_at(record, 40), u64_at(record, 48))
    } else {
        (at as u64, n_bytes.into(), offset.into())
    };
    let start = end.checked_sub(n_bytes)?;
    Some((start, start.checked_sub(offset)?))
}

const ZIP64_END_BYTES: usize = 56;

/// Finds the next place where any signature occurs.
fn find_mark(bytes: &[u8]) -> Option<usize> {
    const MARKS: [&[u8; 4]; 5] = [LOCAL, CENTRAL, END, ZIP64_END, EXTRA_DATA];
    let mut places = memmem::find_iter(bytes, b"PK");
    places.find(|at| {
        let mark = bytes.get(*at..at + 4);
        mark.is_some_and(|mark| MARKS.iter().any(|m| mark == m.as_slice()))
    })
}

/// Finds the next place where the header of an entry may be: its signature, and a version and a method that
/// exist.
pub(super) fn find_header(bytes: &[u8]) -> Option<usize> {
    let mut places = memmem::find_iter(bytes, LOCAL);
    places.find(|at| {
        let header = bytes.get(at + 4..at + HEADER_BYTES);
        header.is_some_and(|header| header[0] <= 63 && u16_at(header, 4) <= 99)
    })
}

/// Skips a record, from after its signature: `n_fixed` bytes, and as many more as the numbers at these places
/// in them say. A place outside the fixed bytes counts as 0.
fn skip_record(input: &mut Input<'_>, n_fixed: usize, lengths: [usize; 3]) -> io::Result<bool> {
    let mut fixed = vec![0; n_fixed];
    if !input.read_exact(&mut fixed)? {
        return Ok(false);
    }
    let length = |at: &usize| {
        fixed
            .get(*at..at + 2)
            .map_or(0, |n| u64::from(u16_at(n, 0)))
    };
    Ok(input.skip(lengths.iter().map(length).sum())? == 0)
}

/// Skips a record that begins, after its signature, with its length.
fn skip_sized(input: &mut Input<'_>, is_long: bool) -> io::Result<bool> {
    let mut length = [0; 8];
    let n = if is_long { 8 } else { 4 };
    Ok(input.read_exact(&mut length[..n])? && input.skip(u64::from_le_bytes(length))? == 0)
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}
