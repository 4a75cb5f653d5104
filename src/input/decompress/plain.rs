//! Text that is stored as it is, up to where something else begins: an appended compressed file, archive or
//! UTF-16 text, or what a damaged header hides.

use std::io;

use super::{Filled, Limit, Reading, make_room};

/// The extent of the text.
#[derive(Debug, Default)]
pub(in crate::input) struct State {
    /// Offset where what follows is of another kind, if known.
    pub(in crate::input) end: Option<u64>,
}

impl State {
    pub(super) fn fill(
        &self,
        reading: &mut Reading<'_>,
        text: &mut Vec<u8>,
        limit: Limit,
    ) -> io::Result<Filled> {
        let (input, limit) = (&mut reading.input, limit.enough);
        while text.len() < limit {
            let left = self.end.map_or(u64::MAX, |end| end - input.offset);
            if left == 0 {
                return Ok(Filled::Trailing);
            }
            let at_hand = input.peek()?;
            if at_hand.is_empty() {
                return Ok(Filled::End);
            }
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            let n = at_hand.len().min(limit - text.len()).min(left);
            make_room(text, n, limit);
            text.extend_from_slice(&at_hand[..n]);
            input.take(n);
        }
        Ok(Filled::More)
    }
}
