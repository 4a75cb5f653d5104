//! Where a decoder continues after a fault, or after the end.

use std::io;

use super::{Reading, is_layer};
use crate::binary;
use crate::input::sniff::{self, Format, SNIFF_BYTES};
use crate::report::{Code, Defect};

/// Reports whether the stored bytes at this offset are text or of a known format. If so, moves there.
fn is_other_at(reading: &mut Reading<'_>, offset: u64) -> bool {
    let input = &mut reading.input;
    let (was_at, is_at_hand) = (input.offset, input.rewind(offset));
    let start = input.rest().unwrap_or_default();
    let start = &start[..start.len().min(SNIFF_BYTES)];
    let is_other =
        is_at_hand && (sniff::sniff(start) != Format::Plain || !binary::is_binary(start));
    if is_at_hand && !is_other {
        input.take(usize::try_from(was_at - offset).expect("a few bytes of a slice"));
    }
    is_other
}

/// Skips to the next place where a member begins, after a decoder found a fault. Returns whether there is
/// one. `start` is where the member with the fault began, `text` is the buffer.
///
/// A damaged member may be decoded past its end, so the search begins before the fault. But if the text is
/// itself a container, a member found there may be the container's own content, stored as it is.
pub(super) fn skip_to_next(
    reading: &mut Reading<'_>,
    text: &[u8],
    start: u64,
    head_bytes: usize,
    find: &dyn Fn(&[u8]) -> Option<usize>,
    defect: Defect,
    defects: &mut Vec<Defect>,
) -> io::Result<bool> {
    if defect.code == Code::TrailingBytes && !reading.is_part && is_other_at(reading, start) {
        reading.is_other_behind = true;
        defects.push(defect);
        return Ok(false);
    }
    let known = reading.is_layer;
    let start = match known.unwrap_or_else(|| is_layer(&text[reading.begun_at..])) {
        true => reading.input.offset.saturating_sub(1),
        false => start,
    };
    let input = &mut reading.input;
    input.skip_to_next(defect, start, head_bytes, find, defects)
}
