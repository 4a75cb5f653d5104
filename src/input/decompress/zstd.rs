//! zstd (RFC 8878): every frame of a file, skippable ones passed over, windows up to 2 GiB.

use std::io;

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective, get_error_name};

use super::{Filled, Input};
use crate::input::sniff::{ZSTD_MAGIC, is_zstd_skippable};
use crate::report::{Code, Defect};

/// The largest window, as a power of two: what `zstd --long=31` makes. A file with a larger one cannot be
/// made with today's tools. Memory for a window is taken only as far as the frame's content fills it.
const WINDOW_LOG_MAX: u32 = 31;

/// The least room given to a step.
const STEP_BYTES: usize = 128 * 1024;

/// The bytes that tell what follows a frame.
const MAGIC_BYTES: usize = 4;

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
    Inside { n_frames: u64, start: u64 },
    Ended,
}

impl Zstd {
    pub(super) fn start(&mut self) -> State {
        State::Between { n_frames: 0 }
    }

    pub(super) fn fill(
        &mut self,
        state: &mut State,
        input: &mut Input<'_>,
        text: &mut Vec<u8>,
        limit: usize,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Filled> {
        while text.len() < limit {
            let result = match *state {
                State::Between { n_frames } => self.begin(n_frames, input)?,
                State::Inside { n_frames, start } => {
                    self.step(start, input, text, limit)?
                        .map(|is_end| match is_end {
                            true => State::Between {
                                n_frames: n_frames + 1,
                            },
                            false => State::Inside { n_frames, start },
                        })
                }
                State::Ended => return Ok(Filled::End),
            };
            *state = result.unwrap_or_else(|defect| {
                defects.push(defect);
                State::Ended
            });
        }
        Ok(Filled::More)
    }

    fn begin(&mut self, n_frames: u64, input: &mut Input<'_>) -> io::Result<Result<State, Defect>> {
        if n_frames > 0 && input.skip_zeros()?.is_none() {
            return Ok(Ok(State::Ended));
        }
        let start = input.offset;
        self.context
            .reset(ResetDirective::SessionOnly)
            .expect("a session can always be reset");
        // What comes next may be split over two reads: then the decoder itself tells.
        let magic = input.peek()?;
        let is_frame =
            magic.len() < MAGIC_BYTES || magic.starts_with(ZSTD_MAGIC) || is_zstd_skippable(magic);
        if !is_frame {
            let message = "bytes after the zstd frames are no zstd frame";
            return Ok(Err(Defect::stored(Code::TrailingBytes, start, message)));
        }
        Ok(Ok(State::Inside { n_frames, start }))
    }

    /// Decodes on; true at the frame's end.
    fn step(
        &mut self,
        start: u64,
        input: &mut Input<'_>,
        text: &mut Vec<u8>,
        limit: usize,
    ) -> io::Result<Result<bool, Defect>> {
        let from = text.len();
        text.reserve(STEP_BYTES.min(limit - from));
        let at_hand = input.peek()?;
        let at_end = at_hand.is_empty();
        let mut source = InBuffer::around(at_hand);
        let mut target = OutBuffer::around_pos(text, from);
        let result = self.context.decompress_stream(&mut target, &mut source);
        let taken = source.pos();
        let moved = taken > 0 || target.pos() > from;
        drop(target);
        input.take(taken);
        Ok(match result {
            Ok(0) => Ok(true),
            Ok(_) if moved => Ok(false),
            Ok(_) if at_end => {
                let message = format!("zstd stream ends early; its frame began at {start}");
                Err(Defect::stored(Code::Truncated, input.offset, message))
            }
            Ok(_) => Err(corrupt(input, "zstd stream makes no progress")),
            Err(code) => Err(corrupt(
                input,
                &format!("zstd stream is damaged ({})", get_error_name(code)),
            )),
        })
    }
}

fn corrupt(input: &Input<'_>, message: &str) -> Defect {
    Defect::stored(Code::CorruptStream, input.offset, message)
}
