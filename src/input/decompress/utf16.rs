//! Converts UTF-16 to UTF-8. Windows tools write logs in UTF-16, and a shell's `>>` may mix both encodings in
//! one file.
//!
//! The input is examined in chunks. Where a chunk is clearly in the other encoding, or clearly half a unit
//! off because a byte was lost or added, the decoder switches to what the chunk is.

use std::io;

use encoding_rs::{Decoder, DecoderResult, UTF_8, UTF_16BE, UTF_16LE};

use super::{Filled, Limit, Reading};
use crate::input::sniff::Endian;
use crate::report::{Code, Defect};

/// Minimum output space for a step.
const STEP_BYTES: usize = 16 * 1024;
/// Number of stored bytes that a step consumes: 2 bytes become at most 3, and a byte that is not UTF-8
/// becomes 3.
const TAKEN_BYTES: usize = STEP_BYTES / 4;

/// Size of the chunks that show an encoding.
const CHUNK_BYTES: usize = 32;
/// Minimum number of zeros in a chunk of UTF-16, all at even or all at odd places: units that are ASCII.
const ZEROS_LEAST: usize = 12;
/// Minimum number of ASCII characters in a chunk of UTF-8.
const ASCII_LEAST: usize = 28;
/// Minimum number of byte pairs of such a chunk that, read as units, are characters that hardly any text has.
/// All bytes of Chinese text may be ASCII characters too, and one character may be written many times.
const RARE_LEAST: usize = 3;
/// Minimum number of different bytes, besides zeros, in a chunk of UTF-16 that is half a unit off. There are
/// characters whose lower byte is zero, but many different ones rarely occur together.
const VARIED_LEAST: usize = 4;

/// State of the decoder.
pub(super) struct State {
    decoder: Decoder,
    endian: Endian,
    /// True while it reads UTF-8.
    is_utf8: bool,
    is_begun: bool,
    is_told: bool,
    is_mix_told: bool,
    is_ended: bool,
}

/// The encoding that a chunk clearly shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shown {
    Utf8,
    /// UTF-16 with its zeros at these places.
    Zeros(Places),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Places {
    Even,
    Odd,
}

/// Reports whether a unit with this upper byte, if that is an ASCII character, is one that hardly any text
/// has: symbols, and the first extension of Chinese. Kana and punctuation marks have 0x30, most of Chinese
/// begins with 0x4E.
fn is_rare(upper: u8) -> bool {
    matches!(upper, 0x21..=0x2f | 0x31..=0x4d)
}

/// Returns how many different bytes there are, besides zeros.
fn n_different(chunk: &[u8]) -> usize {
    let mut seen = [false; 256];
    chunk
        .iter()
        .for_each(|byte| seen[usize::from(*byte)] = true);
    seen[1..].iter().filter(|seen| **seen).count()
}

fn is_ascii(byte: u8) -> bool {
    byte.is_ascii_graphic() || byte.is_ascii_whitespace()
}

/// Returns how many zeros of a chunk are the upper halves of ASCII characters in this byte order, wherever
/// units begin.
fn n_upper_of_ascii(chunk: &[u8], endian: Endian) -> usize {
    let is_upper = |(at, byte): &(usize, &u8)| {
        let lower = match endian {
            Endian::Little => at.checked_sub(1),
            Endian::Big => Some(at + 1),
        };
        // The other half of the outermost one is outside the chunk.
        let lower = lower.and_then(|at| chunk.get(at));
        **byte == 0 && lower.is_none_or(|lower| is_ascii(*lower))
    };
    chunk.iter().enumerate().filter(is_upper).count()
}

/// Returns what a chunk of a text in this byte order shows, if anything.
fn shown(chunk: &[u8], endian: Endian, is_utf8: bool) -> Option<Shown> {
    let zeros = |first: usize| chunk.iter().skip(first).step_by(2).filter(|b| **b == 0);
    match (zeros(0).count(), zeros(1).count()) {
        (0, 0) if chunk.iter().filter(|byte| is_ascii(**byte)).count() >= ASCII_LEAST => {
            let first = usize::from(endian == Endian::Little);
            let upper = chunk.iter().skip(first).step_by(2);
            let n_rare = upper.filter(|upper| is_rare(**upper)).count();
            (is_utf8 || n_rare >= RARE_LEAST).then_some(Shown::Utf8)
        }
        // Zeros next to bytes that are not ASCII: characters whose lower half is zero.
        _ if !is_utf8 && n_upper_of_ascii(chunk, endian) < ZEROS_LEAST => None,
        (0, ZEROS_LEAST..) => Some(Shown::Zeros(Places::Odd)),
        (ZEROS_LEAST.., 0) => Some(Shown::Zeros(Places::Even)),
        _ => None,
    }
}

impl State {
    pub(super) fn new(endian: Endian) -> Self {
        Self {
            decoder: decoder(endian),
            endian,
            is_utf8: false,
            is_begun: false,
            is_told: false,
            is_mix_told: false,
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
            let input = &mut reading.input;
            let mut seen = input.look_ahead(TAKEN_BYTES)?;
            let is_last = seen.len() < TAKEN_BYTES;
            let change = self.change(&seen);
            if let Some((at, _)) = change {
                seen.truncate(at);
            }
            let start = input.offset;
            self.decode(&seen, is_last || change.is_some(), text, start, defects);
            input.take(seen.len());
            self.is_ended = is_last && change.is_none();
            if let Some((_, shown)) = change {
                let skipped = self.turn_to(shown, &input.look_ahead(2)?);
                input.take(skipped);
                if !std::mem::replace(&mut self.is_mix_told, true) {
                    let offset = input.offset;
                    let message = match shown {
                        Shown::Utf8 => "text goes on as UTF-8",
                        Shown::Zeros(_) if skipped > 0 => {
                            "a byte too much or too few in UTF-16; one was passed over"
                        }
                        Shown::Zeros(_) => "text goes on as UTF-16",
                    };
                    defects.push(Defect::stored(Code::MixedEncodings, offset, message));
                }
            }
        }
        Ok(match self.is_ended {
            true => Filled::End,
            false => Filled::More,
        })
    }

    /// Finds where these bytes, which begin with a unit, become something that the decoder does not currently
    /// read.
    fn change(&self, bytes: &[u8]) -> Option<(usize, Shown)> {
        let own = match (self.is_utf8, self.endian) {
            (true, _) => Shown::Utf8,
            (false, Endian::Little) => Shown::Zeros(Places::Odd),
            (false, Endian::Big) => Shown::Zeros(Places::Even),
        };
        let mut chunks = bytes.chunks_exact(CHUNK_BYTES);
        let is_other = |chunk: &[u8], shown: Shown| {
            shown != own && (shown == Shown::Utf8 || n_different(chunk) >= VARIED_LEAST)
        };
        let (n, other) = chunks.by_ref().enumerate().find_map(|(n, chunk)| {
            let shown = shown(chunk, self.endian, self.is_utf8)?;
            is_other(chunk, shown).then_some((n, shown))
        })?;
        let mut at = n * CHUNK_BYTES;
        match other {
            // Back to the last zero, which belongs to a unit; in a big-endian unit the other half follows.
            Shown::Utf8 => {
                while at > 0 && bytes[at - 1] != 0 {
                    at -= 1;
                }
                if at > 0 && self.endian == Endian::Big {
                    at += 1;
                }
            }
            // Back over the units before, whose first zero is after its character. If the byte order is the
            // other one, this makes a difference only for characters that are not ASCII.
            Shown::Zeros(_) if self.is_utf8 => {
                let zero = bytes[at..].iter().position(|byte| *byte == 0);
                at = (at + zero.unwrap_or_default()).saturating_sub(1);
                while at > 1 && bytes[at - 1] == 0 {
                    at -= 2;
                }
                if bytes[..at].ends_with(b"\xff\xfe") {
                    at -= 2;
                }
            }
            Shown::Zeros(places) => {
                let zero = usize::from(places == Places::Odd);
                while at > 1 && bytes[at - 2 + zero] == 0 {
                    at -= 2;
                }
            }
        }
        Some((at, other))
    }

    /// Switches to another encoding. Returns how many bytes must be skipped.
    fn turn_to(&mut self, shown: Shown, ahead: &[u8]) -> usize {
        let was_utf8 = std::mem::replace(&mut self.is_utf8, shown == Shown::Utf8);
        if self.is_utf8 {
            self.decoder = UTF_8.new_decoder_with_bom_removal();
            return 0;
        }
        if was_utf8 {
            self.endian = match ahead {
                [0xfe, 0xff] => Endian::Big,
                _ => Endian::Little,
            };
        }
        self.decoder = decoder(self.endian);
        usize::from(!was_utf8)
    }

    /// Decodes whole bytes, the last of which may be half a unit that continues in the next call.
    fn decode(
        &mut self,
        mut bytes: &[u8],
        is_last: bool,
        text: &mut Vec<u8>,
        mut offset: u64,
        defects: &mut Vec<Defect>,
    ) {
        loop {
            let from = text.len();
            text.resize(from + STEP_BYTES, 0);
            let (result, n_taken, n_out) =
                self.decoder
                    .decode_to_utf8_without_replacement(bytes, &mut text[from..], is_last);
            text.truncate(from + n_out);
            bytes = &bytes[n_taken..];
            offset += n_taken as u64;
            match result {
                DecoderResult::InputEmpty => return,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(n_bad, n_behind) => {
                    text.extend_from_slice("\u{fffd}".as_bytes());
                    let n_back = u64::from(n_bad) + u64::from(n_behind);
                    if !std::mem::replace(&mut self.is_told, true) {
                        let message = "half a surrogate pair, or half a unit, reads as U+FFFD";
                        let offset = offset.saturating_sub(n_back);
                        defects.push(Defect::stored(Code::InvalidUtf8, offset, message));
                    }
                }
            }
        }
    }
}

fn decoder(endian: Endian) -> Decoder {
    match endian {
        Endian::Little => UTF_16LE.new_decoder_with_bom_removal(),
        Endian::Big => UTF_16BE.new_decoder_with_bom_removal(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::decompress::{Codecs, Text};
    use crate::input::sniff::Format;
    use crate::input::stored::{Input, Stored};

    fn units(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    /// Returns the text, and the defects other than that it is UTF-16. Checks that both are the same whether
    /// the input comes whole or in pieces.
    fn read(stored: &[u8], endian: Endian) -> (String, Vec<Code>) {
        let ways = [
            Stored::Slice(stored),
            Stored::Stream(Box::new(io::BufReader::with_capacity(7, stored))),
        ];
        let [a, b] = ways.map(|stored| {
            let (mut codecs, mut text, mut defects) = (Codecs::default(), Vec::new(), Vec::new());
            let input = Input::new(stored, None);
            let mut utf16 = Text::new(input, Format::Utf16(endian), &mut codecs).unwrap();
            while utf16.fill(&mut text, Limit::at(usize::MAX), &mut codecs, &mut defects)
                != Filled::End
            {}
            let codes = defects.iter().map(|d| d.code).filter(|c| *c != Code::Utf16);
            (String::from_utf8(text).unwrap(), codes.collect::<Vec<_>>())
        });
        assert_eq!(a, b);
        a
    }

    #[test]
    fn utf8_behind_utf16_and_utf16_behind_that_are_read_as_what_they_are() {
        let line = "{\"eventName\": \"AttachUserPolicy\", \"userName\": \"Zoë\"}\r\n";
        for (endian, bytes) in [
            (Endian::Little, u16::to_le_bytes as fn(u16) -> [u8; 2]),
            (Endian::Big, u16::to_be_bytes),
        ] {
            for n in [1, 2, 3, 100] {
                let lines = line.repeat(n);
                let wide = units(&lines, bytes);
                let mixed = [&wide, lines.as_bytes(), &units(&lines, u16::to_le_bytes)].concat();
                let (text, codes) = read(&mixed, endian);
                assert_eq!(text, lines.repeat(3), "{endian:?} {n}");
                assert_eq!(codes, [Code::MixedEncodings]);
            }
        }
    }

    #[test]
    fn a_byte_too_much_costs_a_character() {
        let line = "{\"eventName\": \"AttachUserPolicy\", \"userName\": \"alice\"}\r\n".repeat(40);
        let stored = units(&line, u16::to_le_bytes);
        for at in [600, 601, 602, 603] {
            let (text, codes) = read(
                &[&stored[..at], b"x", &stored[at..]].concat(),
                Endian::Little,
            );
            assert!(codes.contains(&Code::MixedEncodings), "{at}");
            assert!(text.starts_with(line.get(..299).unwrap()), "{at}: {text}");
            assert!(text.ends_with(line.get(304..).unwrap()), "{at}: {text}");
        }
    }

    #[test]
    fn characters_with_a_lower_half_of_zero_are_no_shift() {
        let line = format!("{{\"a\": \"{}\"}}\n", "最県一가".repeat(50));
        for (endian, bytes) in [
            (Endian::Little, u16::to_le_bytes as fn(u16) -> [u8; 2]),
            (Endian::Big, u16::to_be_bytes),
        ] {
            assert_eq!(read(&units(&line, bytes), endian), (line.clone(), vec![]));
        }
    }

    #[test]
    fn chinese_is_no_utf8() {
        let line = "{\"description\": \"这是一个用于测试的说明文字，没有任何特殊含义，只是为了占用足够的空间并且看起来自然\"}\n";
        let (text, codes) = read(&units(line, u16::to_le_bytes), Endian::Little);
        assert_eq!((text.as_str(), codes), (line, vec![]));
    }
}
