//! From stored bytes to text, in steps of a bounded size.
//!
//! In: a file's bytes, as one slice or as a stream. Out: [`Text`], which appends decompressed bytes to a
//! buffer on each [`Text::fill`], and defects with their offset in the stored file. All members of a gzip
//! file and all frames of a zstd file make one text. What can be decoded before a fault is given out;
//! nothing after it is (a later version goes on at the next member).

mod gzip;
mod libdeflate;
mod zstd;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Read as _};
use std::sync::Arc;

use memmap2::Mmap;

use super::sniff::{self, Format, SNIFF_BYTES};
use crate::report::{Code, Defect};

/// Decoders and their memory, kept from one source to the next. One per worker.
#[derive(Debug, Default)]
pub struct Codecs {
    gzip: gzip::Gzip,
    zstd: zstd::Zstd,
}

/// The stored bytes of a source.
pub enum Stored<'a> {
    /// All of them, mapped or read.
    Slice(&'a [u8]),
    /// All of them, mapped, to be held by several threads.
    Mapped(Arc<Mmap>),
    /// As they come.
    Stream(Box<dyn BufRead + Send + 'a>),
}

impl std::fmt::Debug for Stored<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slice(bytes) => f.debug_tuple("Slice").field(&bytes.len()).finish(),
            Self::Mapped(map) => f.debug_tuple("Mapped").field(&map.len()).finish(),
            Self::Stream(_) => f.debug_tuple("Stream").finish_non_exhaustive(),
        }
    }
}

/// Stored bytes and how far they were taken.
struct Input<'a> {
    stored: Stored<'a>,
    /// The offset of the next byte.
    offset: u64,
    /// The offset at or after which no further member or frame is begun.
    until: u64,
    /// Where in the buffer that was filled last the last member or frame begins, if any does in it.
    last_start: Option<usize>,
}

impl Input<'_> {
    /// The bytes from here on, if all of them are at hand.
    fn rest(&self) -> Option<&[u8]> {
        match &self.stored {
            Stored::Slice(bytes) => Some(from(bytes, self.offset)),
            Stored::Mapped(map) => Some(from(map, self.offset)),
            Stored::Stream(_) => None,
        }
    }

    /// The bytes at hand, at least one unless the input is at its end.
    fn peek(&mut self) -> io::Result<&[u8]> {
        match &mut self.stored {
            Stored::Slice(bytes) => Ok(from(bytes, self.offset)),
            Stored::Mapped(map) => Ok(from(map, self.offset)),
            Stored::Stream(stream) => stream.fill_buf(),
        }
    }

    /// Goes back to an offset that was passed, if all stored bytes are at hand.
    fn rewind(&mut self, offset: u64) -> bool {
        let is_at_hand = !matches!(self.stored, Stored::Stream(_));
        if is_at_hand {
            self.offset = offset;
        }
        is_at_hand
    }

    fn take(&mut self, n: usize) {
        self.offset += n as u64;
        if let Stored::Stream(stream) = &mut self.stored {
            stream.consume(n);
        }
    }

    /// Reads on until `bytes` is full. False if the input ends before.
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<bool> {
        let mut filled = 0;
        while filled < bytes.len() {
            let at_hand = self.peek()?;
            if at_hand.is_empty() {
                return Ok(false);
            }
            let n = at_hand.len().min(bytes.len() - filled);
            bytes[filled..filled + n].copy_from_slice(&at_hand[..n]);
            self.take(n);
            filled += n;
        }
        Ok(true)
    }

    /// Whether a part ends here, or behind the padding here.
    fn is_part_end(&mut self) -> bool {
        if self.until < u64::MAX
            && let Some(rest) = self.rest()
        {
            let left =
                usize::try_from(self.until.saturating_sub(self.offset)).unwrap_or(usize::MAX);
            let n_zeros = rest.iter().take(left).take_while(|b| **b == 0).count();
            self.take(n_zeros);
        }
        self.offset >= self.until
    }

    /// Takes all zero bytes at hand and after: padding of tapes and blocks. The first other byte, if any.
    fn skip_zeros(&mut self) -> io::Result<Option<u8>> {
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
}

fn from(whole: &[u8], offset: u64) -> &[u8] {
    &whole[usize::try_from(offset).expect("an offset into a slice")..]
}

/// Whether a text goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// There may be more.
    More,
    /// The text is at its end.
    End,
    /// The end of a [`Part`] is reached, or passed.
    PartEnd,
}

/// How much text a buffer shall hold.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    /// With so much of it no further member, frame or step is begun.
    pub enough: usize,
    /// Members and frames are decoded whole, which is fastest, as long as there is not more than this.
    pub most: usize,
}

impl Limit {
    /// So many bytes, or as many more as the buffer's memory has room for.
    #[must_use]
    pub fn at(n_bytes: usize) -> Self {
        Self {
            enough: n_bytes,
            most: n_bytes,
        }
    }
}

enum Decoding {
    Plain,
    Gzip(gzip::State),
    Zstd(zstd::State),
    Ended,
}

/// The text of one source.
pub struct Text<'a> {
    input: Input<'a>,
    decoding: Decoding,
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Text")
            .field("offset", &self.input.offset)
            .finish_non_exhaustive()
    }
}

impl<'a> Text<'a> {
    /// The text of what is stored, by its first bytes. A container that is not read yet gives no text and
    /// a defect.
    pub fn new(
        stored: Stored<'a>,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Self> {
        let (format, stored) = match stored {
            Stored::Slice(bytes) => (sniff::sniff(bytes), Stored::Slice(bytes)),
            Stored::Mapped(map) => (sniff::sniff(&map), Stored::Mapped(map)),
            Stored::Stream(mut stream) => {
                let mut start = Vec::with_capacity(SNIFF_BYTES);
                stream
                    .by_ref()
                    .take(SNIFF_BYTES as u64)
                    .read_to_end(&mut start)?;
                let format = sniff::sniff(&start);
                (
                    format,
                    Stored::Stream(Box::new(io::Cursor::new(start).chain(stream))),
                )
            }
        };
        let decoding = match format {
            Format::Plain => Decoding::Plain,
            Format::Gzip => Decoding::Gzip(codecs.gzip.start()),
            Format::Zstd => Decoding::Zstd(codecs.zstd.start()),
            Format::Unsupported(name) => {
                defects.push(unsupported(name, "file"));
                Decoding::Ended
            }
        };
        Ok(Self {
            input: Input {
                stored,
                offset: 0,
                until: u64::MAX,
                last_start: None,
            },
            decoding,
        })
    }

    /// The whole text, where it is stored as it is and already at hand: nothing need be copied.
    #[must_use]
    pub fn as_slice(&self) -> Option<&'a [u8]> {
        match (&self.decoding, &self.input.stored) {
            (Decoding::Plain, Stored::Slice(bytes)) => Some(bytes),
            _ => None,
        }
    }

    /// How many stored bytes were taken.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.input.offset
    }

    /// Where in the buffer the last member or frame begins, of those that the last [`Text::fill`] began.
    #[must_use]
    pub fn last_start(&self) -> Option<usize> {
        self.input.last_start
    }

    /// The mapped text, where it is stored as it is: nothing need be copied.
    #[must_use]
    pub fn as_mapped(&self) -> Option<&Arc<Mmap>> {
        match (&self.decoding, &self.input.stored) {
            (Decoding::Plain, Stored::Mapped(map)) => Some(map),
            _ => None,
        }
    }

    /// Appends text to `text` until that holds enough, or the text ends. `codecs` are the same from call to
    /// call.
    ///
    /// A fault in what is stored ends the text and is a defect; so does an error of the system.
    pub fn fill(
        &mut self,
        text: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        let is_first = self.input.offset == 0;
        let from = text.len();
        self.input.last_start = None;
        let filled = match &mut self.decoding {
            Decoding::Plain => fill_plain(&mut self.input, text, limit.enough),
            Decoding::Gzip(state) => codecs
                .gzip
                .fill(state, &mut self.input, text, limit, defects),
            Decoding::Zstd(state) => codecs
                .zstd
                .fill(state, &mut self.input, text, limit, defects),
            Decoding::Ended => Ok(Filled::End),
        };
        let filled = filled.unwrap_or_else(|error| {
            defects.push(Defect::stored(
                Code::Unreadable,
                self.input.offset,
                error.to_string(),
            ));
            Filled::End
        });
        if is_first
            && !matches!(self.decoding, Decoding::Plain)
            && let Some(name) = nested(&text[from..])
        {
            defects.push(unsupported(name, "decompressed content"));
            text.truncate(from);
            self.decoding = Decoding::Ended;
            return Filled::End;
        }
        filled
    }
}

/// Whole members or frames of a mapped file, as far as that can be told without decoding them.
#[derive(Debug)]
pub struct Part {
    text: Text<'static>,
    start: u64,
}

impl Text<'static> {
    /// Cuts off the next members or frames, some `n_stored` bytes or more of them, so that they can be decoded
    /// elsewhere while this text goes on after them.
    ///
    /// Nothing where this text stands inside a member, where not all stored bytes are mapped, or where no end
    /// of a gzip member shows in the next `8 * n_stored` bytes. The end of a zstd frame is known, that of a
    /// gzip member is guessed: [`Part::is_whole`] tells in the end.
    pub fn cut(&mut self, n_stored: usize) -> Option<Part> {
        let Stored::Mapped(map) = &self.input.stored else {
            return None;
        };
        let rest = self.input.rest()?;
        let (n_bytes, decoding) = match &self.decoding {
            Decoding::Gzip(state) => (
                gzip::members(state, rest, n_stored)?,
                Decoding::Gzip(gzip::State::after_a_member()),
            ),
            Decoding::Zstd(state) => (
                zstd::frames(state, rest, n_stored)?,
                Decoding::Zstd(zstd::State::after_a_frame()),
            ),
            Decoding::Plain | Decoding::Ended => return None,
        };
        let start = self.input.offset;
        let stored = Stored::Mapped(Arc::clone(map));
        self.input.offset += n_bytes as u64;
        let input = Input {
            stored,
            offset: start,
            until: self.input.offset,
            last_start: None,
        };
        Some(Part {
            text: Text { input, decoding },
            start,
        })
    }

    /// Decodes on as [`Text::fill`] does, but no further than to the end of a member or frame: there a part
    /// may be cut off.
    pub fn fill_to_boundary(
        &mut self,
        text: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        self.input.until = self.input.offset + 1;
        let filled = self.fill(text, limit, codecs, defects);
        self.input.until = u64::MAX;
        match filled {
            Filled::PartEnd => Filled::More,
            filled => filled,
        }
    }
}

impl Part {
    /// Decodes on, as [`Text::fill`] does, to the end of the part.
    pub fn fill(
        &mut self,
        text: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        self.text.fill(text, limit, codecs, defects)
    }

    /// As [`Text::last_start`].
    #[must_use]
    pub fn last_start(&self) -> Option<usize> {
        self.text.last_start()
    }

    /// How many of its stored bytes were taken.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.text.input.offset - self.start
    }

    /// Whether its end was that of a member or frame.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.text.input.offset == self.text.input.until
    }

    /// Makes this the whole rest of the file.
    pub fn extend(&mut self) {
        self.text.input.until = u64::MAX;
    }
}

fn unsupported(name: &str, what: &str) -> Defect {
    Defect::stored(
        Code::UnsupportedFormat,
        0,
        format!("{what} is {name}, which is not read yet"),
    )
}

/// The name of the container that decompressed content is, if it is one.
fn nested(text: &[u8]) -> Option<&'static str> {
    match sniff::sniff(&text[..text.len().min(SNIFF_BYTES)]) {
        Format::Plain => None,
        Format::Gzip => Some("gzip again"),
        Format::Zstd => Some("zstd"),
        Format::Unsupported(name) => Some(name),
    }
}

/// Makes room for `least` more bytes. Memory that must grow is doubled, so that text which comes in small
/// pieces is not copied for each, but not beyond `limit`.
fn make_room(text: &mut Vec<u8>, least: usize, limit: usize) {
    if text.capacity() - text.len() < least {
        let doubled = text.capacity().min(limit.saturating_sub(text.len()));
        text.reserve_exact(doubled.max(least));
    }
}

/// The defect of bytes from `offset` on that are no stream; takes the rest of them.
fn trailing(input: &mut Input<'_>, offset: u64, what: &str) -> io::Result<Defect> {
    loop {
        let n = input.peek()?.len();
        if n == 0 {
            break;
        }
        input.take(n);
    }
    let n_bytes = input.offset - offset;
    let message = format!("{n_bytes} bytes after the last {what} are none");
    Ok(Defect::stored(Code::TrailingBytes, offset, message))
}

fn fill_plain(input: &mut Input<'_>, text: &mut Vec<u8>, limit: usize) -> io::Result<Filled> {
    while text.len() < limit {
        let at_hand = input.peek()?;
        if at_hand.is_empty() {
            return Ok(Filled::End);
        }
        let n = at_hand.len().min(limit - text.len());
        make_room(text, n, limit);
        text.extend_from_slice(&at_hand[..n]);
        input.take(n);
    }
    Ok(Filled::More)
}
