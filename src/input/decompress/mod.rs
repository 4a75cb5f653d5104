//! From stored bytes to text, in steps of a bounded size.
//!
//! In: stored bytes, as one slice or as a stream, and their encoding. Out: [`Text`], which appends decoded
//! bytes to a buffer on each [`Text::fill`], and defects with their offset in the stored bytes. All members
//! of a gzip file, all frames of zstd, and all streams of bzip2 and xz form one text. What can be decoded
//! before a fault is returned first, and then what follows the next place where a member begins
//! ([`Filled::Gap`] between them).
//!
//! A text that is itself a container is a [`Filled::Nested`], which `archive` opens.

mod budget;
mod chunked;
mod gzip;
mod layer;
mod libdeflate;
mod resync;
mod part;
pub(super) mod plain;
mod streams;
mod utf16;
mod zstd;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::Arc;

use crc32fast::Hasher;
use memmap2::Mmap;

pub use budget::Budget;
pub use part::Part;

use super::sniff::{self, Format, SNIFF_BYTES};
use super::stored::{Input, Stored};
use crate::report::{Code, Defect};

/// Decoders and their memory, reused from one source to the next. One per worker.
#[derive(Debug, Default)]
pub struct Codecs {
    gzip: gzip::Gzip,
    zstd: zstd::Zstd,
    /// The limit on the text that may still come out of the source.
    budget: Option<Arc<Budget>>,
}

impl Codecs {
    /// Limits the text that may come out from now on.
    pub fn limit(&mut self, budget: Option<Arc<Budget>>) {
        self.budget = budget;
    }

    /// Returns the budget.
    #[must_use]
    pub fn budget(&self) -> Option<&Arc<Budget>> {
        self.budget.as_ref()
    }

    /// Takes out everything kept, and leaves new decoders with the same budget.
    fn take(&mut self) -> Self {
        let budget = self.budget.clone();
        std::mem::replace(
            self,
            Self {
                budget,
                ..Self::default()
            },
        )
    }
}

/// Result of a [`Text::fill`]: how the text continues, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// There may be more text.
    More,
    /// The next text does not belong to the text so far: there was a fault between them.
    Gap,
    /// The text begins as a container or another encoding does: see [`Text::into_layer`].
    Nested,
    /// The text is at its end, and the stored bytes after it are something else: see `Entry::behind`.
    Trailing,
    /// The text is at its end.
    End,
    /// The end of a [`Part`] is reached or passed.
    PartEnd,
}

/// Amounts of text for a buffer.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// Amount of text from which no further member, frame or step is begun.
    pub enough: usize,
    /// Maximum up to which members and frames are decoded whole, which is fastest.
    pub most: usize,
}

impl Limit {
    /// Sets both `enough` and `most` to `n_bytes`.
    #[must_use]
    pub fn at(n_bytes: usize) -> Self {
        Self {
            enough: n_bytes,
            most: n_bytes,
        }
    }
}

/// The encoding of stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Detected from the first bytes.
    Sniffed,
    /// Deflate without a header, as declared by a zip.
    Deflate,
    /// zstd, as declared by a zip.
    Zstd,
    /// bzip2, as declared by a zip.
    Bzip2,
    /// xz, as declared by a zip.
    Xz,
}

/// The values that a zip declares for a decoded entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) crc: u32,
    pub(super) n_bytes: u64,
}

/// The totals of what was decoded of a zip's entry, and the values that they must match.
struct Check {
    /// `None` if the values follow the entry.
    expected: Option<Expected>,
    crc: Hasher,
    n_bytes: u64,
}

/// The decoder of a text, and its position.
enum Decoding {
    Plain(plain::State),
    Gzip(gzip::State),
    Zstd(zstd::State),
    Stream(streams::State),
    Utf16(utf16::State),
    Chunked(chunked::State),
    Ended,
}

/// The position of a decoder, and its input.
pub(super) struct Reading<'a> {
    pub(super) input: Input<'a>,
    /// The offset at or after which no further member or frame is begun.
    until: u64,
    /// Position, in the buffer that was filled last, of the last member or frame that begins in it, if any.
    last_start: Option<usize>,
    /// Positions in the buffer where members or frames begin, of those begun by the last [`Text::fill`].
    starts: Vec<usize>,
    /// Number of members or frames that were begun.
    n_begun: u64,
    /// Position in the buffer where the text begins, as long as it is not known what the text is.
    begun_at: usize,
    /// True if the text is itself a container; `None` until that is known.
    is_layer: Option<bool>,
    /// True if this is a [`Part`], which opens nothing after its end.
    is_part: bool,
    /// True if something else is stored after the end.
    is_other_behind: bool,
}

impl Reading<'_> {
    fn begin(&mut self, at: usize) {
        self.last_start = Some(at);
        self.starts.push(at);
        self.n_begun += 1;
    }

    /// Reports whether a part ends here, or after the padding here.
    fn is_part_end(&mut self) -> bool {
        if self.until < u64::MAX
            && let Some(rest) = self.input.rest()
        {
            let left = self.until.saturating_sub(self.input.offset);
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let n_zeros = rest.iter().take(left).take_while(|b| **b == 0).count();
            self.input.take(n_zeros);
        }
        self.input.offset >= self.until
    }
}

/// The text of one log.
pub struct Text<'a> {
    reading: Reading<'a>,
    decoding: Decoding,
    check: Option<Check>,
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("offset", &self.reading.input.offset)
            .finish_non_exhaustive()
    }
}

impl<'a> Text<'a> {
    /// Creates the text of what is stored in this format. Returns `None` for an archive or an unsupported
    /// format.
    pub(super) fn new(
        input: Input<'a>,
        format: Format,
        codecs: &mut Codecs,
    ) -> Result<Self, Input<'a>> {
        let decoding = match format {
            Format::Plain => Decoding::Plain(plain::State::default()),
            Format::Gzip => Decoding::Gzip(codecs.gzip.start()),
            Format::Zstd => Decoding::Zstd(codecs.zstd.start()),
            Format::Bzip2 => Decoding::Stream(streams::State::bzip2()),
            Format::Xz => Decoding::Stream(streams::State::xz()),
            Format::Utf16(endian) => Decoding::Utf16(utf16::State::new(endian)),
            Format::Chunked => Decoding::Chunked(chunked::State::Start),
            Format::Tar
            | Format::Zip
            | Format::Parquet
            | Format::Encrypted(_)
            | Format::Unsupported(_) => {
                return Err(input);
            }
        };
        Ok(Self::decoded_by(decoding, input))
    }

    /// Creates the text of a zip's entry, whose encoding the zip declares.
    pub(super) fn of_entry(
        input: Input<'a>,
        coding: Coding,
        expected: Option<Expected>,
        codecs: &mut Codecs,
    ) -> Result<Self, Input<'a>> {
        let format = match coding {
            Coding::Sniffed => return Err(input),
            Coding::Deflate => None,
            Coding::Zstd => Some(Format::Zstd),
            Coding::Bzip2 => Some(Format::Bzip2),
            Coding::Xz => Some(Format::Xz),
        };
        let text = match format {
            Some(format) => Self::new(input, format, codecs)?,
            None => {
                let n_bytes = expected.map(|expected| expected.n_bytes);
                let state = codecs.gzip.start_without_head(n_bytes);
                Self::decoded_by(Decoding::Gzip(state), input)
            }
        };
        let check = Some(Check {
            expected,
            crc: Hasher::new(),
            n_bytes: 0,
        });
        Ok(Self { check, ..text })
    }

    /// Creates the text that is stored as it is up to this offset, where something else begins.
    pub(super) fn plain_up_to(input: Input<'a>, end: u64) -> Self {
        Self::decoded_by(Decoding::Plain(plain::State { end: Some(end) }), input)
    }

    /// Returns the stored bytes that were not consumed.
    pub(super) fn into_input(self) -> Input<'a> {
        self.reading.input
    }

    fn decoded_by(decoding: Decoding, input: Input<'a>) -> Self {
        Self {
            reading: Reading {
                input,
                until: u64::MAX,
                last_start: None,
                starts: Vec::new(),
                n_begun: 0,
                begun_at: 0,
                is_layer: None,
                is_part: false,
                is_other_behind: false,
            },
            decoding,
            check: None,
        }
    }

    /// Takes the whole text, if it is stored as it is and already at hand. Nothing is copied.
    #[must_use]
    pub fn take_slice(&mut self) -> Option<&'a [u8]> {
        let input = &mut self.reading.input;
        match (&self.decoding, &input.stored) {
            (Decoding::Plain(plain::State { end: None }), Stored::Slice(bytes)) => {
                let rest = &bytes[usize::try_from(input.offset).expect("an offset into a slice")..];
                input.take(rest.len());
                Some(rest)
            }
            _ => None,
        }
    }

    /// Returns how many stored bytes were consumed.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.reading.input.offset
    }

    /// Returns where in the buffer the last member or frame begins, of those that the last [`Text::fill`]
    /// began.
    #[must_use]
    pub fn last_start(&self) -> Option<usize> {
        self.reading.last_start
    }

    /// Returns where in the buffer members or frames begin, of those that the last [`Text::fill`] began.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.reading.starts
    }

    /// Returns how many gzip members it has so far; 0 if it is not gzip.
    #[must_use]
    pub fn n_gzip_members(&self) -> u64 {
        match self.decoding {
            Decoding::Gzip(_) => self.reading.n_begun,
            _ => 0,
        }
    }

    /// Returns the mapped text, if it is stored as it is. Nothing is copied.
    #[must_use]
    pub fn as_mapped(&self) -> Option<(&Arc<Mmap>, std::ops::Range<usize>)> {
        match (&self.decoding, &self.reading.input.stored) {
            (Decoding::Plain(plain::State { end: None }), Stored::Mapped(map, range)) => {
                let at = usize::try_from(self.reading.input.offset).expect("an offset into a map");
                Some((map, range.start + at..range.end))
            }
            _ => None,
        }
    }

    /// Appends text to `text` until that contains enough, or the text ends. Pass the same `codecs` on every
    /// call.
    ///
    /// A fault in the stored bytes is a defect, and so is an I/O error, which ends the text.
    pub fn fill(
        &mut self,
        text: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        let from = text.len();
        self.reading.begun_at = from;
        self.reading.starts.clear();
        let mut filled = self.fill_some(text, limit, codecs, defects);
        let is_plain = matches!(self.decoding, Decoding::Plain(_));
        if self.reading.is_layer.is_some() || is_plain {
            return filled;
        }
        // This much shows what the text is, even if less was requested, and whichever member it is in.
        let enough = from + SNIFF_BYTES;
        let limit = Limit {
            enough: limit.enough.max(enough),
            most: limit.most.max(enough),
        };
        while text.len() < enough && matches!(filled, Filled::More | Filled::PartEnd) {
            if self.reading.until < u64::MAX {
                self.reading.until = self.reading.input.offset + 1;
            }
            filled = self.fill_some(text, limit, codecs, defects);
        }
        let is_layer = is_layer(&text[from..]);
        self.reading.is_layer = Some(is_layer);
        match is_layer {
            true => Filled::Nested,
            false => filled,
        }
    }

    fn fill_some(
        &mut self,
        text: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        let (from, n_defects) = (text.len(), defects.len());
        let reading = &mut self.reading;
        reading.last_start = None;
        let filled = match &mut self.decoding {
            Decoding::Plain(state) => state.fill(reading, text, limit),
            Decoding::Gzip(state) => codecs.gzip.fill(state, reading, text, limit, defects),
            Decoding::Zstd(state) => codecs.zstd.fill(state, reading, text, limit, defects),
            Decoding::Stream(state) => state.fill(reading, text, limit, defects),
            Decoding::Utf16(state) => state.fill(reading, text, limit, defects),
            Decoding::Chunked(state) => state.fill(reading, text, limit, defects),
            Decoding::Ended => Ok(Filled::End),
        };
        let mut filled = filled.unwrap_or_else(|error| {
            let offset = reading.input.offset;
            defects.push(Defect::stored(Code::Unreadable, offset, error.to_string()));
            Filled::End
        });
        if reading.is_other_behind && filled == Filled::End {
            filled = Filled::Trailing;
        }
        let is_plain = matches!(self.decoding, Decoding::Plain(_));
        if let Some(budget) = codecs.budget.as_ref().filter(|_| !is_plain)
            && !budget.take(text.len() - from)
        {
            let message = format!(
                "more than {} bytes of text came out; the rest is not read",
                budget.n_bytes()
            );
            let offset = self.reading.input.offset;
            defects.push(Defect::stored(Code::DecodedLimit, offset, message));
            self.decoding = Decoding::Ended;
            filled = Filled::End;
        }
        if defects.len() > n_defects {
            // A defect is already reported, so a mismatch with the expected values would say nothing new.
            self.check = None;
        } else {
            self.check(&text[from..], filled, defects);
        }
        filled
    }

    /// Adds up what came out of a zip's entry, and at its end compares it with what the zip declares.
    fn check(&mut self, text: &[u8], filled: Filled, defects: &mut Vec<Defect>) {
        let Some(check) = &mut self.check else {
            return;
        };
        check.crc.update(text);
        check.n_bytes += text.len() as u64;
        if !matches!(filled, Filled::End | Filled::Trailing) {
            return;
        }
        let Check {
            expected,
            crc,
            n_bytes,
        } = self.check.take().expect("it is there");
        let input = &mut self.reading.input;
        let offset = input.offset;
        let told = expected.map(|expected| expected.crc);
        let is_more = expected.is_some() && input.peek().is_ok_and(|rest| !rest.is_empty());
        // An entry that ends without its descriptor is reported by the walk over the archive.
        let told = told.or_else(|| descriptor_crc(input).ok().flatten());
        let message = if told.is_some_and(|told| told != crc.finalize()) {
            "zip checksum does not fit the content"
        } else if expected.is_some_and(|expected| n_bytes != expected.n_bytes) {
            "zip length does not fit the content"
        } else if is_more {
            let message = "what follows the end of the zip's entry is not read, and counted to it";
            defects.push(Defect::stored(Code::TrailingBytes, offset, message));
            return;
        } else {
            return;
        };
        defects.push(Defect::stored(Code::Checksum, offset, message));
    }
}

/// Reads the checksum that follows a zip's entry, after a signature or without one (APPNOTE, 4.3.9).
fn descriptor_crc(input: &mut Input<'_>) -> io::Result<Option<u32>> {
    let mut word = [0; 4];
    let is_there =
        input.read_exact(&mut word)? && (word != *b"PK\x07\x08" || input.read_exact(&mut word)?);
    Ok(is_there.then(|| u32::from_le_bytes(word)))
}

/// Finds where something compressed begins in these bytes.
pub(super) fn find_start(bytes: &[u8]) -> Option<usize> {
    let finds = [gzip::find_header, zstd::find_frame, streams::find_stream];
    finds.iter().filter_map(|find| find(bytes)).min()
}

/// Reports whether decoded content must be decoded again.
fn is_layer(text: &[u8]) -> bool {
    sniff::sniff(&text[..text.len().min(SNIFF_BYTES)]) != Format::Plain
}

/// Makes room for `least` more bytes. Memory that must grow is doubled, but not beyond `limit`, so that text
/// that comes in small pieces is not copied for each piece.
fn make_room(text: &mut Vec<u8>, least: usize, limit: usize) {
    if text.capacity() - text.len() < least {
        let doubled = text.capacity().min(limit.saturating_sub(text.len()));
        text.reserve_exact(doubled.max(least));
    }
}
