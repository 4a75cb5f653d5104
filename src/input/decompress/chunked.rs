//! Decodes the framing in which objects are uploaded to S3 (aws-chunked), where a store kept the framing in
//! the object. Before each chunk is its length in hexadecimal, often with its signature, and checksums may
//! follow the last chunk.
//!
//! The chunks together are one text or one compressed file. Where the framing is broken, the rest is read as
//! it is.

use std::io;

use super::{Filled, Limit, Reading, make_room};
use crate::input::sniff::{CHUNK_HEAD_BYTES, chunk_head};
use crate::report::{Code, Defect};

/// Maximum length of what may follow the last chunk: checksums and a signature.
const TRAILER_BYTES_MAX: usize = 4 * 1024;

/// Position of the decoder.
#[derive(Debug)]
pub(super) enum State {
    Start,
    /// Before the header of a chunk.
    Head,
    /// Inside a chunk, with the number of bytes left in it.
    Inside(u64),
    /// After a place where the framing is broken.
    Broken,
    Ended,
}

impl State {
    pub(super) fn fill(
        &mut self,
        reading: &mut Reading<'_>,
        text: &mut Vec<u8>,
        limit: Limit,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Filled> {
        while text.len() < limit.enough {
            let input = &mut reading.input;
            *self = match *self {
                Self::Ended => return Ok(Filled::End),
                Self::Start => {
                    let message = "the framing of an upload (aws-chunked) is kept in the object; it was read without that";
                    defects.push(Defect::stored(Code::CorruptStream, input.offset, message));
                    Self::Head
                }
                Self::Head => {
                    let ahead = input.look_ahead(CHUNK_HEAD_BYTES)?;
                    let head = chunk_head(&ahead);
                    input.take(head.map_or(0, |head| head.n_bytes));
                    match head {
                        Some(head) if head.length > 0 => Self::Inside(head.length),
                        Some(_) => Self::trailer(reading, defects)?,
                        None if ahead.is_empty() => Self::cut(reading, defects),
                        None => Self::broken(reading, defects),
                    }
                }
                Self::Inside(0) => match &*input.look_ahead(2)? {
                    b"\r\n" => {
                        input.take(2);
                        Self::Head
                    }
                    [] | b"\r" => Self::cut(reading, defects),
                    _ => Self::broken(reading, defects),
                },
                Self::Inside(left) => match copy(reading, text, limit.enough, left)? {
                    0 => Self::cut(reading, defects),
                    n => Self::Inside(left - n),
                },
                Self::Broken => match copy(reading, text, limit.enough, u64::MAX)? {
                    0 => Self::Ended,
                    _ => Self::Broken,
                },
            };
        }
        Ok(Filled::More)
    }

    /// Consumes what follows the last chunk.
    fn trailer(reading: &mut Reading<'_>, defects: &mut Vec<Defect>) -> io::Result<Self> {
        let input = &mut reading.input;
        let rest = input.look_ahead(TRAILER_BYTES_MAX + 1)?;
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        if rest.len() > TRAILER_BYTES_MAX || !rest.iter().all(is_text) {
            return Ok(Self::broken(reading, defects));
        }
        input.take(rest.len());
        Ok(Self::Ended)
    }

    fn broken(reading: &Reading<'_>, defects: &mut Vec<Defect>) -> Self {
        let message =
            "the framing of an upload (aws-chunked) breaks here; what follows was read as it is";
        let offset = reading.input.offset;
        defects.push(Defect::stored(Code::CorruptStream, offset, message));
        Self::Broken
    }

    fn cut(reading: &Reading<'_>, defects: &mut Vec<Defect>) -> Self {
        let message = "the framing of an upload (aws-chunked) ends before its last chunk";
        let offset = reading.input.offset;
        defects.push(Defect::stored(Code::Truncated, offset, message));
        Self::Ended
    }
}

/// Appends stored bytes, at most `n_max`, to `text`. Returns how many bytes it appended: 0 at the end.
fn copy(
    reading: &mut Reading<'_>,
    text: &mut Vec<u8>,
    limit: usize,
    n_max: u64,
) -> io::Result<u64> {
    let at_hand = reading.input.peek()?;
    let n_max = usize::try_from(n_max).unwrap_or(usize::MAX);
    let n = at_hand.len().min(limit - text.len()).min(n_max);
    make_room(text, n, limit);
    text.extend_from_slice(&at_hand[..n]);
    reading.input.take(n);
    Ok(n as u64)
}
