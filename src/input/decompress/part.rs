//! Parts of a text, cut off so that they can be decoded elsewhere.

use std::sync::Arc;

use super::{Codecs, Decoding, Filled, Limit, Text, gzip, zstd};
use crate::input::stored::{Input, Stored};
use crate::report::Defect;

/// Complete members or frames of a mapped file, as far as their boundaries are known without decoding.
#[derive(Debug)]
pub struct Part {
    text: Text<'static>,
    start: u64,
}

impl Text<'static> {
    /// Cuts off the next members or frames, about `n_stored` bytes or more, so that they can be decoded
    /// elsewhere while this text continues after them.
    ///
    /// Returns `None` if this text is inside a member, if it has a checksum as a whole, if not all stored
    /// bytes are mapped, or if no end of a gzip member is visible in the next `8 * n_stored` bytes. The end
    /// of a zstd frame is known, that of a gzip member is guessed: [`Part::is_whole`] reports afterwards
    /// whether the guess was right.
    pub fn cut(&mut self, n_stored: usize) -> Option<Part> {
        if self.check.is_some() {
            return None;
        }
        let input = &mut self.reading.input;
        let Stored::Mapped(map, range) = &input.stored else {
            return None;
        };
        let rest = input.rest()?;
        let (n_bytes, decoding) = match &self.decoding {
            Decoding::Gzip(state) => (
                gzip::members(state, rest, n_stored)?,
                Decoding::Gzip(gzip::State::after_a_member()),
            ),
            Decoding::Zstd(state) => (
                zstd::frames(state, rest, n_stored)?,
                Decoding::Zstd(zstd::State::after_a_frame()),
            ),
            _ => return None,
        };
        let start = input.offset;
        let mut own = Input::new(Stored::Mapped(Arc::clone(map), range.clone()), None);
        own.offset = start;
        input.offset += n_bytes as u64;
        let until = input.offset;
        let mut text = Text::decoded_by(decoding, own);
        text.reading.until = until;
        text.reading.is_part = true;
        text.reading.is_layer = Some(false);
        Some(Part { text, start })
    }

    /// Continues decoding as [`Text::fill`] does, but only to the end of a member or frame, where a part may
    /// be cut off.
    pub fn fill_to_boundary(
        &mut self,
        text: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        self.reading.until = self.reading.input.offset + 1;
        let filled = self.fill(text, limit, codecs, defects);
        self.reading.until = u64::MAX;
        match filled {
            Filled::PartEnd => Filled::More,
            filled => filled,
        }
    }
}

impl Part {
    /// Continues decoding, as [`Text::fill`] does, to the end of the part.
    pub fn fill(
        &mut self,
        text: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        self.text.fill(text, limit, codecs, defects)
    }

    /// Returns the same as [`Text::last_start`].
    #[must_use]
    pub fn last_start(&self) -> Option<usize> {
        self.text.last_start()
    }

    /// Returns the same as [`Text::n_gzip_members`].
    #[must_use]
    pub fn n_gzip_members(&self) -> u64 {
        self.text.n_gzip_members()
    }

    /// Returns how many of its stored bytes were consumed.
    #[must_use]
    pub fn stored_bytes(&self) -> u64 {
        self.text.reading.input.offset - self.start
    }

    /// Reports whether its end was that of a member or frame.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.text.reading.input.offset == self.text.reading.until
    }

    /// Extends this part to the whole rest of the file.
    pub fn extend(&mut self) {
        self.text.reading.until = u64::MAX;
    }
}
