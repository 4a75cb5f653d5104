//! The scan of a piece: a block of a large source, and the links to its neighbours.
//!
//! A block is scanned by itself only between two anchors, where documents begin whatever text is around them. The text
//! between the last anchor of one block and the first anchor of the next is scanned as one text, by the second block.

use super::chain::{Remainder, SeamReceiver, SeamSender};
use super::{PieceContext, shrink};
use crate::input::blocks::BlockEnd;
use crate::scan::{ScanItem, Scanner, anchors};

/// The scan of one piece.
pub(super) struct PieceScan<'a> {
    /// Memory for the text that is carried over.
    pub(super) memory: &'a mut Vec<u8>,
    pub(super) before: SeamReceiver,
    /// The link to the next piece. `None` after this piece has taken over all the rest.
    pub(super) after: Option<SeamSender>,
    /// True if the text has no place from which it could be scanned, except its start.
    pub(super) is_chained: bool,
    pub(super) shown: PieceContext<'a>,
}

impl PieceScan<'_> {
    /// Scans the text of the piece, and sends the next piece the place where it begins.
    pub(super) fn text(&mut self, scanner: &mut Scanner, text: &[u8], end: BlockEnd) {
        let is_closed = end != BlockEnd::Open;
        let Some(seam) = self.before.seam() else {
            // The text ended in an earlier block, which reported why.
            return;
        };
        self.shown.count(0, text.len() as u64);
        let n_defects = self.shown.report.defects.len();
        let own = match self.is_chained {
            true => None,
            false => anchors(text, seam.before),
        };
        let own = own.map(|own| match is_closed {
            true => own.start..text.len(),
            false => own,
        });
        let offset = seam.offset;
        if let Some(after) = &self.after {
            let after_text = seam.after(text);
            if end == BlockEnd::Text {
                self.shown.report_ends(after_text.ends.defects());
            }
            if is_closed {
                after.close(after_text.offset);
            } else {
                after.seam(after_text);
                if let Some(own) = &own {
                    let memory = std::mem::take(self.memory);
                    let base = offset + own.end as u64;
                    after.remainder(Remainder::new(base, &text[own.end..], memory));
                }
            }
        }
        // An earlier block that failed has reported it.
        if let Some(mut remainder) = self.before.remainder() {
            let before_own = own.as_ref().map_or(text, |own| &text[..own.start]);
            self.go_on(&mut remainder, before_own, own.is_some() || is_closed);
            match &self.after {
                Some(after) if own.is_none() && !is_closed => after.remainder(remainder),
                _ => {
                    *self.memory = remainder.into_memory();
                    shrink(self.memory);
                }
            }
        }
        if let Some(own) = own {
            let base = offset + own.start as u64;
            self.shown.scan(scanner, &text[own], base);
        }
        if is_closed && offset == 0 {
            self.shown.let_off_notes(text, n_defects);
        }
    }

    /// Continues with the text that earlier blocks left over.
    pub(super) fn go_on(&mut self, remainder: &mut Remainder, more: &[u8], is_closed: bool) {
        let shown = &mut self.shown;
        let (context, origin) = (shown.context, remainder.origin());
        let visit = &mut |item: ScanItem<'_>| shown.item(&item, origin);
        if let Some(scanner) = remainder.scan(more, is_closed, || context.scanner(), visit) {
            self.shown.take_in(scanner, origin);
        }
    }
}
