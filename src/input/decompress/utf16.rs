//! UTF-16 to UTF-8. Windows' tools write logs so.

use std::io;

use encoding_rs::{Decoder, DecoderResult, UTF_16BE, UTF_16LE};

use super::{Filled, Limit, Reading};
use crate::input::sniff::Endian;
use crate::report::{Code, Defect};

/// The least room given to a step; a character takes at most 4 bytes.
const STEP_BYTES: usize = 16 * 1024;

/// Where the decoder is.
pub(super) struct State {
    decoder: Decoder,
    endian: Endian,
    is_begun: bool,
    is_told: bool,
    is_ended: bool,
}

impl State {
    pub(super) fn new(endian: Endian) -> Self {
        let encoding = match endian {
            Endian::Little => UTF_16LE,
            Endian::Big => UTF_16BE,
        };
        Self {
            decoder: encoding.new_decoder_with_bom_removal(),
            endian,
            is_begun: false,
            is_told: false,
            is_ended: false,
        }
    }

    pub(super) fn fill(
        &mut self,
        reading: &mut Reading<'_>,
        text: &mut Vec<u8>,
        limit: Limit,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Filled> {
        if !std::mem::replace(&mut self.is_begun, true) {
            let name = match self.endian {
                Endian::Little => "little-endian",
                Endian::Big => "big-endian",
            };
            let message = format!("text is UTF-16, {name}; offsets count its bytes as UTF-8");
            defects.push(Defect::stored(Code::Utf16, 0, message));
        }
        while text.len() < limit.enough && !self.is_ended {
            let from = text.len();
            text.resize(from + STEP_BYTES, 0);
            let input = &mut reading.input;
            let at_hand = input.peek()?;
            let is_last = at_hand.is_empty();
            let (result, n_taken, n_out) = self.decoder.decode_to_utf8_without_replacement(
                at_hand,
                &mut text[from..],
                is_last,
            );
            text.truncate(from + n_out);
            input.take(n_taken);
            self.is_ended = is_last && result == DecoderResult::InputEmpty;
            if let DecoderResult::Malformed(n_bad, n_behind) = result {
                text.extend_from_slice("\u{fffd}".as_bytes());
                let n_back = u64::from(n_bad) + u64::from(n_behind);
                if !std::mem::replace(&mut self.is_told, true) {
                    let message =
                        "half a surrogate pair, or half a unit at the end, reads as U+FFFD";
                    let offset = input.offset.saturating_sub(n_back);
                    defects.push(Defect::stored(Code::InvalidUtf8, offset, message));
                }
            }
        }
        Ok(match self.is_ended {
            true => Filled::End,
            false => Filled::More,
        })
    }
}
