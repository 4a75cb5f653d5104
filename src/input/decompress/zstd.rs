//! Decodes zstd (RFC 8878), every frame of a file. Skippable frames are skipped; windows may be up to 2 GiB.
//!
//! The library returns nothing from a call that finds a fault, even if the fault is only the checksum after
//! the last block. If all stored bytes are at hand, the library gets them all, which is fastest, and a frame
//! with a fault is decoded again carefully: block by block, each returned before the next is read, so that
//! everything before the block with the fault comes out. A stream is always decoded carefully. After a fault
//! the next frame is searched for.

use std::io::{self, Cursor};

use zstd::zstd_safe::{
    DCtx, DParameter, ErrorCode, InBuffer, OutBuffer, ResetDirective, decompress_bound,
    find_frame_compressed_size, get_error_name,
};

use super::resync::skip_to_next;
use super::{Filled, Limit, Reading, make_room};
use crate::input::sniff::{ZSTD_MAGIC, is_zstd_skippable};
use crate::input::stored::{Input, trailing};
use crate::report::{Code, Defect};

/// Maximum window, as a power of two: what `zstd --long=31` makes. Today's tools cannot make a file with a
/// larger one. Memory for a window is used only as far as the frame's content fills it.
const WINDOW_LOG_MAX: u32 = 31;

/// Minimum output space for a step.
const STEP_BYTES: usize = 128 * 1024;

/// Number of bytes that show what follows a frame.
const MAGIC_BYTES: usize = 4;

/// Error of the decoder if the checksum does not match: `ZSTD_error_checksum_wrong`, whose value is stable.
const CHECKSUM_WRONG: ErrorCode = 0_usize.wrapping_sub(22);

/// Errors of the decoder about a frame's header, its dictionary or its memory: `ZSTD_ErrorCode`, whose values are
/// stable. The name of any other error depends on how much room the decoder has, and so on how the file is read.
const HEADER_ERRORS: [ErrorCode; 6] = [
    0_usize.wrapping_sub(12),
    0_usize.wrapping_sub(14),
    0_usize.wrapping_sub(16),
    0_usize.wrapping_sub(30),
    0_usize.wrapping_sub(32),
    0_usize.wrapping_sub(64),
];

/// Number of bytes that the decoder needs of a frame before it has requested a number itself (the shortest
/// frame header).
const FRAME_HEAD_BYTES: usize = 6;

/// Length of a block's header (RFC 8878, 3.1.1.2).
const BLOCK_HEAD_BYTES: usize = 3;

pub(super) struct Zstd {
    context: DCtx<'static>,
}

impl std::fmt::Debug for Zstd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Zstd").finish_non_exhaustive()
    }
}

impl Default for Zstd {
    fn default() -> Self {
        let mut context = DCtx::create();
        context
            .set_parameter(DParameter::WindowLogMax(WINDOW_LOG_MAX))
            .expect("31 is within the bounds on a 64-bit machine");
        Self { context }
    }
}

/// Position of the decoder in the file.
#[derive(Debug)]
pub(super) enum State {
    Between { n_frames: u64 },
    Inside(Frame),
    Ended,
}

impl State {
    pub(super) fn after_a_frame() -> Self {
        Self::Between { n_frames: 1 }
    }
}

/// Returns how many bytes the next frames take: `n_stored` or more, because the last frame counts whole.
/// Returns `None` if there is no frame.
pub(super) fn frames(state: &State, rest: &[u8], n_stored: usize) -> Option<usize> {
    if !matches!(state, State::Between { n_frames: 1.. }) {
        return None;
    }
    let mut n_bytes = 0;
    while n_bytes < n_stored && n_bytes < rest.len() {
        match find_frame_compressed_size(&rest[n_bytes..]) {
            Ok(n) => n_bytes += n,
            Err(_) => break,
        }
    }
    (n_bytes > 0).then_some(n_bytes)
}

/// Number of bytes that [`find_frame`] examines: the magic, and the first two bytes of the header.
const HEAD_BYTES: usize = 6;

/// Finds where a frame may begin in these bytes. The magic occurs by chance once in 4 GB. In addition, the
/// reserved bit of the header must not be set, and the window must not be larger than what is supported (RFC
/// 8878, 3.1.1.1).
pub(super) fn find_frame(bytes: &[u8]) -> Option<usize> {
    let mut magic = memchr::memmem::find_iter(bytes, ZSTD_MAGIC);
    magic.find(|at| {
        let head = bytes.get(at + MAGIC_BYTES..at + HEAD_BYTES);
        head.is_some_and(|head| {
            let is_single = head[0] & 0x20 != 0;
            head[0] & 0x08 == 0 && (is_single || u32::from(head[1] >> 3) + 10 <= WINDOW_LOG_MAX)
        })
    })
}

/// Returns whether the window of a frame is larger than what is supported (RFC 8878, 3.1.1.1.2). In one call the library
/// decodes such a frame, and as a stream it does not.
fn is_window_too_large(frame: &[u8]) -> bool {
    let Some(&[descriptor, window]) = frame.get(MAGIC_BYTES..HEAD_BYTES) else {
        return false;
    };
    let is_single = descriptor & 0x20 != 0;
    let eighth = 1_u64 << (u32::from(window >> 3) + 10 - 3);
    !is_single && eighth * (8 + u64::from(window & 7)) > 1 << WINDOW_LOG_MAX
}

/// A frame that is being decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    n_before: u64,
    /// Its offset in the file.
    start: u64,
    /// Length of the text that came out of it.
    text_bytes: u64,
    /// In careful decoding: how many bytes the decoder gets next, a block's header or body; 0 while it may
    /// have more to return.
    care: Option<usize>,
    /// In careful decoding after a fault: how much of the text was returned before and must not be returned
    /// again.
    skip: u64,
}

impl Zstd {
    pub(super) fn start(&mut self) -> State {
        State::Between { n_frames: 0 }
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
            let (start, next) = match *state {
                State::Between { n_frames } => {
                    if reading.is_part_end() {
                        return Ok(Filled::PartEnd);
                    }
                    if n_frames > 0 && reading.input.skip_zeros()?.is_none() {
                        *state = State::Ended;
                        continue;
                    }
                    reading.begin(text.len());
                    let input = &mut reading.input;
                    (input.offset, self.begin(n_frames, input, text, limit.most)?)
                }
                State::Inside(frame) => {
                    let input = &mut reading.input;
                    (frame.start, self.step(frame, input, text, limit.most)?)
                }
                State::Ended => return Ok(Filled::End),
            };
            match next {
                Ok(next) => *state = next,
                Err(defect) => {
                    self.reset();
                    let find = &find_frame;
                    let goes_on =
                        skip_to_next(reading, text, start, HEAD_BYTES, find, defect, defects)?;
                    *state = match goes_on {
                        true => State::after_a_frame(),
                        false => State::Ended,
                    };
                    return Ok(if goes_on { Filled::Gap } else { Filled::End });
                }
            }
        }
        Ok(Filled::More)
    }

    fn reset(&mut self) {
        self.context
            .reset(ResetDirective::SessionOnly)
            .expect("a session can always be reset");
    }

    fn begin(
        &mut self,
        n_frames: u64,
        input: &mut Input<'_>,
        text: &mut Vec<u8>,
        limit: usize,
    ) -> io::Result<Result<State, Defect>> {
        self.reset();
        let start = input.offset;
        input.keep_from_here();
        // The magic may be split over two reads.
        let mut magic = [0; MAGIC_BYTES];
        input.read_exact(&mut magic)?;
        let n_read = usize::try_from(input.offset - start).expect("as many as were asked for");
        let magic = &magic[..n_read];
        if !ZSTD_MAGIC.starts_with(magic) && !is_zstd_skippable(magic) {
            return Ok(Err(trailing(start, "zstd frame")));
        }
        let care = if input.rewind(start) {
            if self.append_whole(input, text, limit) {
                return Ok(Ok(State::Between {
                    n_frames: n_frames + 1,
                }));
            }
            None
        } else {
            let mut nothing = Vec::new();
            let mut target = OutBuffer::around(&mut nothing);
            let mut source = InBuffer::around(magic);
            let wanted = self.context.decompress_stream(&mut target, &mut source);
            // If this is a fault, the next call finds it again.
            Some(wanted.unwrap_or(FRAME_HEAD_BYTES))
        };
        Ok(Ok(State::Inside(Frame {
            n_before: n_frames,
            start,
            text_bytes: 0,
            care,
            skip: 0,
        })))
    }

    /// Decodes the frame here in one call, and so without a copy, if it is all at hand and has no fault, and
    /// its text fits below `limit`.
    fn append_whole(&mut self, input: &mut Input<'_>, text: &mut Vec<u8>, limit: usize) -> bool {
        let Some(rest) = input.rest() else {
            return false;
        };
        let Ok(n_stored) = find_frame_compressed_size(rest) else {
            return false;
        };
        let frame = &rest[..n_stored];
        if is_window_too_large(frame) {
            return false;
        }
        let from = text.len();
        let fits = decompress_bound(frame)
            .ok()
            .and_then(|bound| usize::try_from(bound).ok())
            .filter(|&bound| bound <= limit.saturating_sub(from));
        let Some(bound) = fits else {
            return false;
        };
        make_room(text, bound, limit);
        let mut room = Cursor::new(&mut *text);
        room.set_position(from as u64);
        match self.context.decompress(&mut room, frame) {
            Ok(_) => input.take(n_stored),
            Err(_) => {
                text.truncate(from);
                return false;
            }
        }
        true
    }

    /// Continues decoding, to the frame's end, the limit, or the end of the bytes at hand.
    fn step(
        &mut self,
        mut frame: Frame,
        input: &mut Input<'_>,
        text: &mut Vec<u8>,
        limit: usize,
    ) -> io::Result<Result<State, Defect>> {
        let from = text.len();
        make_room(text, STEP_BYTES.min(limit - from), limit);
        let mut at_hand = input.peek()?;
        let at_end = at_hand.is_empty();
        if let Some(wanted) = frame.care {
            // The decoder requests the header of the next block together with a block's body. If that header
            // is damaged, the body's text would be lost with it.
            let n = if wanted > BLOCK_HEAD_BYTES {
                wanted - BLOCK_HEAD_BYTES
            } else {
                wanted
            };
            at_hand = at_hand.get(..n).unwrap_or(at_hand);
        }
        let mut source = InBuffer::around(at_hand);
        let mut target = OutBuffer::around_pos(text, from);
        let result = self.context.decompress_stream(&mut target, &mut source);
        let taken = source.pos();
        input.take(taken);
        let n_out = text.len() - from;
        let may_have_more = text.len() == text.capacity();
        let gave_way = frame.care == Some(0);
        frame.text_bytes += n_out as u64;
        let n_again = usize::try_from(frame.skip).map_or(n_out, |skip| skip.min(n_out));
        frame.skip -= n_again as u64;
        text.drain(from..from + n_again);
        Ok(match result {
            Ok(0) => Ok(State::Between {
                n_frames: frame.n_before + 1,
            }),
            Ok(wanted) if taken > 0 || n_out > 0 || gave_way => {
                frame.care = frame.care.map(|_| if may_have_more { 0 } else { wanted });
                Ok(State::Inside(frame))
            }
            Ok(_) if at_end => {
                let start = frame.start;
                let message = format!("zstd stream ends early; its frame began at {start}");
                Err(Defect::stored(Code::Truncated, input.offset, message))
            }
            Ok(_) => Err(corrupt(input, "zstd stream makes no progress")),
            Err(_) if frame.care.is_none() && input.rewind(frame.start) => {
                self.reset();
                Ok(State::Inside(Frame {
                    skip: frame.text_bytes,
                    text_bytes: 0,
                    care: Some(FRAME_HEAD_BYTES),
                    ..frame
                }))
            }
            Err(CHECKSUM_WRONG) => {
                let message = "zstd checksum does not fit the content";
                Err(Defect::stored(Code::Checksum, input.offset, message))
            }
            // How much of the header was taken before depends on how the file is read.
            Err(code) if HEADER_ERRORS.contains(&code) => {
                let message = format!("zstd stream is damaged ({})", get_error_name(code));
                Err(Defect::stored(Code::CorruptStream, frame.start, message))
            }
            Err(_) => Err(corrupt(input, "zstd stream is damaged")),
        })
    }
}

fn corrupt(input: &Input<'_>, message: &str) -> Defect {
    Defect::stored(Code::CorruptStream, input.offset, message)
}
