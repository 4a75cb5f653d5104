//! zstd (RFC 8878): every frame of a file, skippable ones passed over, windows up to 2 GiB.
//!
//! The library gives out nothing of a call that meets a fault, be it the checksum after the last block. Where
//! all stored bytes are at hand it is given them all, which is fastest, and a frame with a fault is decoded
//! again with care: block by block, and each given out before the next is taken in, so that all before the
//! block with the fault comes out. A stream is always decoded so. Behind a fault the next frame is looked for.

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

/// The largest window, as a power of two: what `zstd --long=31` makes. A file with a larger one cannot be
/// made with today's tools. Memory for a window is taken only as far as the frame's content fills it.
const WINDOW_LOG_MAX: u32 = 31;

/// The least room given to a step.
const STEP_BYTES: usize = 128 * 1024;

/// The bytes that tell what follows a frame.
const MAGIC_BYTES: usize = 4;

/// What the decoder fails with where the checksum does not fit: `ZSTD_error_checksum_wrong`, which is stable.
const CHECKSUM_WRONG: ErrorCode = 0_usize.wrapping_sub(22);

/// What the decoder wants of a frame before it has told (the shortest head of a frame).
const FRAME_HEAD_BYTES: usize = 6;

/// The head of a block (RFC 8878, 3.1.1.2).
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

/// Where in the file the decoder is.
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

/// How many bytes the next frames take: `n_stored` or more, all of the last one. Nothing where no frame is.
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

/// What [`find_frame`] looks at: magic, and the first two bytes of the head.
const HEAD_BYTES: usize = 6;

/// Where a frame may begin in these bytes. By chance its magic stands somewhere once in 4 GB; the reserved bit
/// of its head must not be set, and no window is beyond what is read (RFC 8878, 3.1.1.1).
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

/// A frame that is being decoded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    n_before: u64,
    /// Its offset in the file.
    start: u64,
    /// How much text came out of it.
    text_bytes: u64,
    /// With care: how many bytes the decoder gets next, a block's head or body; none while it may have more
    /// to give out.
    care: Option<usize>,
    /// With care, after a fault: how much of the text came out before and is not wanted again.
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
            // A fault is met again by the next call.
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

    /// Decodes the frame here whole, if it is all at hand, without a fault, and its text fits below `limit`:
    /// without a copy, that is.
    fn append_whole(&mut self, input: &mut Input<'_>, text: &mut Vec<u8>, limit: usize) -> bool {
        let Some(rest) = input.rest() else {
            return false;
        };
        let Ok(n_stored) = find_frame_compressed_size(rest) else {
            return false;
        };
        let frame = &rest[..n_stored];
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

    /// Decodes on, to the frame's end, the limit, or the end of what is at hand.
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
            // The head of the next block is asked for with a block's body, and would take the body's text with
            // it if the head is damaged.
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
            Err(code) => {
                let message = format!("zstd stream is damaged ({})", get_error_name(code));
                Err(corrupt(input, &message))
            }
        })
    }
}

fn corrupt(input: &Input<'_>, message: &str) -> Defect {
    Defect::stored(Code::CorruptStream, input.offset, message)
}
