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
    /// As they come.
    Stream(Box<dyn BufRead + 'a>),
}

impl std::fmt::Debug for Stored<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Slice(bytes) => f.debug_tuple("Slice").field(&bytes.len()).finish(),
            Self::Stream(_) => f.debug_tuple("Stream").finish_non_exhaustive(),
        }
    }
}

/// Stored bytes and how far they were taken.
struct Input<'a> {
    stored: Stored<'a>,
    /// All of them, if they are at hand.
    whole: &'a [u8],
    /// The offset of the next byte.
    offset: u64,
}

impl Input<'_> {
    /// The bytes at hand, at least one unless the input is at its end.
    fn peek(&mut self) -> io::Result<&[u8]> {
        match &mut self.stored {
            Stored::Slice(bytes) => Ok(bytes),
            Stored::Stream(stream) => stream.fill_buf(),
        }
    }

    /// Goes back to an offset that was passed, if all stored bytes are at hand.
    fn rewind(&mut self, offset: u64) -> bool {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|at| self.whole.get(at..));
        match (&mut self.stored, rest) {
            (Stored::Slice(bytes), Some(rest)) => {
                *bytes = rest;
                self.offset = offset;
                true
            }
            _ => false,
        }
    }

    fn take(&mut self, n: usize) {
        self.offset += n as u64;
        match &mut self.stored {
            Stored::Slice(bytes) => *bytes = &bytes[n..],
            Stored::Stream(stream) => stream.consume(n),
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

/// Whether a text goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// There may be more.
    More,
    /// The text is at its end.
    End,
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
    codecs: &'a mut Codecs,
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
        codecs: &'a mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Self> {
        let (format, stored) = match stored {
            Stored::Slice(bytes) => (sniff::sniff(bytes), Stored::Slice(bytes)),
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
                whole: match stored {
                    Stored::Slice(bytes) => bytes,
                    Stored::Stream(_) => &[],
                },
                stored,
                offset: 0,
            },
            decoding,
            codecs,
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

    /// Appends text to `text` until that holds `limit` bytes, or as many more as its memory has room for, or
    /// the text ends.
    ///
    /// A fault in what is stored ends the text and is a defect; so does an error of the system.
    pub fn fill(&mut self, text: &mut Vec<u8>, limit: usize, defects: &mut Vec<Defect>) -> Filled {
        let is_first = self.input.offset == 0;
        let from = text.len();
        let filled = match &mut self.decoding {
            Decoding::Plain => fill_plain(&mut self.input, text, limit),
            Decoding::Gzip(state) => {
                self.codecs
                    .gzip
                    .fill(state, &mut self.input, text, limit, defects)
            }
            Decoding::Zstd(state) => {
                self.codecs
                    .zstd
                    .fill(state, &mut self.input, text, limit, defects)
            }
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
