//! Decodes gzip (RFC 1952), every member of a file: complete members with libdeflate, others as a stream.
//!
//! A member is inflated in one call if all stored bytes are at hand and its text fits into the buffer.
//! Otherwise, or if libdeflate reports a fault, it is streamed from its start: the stream returns all that
//! can be decoded before the fault, and reports where the fault is. After a fault the search for the next
//! header begins at the start of the damaged member, because that may have been decoded past its end.
//!
//! Deflate without a header, as it occurs in a zip, is inflated here too.

use std::io;

use crc32fast::Hasher;
use flate2::{Decompress, FlushDecompress, Status};

use super::libdeflate::{Inflated, Inflater};
use super::resync::skip_to_next;
use super::{Filled, Limit, Reading, make_room};
use crate::input::sniff::GZIP_MAGIC;
use crate::input::stored::{Input, trailing};
use crate::report::{Code, Defect};

/// Maximum compression ratio of deflate: 258 bytes from two bits, less the blocks' headers.
const RATIO_MAX: u64 = 1032;

/// Name used in messages.
const MEMBER: &str = "gzip member";

/// Minimum output space for a step of a stream.
const STEP_BYTES: usize = 64 * 1024;

#[derive(Debug)]
pub(super) struct Gzip {
    inflater: Inflater,
    stream: Decompress,
}

impl Default for Gzip {
    fn default() -> Self {
        Self {
            inflater: Inflater::new(),
            stream: Decompress::new(false),
        }
    }
}

/// Position of the decoder in the file.
#[derive(Debug)]
pub(super) enum State {
    /// Before a member, the first or a later one.
    Between {
        n_members: u64,
    },
    /// Inside the deflate stream of a member.
    Inside {
        n_members: u64,
        start: u64,
        sum: Sum,
    },
    /// Before deflate without a header, with its expected length.
    BeforeBare {
        n_bytes: Option<u64>,
    },
    InsideBare,
    Ended,
}

/// The values of a text that a member's trailer contains (RFC 1952, 2.3.1).
#[derive(Debug, Default)]
pub(super) struct Sum {
    crc: Hasher,
    /// The length modulo 2^32.
    n_bytes: u32,
}

impl Sum {
    fn update(&mut self, text: &[u8]) {
        self.crc.update(text);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "it is the length modulo 2^32"
        )]
        let n_bytes = text.len() as u32;
        self.n_bytes = self.n_bytes.wrapping_add(n_bytes);
    }
}

impl State {
    pub(super) fn after_a_member() -> Self {
        Self::after(0)
    }

    /// Returns the state after the member that follows `n_members` others.
    fn after(n_members: u64) -> Self {
        Self::Between {
            n_members: n_members + 1,
        }
    }
}

/// Length of the shortest member: a header, an empty block, a trailer.
const MEMBER_BYTES_MIN: usize = 20;

/// Guesses how many bytes the next members take: up to the first header after `n_stored` bytes, or up to the
/// end of the file if that is near. Any magic number may occur inside a member; all fixed bits of a header
/// occur by chance once in 10^11 bytes.
pub(super) fn members(state: &State, rest: &[u8], n_stored: usize) -> Option<usize> {
    let is_between = matches!(state, State::Between { n_members: 1.. });
    if !is_between || !is_header(rest) {
        return None;
    }
    let near = rest.get(..n_stored.saturating_mul(8)).unwrap_or(rest);
    let from = n_stored.max(MEMBER_BYTES_MIN);
    // A header may extend past what is near.
    let to = rest.len().min(near.len() + HEAD_BYTES);
    match find_header(rest.get(from..to).unwrap_or(&[])) {
        Some(at) => Some(from + at),
        None if near.len() == rest.len() => Some(rest.len()),
        None => None,
    }
}

/// Number of bytes that [`is_header`] examines.
const HEAD_BYTES: usize = 10;

/// Finds where a member may begin in these bytes.
pub(super) fn find_header(bytes: &[u8]) -> Option<usize> {
    let mut magic = memchr::memmem::find_iter(bytes, MAGIC_AND_METHOD);
    magic.find(|at| is_header(&bytes[*at..]))
}

/// The first three bytes of every member: the method is always deflate.
const MAGIC_AND_METHOD: &[u8] = b"\x1f\x8b\x08";

/// Reports whether a member may begin here (RFC 1952, 2.3.1): no reserved flag, extra flags that compressors
/// set, and a known system number.
fn is_header(bytes: &[u8]) -> bool {
    match bytes {
        [0x1f, 0x8b, 8, flags, _, _, _, _, extra, system, ..] => {
            flags & RESERVED == 0 && matches!(extra, 0 | 2 | 4) && matches!(system, 0..=13 | 255)
        }
        _ => false,
    }
}

impl Gzip {
    pub(super) fn start(&mut self) -> State {
        State::Between { n_members: 0 }
    }

    /// Returns the start state for deflate without a header, with its expected length.
    pub(super) fn start_without_head(&mut self, n_bytes: Option<u64>) -> State {
        State::BeforeBare { n_bytes }
    }

    pub(super) fn fill(
        &mut self,
        state: &mut State,
        reading: &mut Reading<'_>,
        text: &mut Vec<u8>,
        limit: Limit,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Filled> {
        while text.len() < limit.enough {
            let input = &mut reading.input;
            let (start, result) = match state {
                State::Between { n_members } => {
                    let n_members = *n_members;
                    if reading.is_part_end() {
                        return Ok(Filled::PartEnd);
                    }
                    let input = &mut reading.input;
                    if n_members > 0 && input.skip_zeros()?.is_none() {
                        *state = State::Ended;
                        continue;
                    }
                    let (start, at) = (input.offset, text.len());
                    let begun = self.begin(n_members, input, text, limit.most)?;
                    if begun.is_ok() {
                        reading.begin(at);
                    }
                    (start, begun)
                }
                State::Inside {
                    n_members,
                    start,
                    sum,
                } => {
                    let (n_members, start) = (*n_members, *start);
                    match self.step(Some((sum, start)), input, text, limit.most)? {
                        Ok(true) => (start, Ok(State::after(n_members))),
                        Ok(false) => continue,
                        Err(defect) => (start, Err(defect)),
                    }
                }
                State::BeforeBare { n_bytes } => {
                    let is_done = self.bare_whole(*n_bytes, input, text, limit.most);
                    self.stream.reset(false);
                    *state = match is_done {
                        true => State::Ended,
                        false => State::InsideBare,
                    };
                    continue;
                }
                State::InsideBare => {
                    match self.step(None, input, text, limit.most)? {
                        Ok(true) => *state = State::Ended,
                        Ok(false) => {}
                        Err(defect) => {
                            defects.push(defect);
                            *state = State::Ended;
                        }
                    }
                    continue;
                }
                State::Ended => return Ok(Filled::End),
            };
            match result {
                Ok(next) => *state = next,
                Err(defect) => {
                    let find = &find_header;
                    let goes_on =
                        skip_to_next(reading, text, start, HEAD_BYTES, find, defect, defects)?;
                    *state = match goes_on {
                        true => State::after_a_member(),
                        false => State::Ended,
                    };
                    return Ok(if goes_on { Filled::Gap } else { Filled::End });
                }
            }
        }
        Ok(Filled::More)
    }

    /// Begins a member, and inflates it in one call if possible.
    fn begin(
        &mut self,
        n_members: u64,
        input: &mut Input<'_>,
        text: &mut Vec<u8>,
        limit: usize,
    ) -> io::Result<Result<State, Defect>> {
        if let Some(stored) = input.rest()
            && let Inflated::Member { stored_bytes } = self.append_whole(stored, text, limit)
        {
            input.take(stored_bytes);
            return Ok(Ok(State::after(n_members)));
        }
        let start = input.offset;
        if n_members > 0 && input.peek()?.first() != GZIP_MAGIC.first() {
            return Ok(Err(trailing(start, MEMBER)));
        }
        input.keep_from_here();
        match read_header(input)? {
            Header::Read => {}
            Header::NotGzip if n_members > 0 => {
                return Ok(Err(trailing(start, MEMBER)));
            }
            Header::NotGzip => {
                return Ok(Err(Defect::stored(
                    Code::CorruptStream,
                    start,
                    "gzip header has a method or flags that are not known",
                )));
            }
            Header::CutOff => return Ok(Err(cut_off(input, start))),
        }
        self.stream.reset(false);
        Ok(Ok(State::Inside {
            n_members,
            start,
            sum: Sum::default(),
        }))
    }

    /// Inflates deflate without a header in one call, if it is all at hand and its text fits below `limit`.
    fn bare_whole(
        &mut self,
        n_bytes: Option<u64>,
        input: &mut Input<'_>,
        text: &mut Vec<u8>,
        limit: usize,
    ) -> bool {
        let told = n_bytes.and_then(|n| usize::try_from(n).ok());
        let room = told.filter(|&n| n <= limit.saturating_sub(text.len()));
        let (Some(room), Some(stored)) = (room, input.rest()) else {
            return false;
        };
        make_room(text, room.max(1), limit);
        match self.inflater.append_bare(stored, text) {
            Inflated::Member { stored_bytes } => {
                input.take(stored_bytes);
                true
            }
            Inflated::NoRoom | Inflated::Damaged => false,
        }
    }

    /// Inflates the member at the start of `stored` in one call, if its text fits below `limit`.
    ///
    /// The length in the last four bytes of the file belongs to the last member, and may be damaged. It is
    /// used as a guess: right for a file of one member, often right for the first of many, and cheap if
    /// wrong.
    fn append_whole(&mut self, stored: &[u8], text: &mut Vec<u8>, limit: usize) -> Inflated {
        let Some(trailer) = stored.last_chunk::<4>() else {
            return Inflated::Damaged;
        };
        let room_max = limit - text.len();
        let most = usize::try_from(stored.len() as u64 * RATIO_MAX).unwrap_or(usize::MAX);
        let spare = (text.capacity() - text.len()).min(room_max);
        let told = u32::from_le_bytes(*trailer) as usize;
        // Memory that is already allocated costs nothing to try.
        let mut room = told.max(spare).min(most).max(1);
        while room <= room_max {
            make_room(text, room, limit);
            match self.inflater.append_member(stored, text) {
                Inflated::NoRoom => room = room.saturating_mul(4).max(STEP_BYTES),
                done => return done,
            }
        }
        Inflated::NoRoom
    }

    /// Continues inflating. Returns true at the end of the member, or of deflate without a header.
    fn step(
        &mut self,
        member: Option<(&mut Sum, u64)>,
        input: &mut Input<'_>,
        text: &mut Vec<u8>,
        limit: usize,
    ) -> io::Result<Result<bool, Defect>> {
        let from = text.len();
        make_room(text, STEP_BYTES.min(limit - from), limit);
        let (n_in, n_out) = (self.stream.total_in(), self.stream.total_out());
        let at_hand = input.peek()?;
        let at_end = at_hand.is_empty();
        let status = self
            .stream
            .decompress_vec(at_hand, text, FlushDecompress::None);
        let taken = usize::try_from(self.stream.total_in() - n_in).expect("taken from a slice");
        input.take(taken);
        let start = member.as_ref().map(|(_, start)| *start);
        let sum = member.map(|(sum, _)| {
            sum.update(&text[from..]);
            sum
        });
        let moved = taken > 0 || self.stream.total_out() > n_out;
        match status {
            Ok(Status::StreamEnd) => match (sum, start) {
                (Some(sum), Some(start)) => Ok(end_member(sum, start, input)?.map(|()| true)),
                _ => Ok(Ok(true)),
            },
            Ok(_) if moved => Ok(Ok(false)),
            Ok(_) if at_end => Ok(Err(match start {
                Some(start) => cut_off(input, start),
                None => Defect::stored(Code::Truncated, input.offset, "deflate stream ends early"),
            })),
            Ok(_) => Ok(Err(corrupt(input, "deflate stream makes no progress"))),
            // The message of zlib depends on how much input it was given at once.
            Err(_) => Ok(Err(corrupt(input, "deflate stream is damaged"))),
        }
    }
}

/// Compares the member's trailer with what was decoded.
fn end_member(sum: &Sum, start: u64, input: &mut Input<'_>) -> io::Result<Result<(), Defect>> {
    let offset = input.offset;
    let mut trailer = [0; 8];
    if !input.read_exact(&mut trailer)? {
        return Ok(Err(cut_off(input, start)));
    }
    let [c0, c1, c2, c3, l0, l1, l2, l3] = trailer;
    let message = if u32::from_le_bytes([c0, c1, c2, c3]) != sum.crc.clone().finalize() {
        "gzip checksum does not fit the content"
    } else if u32::from_le_bytes([l0, l1, l2, l3]) != sum.n_bytes {
        "gzip length does not fit the content"
    } else {
        return Ok(Ok(()));
    };
    Ok(Err(Defect::stored(Code::Checksum, offset, message)))
}

fn cut_off(input: &Input<'_>, start: u64) -> Defect {
    let message = format!("gzip stream ends early; its member began at {start}");
    Defect::stored(Code::Truncated, input.offset, message)
}

fn corrupt(input: &Input<'_>, message: &str) -> Defect {
    Defect::stored(Code::CorruptStream, input.offset, message)
}

enum Header {
    Read,
    NotGzip,
    CutOff,
}

/// Flags of a member's header (RFC 1952, 2.3.1).
const FHCRC: u8 = 1 << 1;
const FEXTRA: u8 = 1 << 2;
const FNAME: u8 = 1 << 3;
const FCOMMENT: u8 = 1 << 4;
const RESERVED: u8 = 0b1110_0000;

fn read_header(input: &mut Input<'_>) -> io::Result<Header> {
    let mut fixed = [0; 10];
    if !input.read_exact(&mut fixed)? {
        return Ok(Header::CutOff);
    }
    let [magic_1, magic_2, method, flags, ..] = fixed;
    // Method 8 is deflate, the only one that exists.
    if [magic_1, magic_2] != GZIP_MAGIC || method != 8 || flags & RESERVED != 0 {
        return Ok(Header::NotGzip);
    }
    if flags & FEXTRA != 0 {
        let mut length = [0; 2];
        let is_whole = input.read_exact(&mut length)?
            && input.read_exact(&mut vec![0; u16::from_le_bytes(length).into()])?;
        if !is_whole {
            return Ok(Header::CutOff);
        }
    }
    for flag in [FNAME, FCOMMENT] {
        let mut byte = [u8::from(flags & flag != 0)];
        while byte != [0] {
            if !input.read_exact(&mut byte)? {
                return Ok(Header::CutOff);
            }
        }
    }
    if flags & FHCRC != 0 && !input.read_exact(&mut [0; 2])? {
        return Ok(Header::CutOff);
    }
    Ok(Header::Read)
}
