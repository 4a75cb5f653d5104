//! The processing of a piece that has to be decoded: gzip members or zstd frames.
//!
//! The place in the text where the piece begins is known only after the previous pieces are decoded. The piece does
//! not wait for that. It scans from its first anchor on, with offsets that count from its own start. It waits only
//! when it has found an event or a record to pass on, or at its end.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::chain::{Remainder, Seam};
use super::piece::PieceScan;
use super::{TEXT_BYTES, shrink};
use crate::input::Codecs;
use crate::input::decompress::{Filled, Limit, Part};
use crate::report::Defect;
use crate::scan::{Before, Scanner, Window, first_anchor};

/// A part, and the state for decoding it.
pub(super) struct Decoding<'a> {
    pub(super) part: Part,
    pub(super) text: &'a mut Vec<u8>,
    pub(super) codecs: &'a mut Codecs,
    /// Memory for the text before the first anchor.
    pub(super) head: &'a mut Vec<u8>,
    /// Amount of text that is decoded before it is scanned, in bytes.
    pub(super) window_bytes: usize,
    /// Set if this part could not stop where it should, and therefore takes all the rest.
    pub(super) is_taken_over: &'a AtomicBool,
    /// True if the stored bytes are counted here.
    pub(super) counts_stored: bool,
}

impl Decoding<'_> {
    /// Decodes the next window, and appends it to the buffer.
    fn fill(&mut self, defects: &mut Vec<Defect>) -> Filled {
        let more = self.text.len() + self.window_bytes;
        let most = TEXT_BYTES.max(2 * more);
        // At least twice the text that waits for its end, so that a record of any size needs few scans.
        let enough = more.max(2 * self.text.len());
        let limit = Limit { enough, most };
        self.part.fill(self.text, limit, self.codecs, defects)
    }
}

/// The text that is scanned next.
enum Ahead {
    /// The buffer, which begins at this offset in the part's text.
    Own { base: u64 },
    /// The text that the previous pieces left over, and all text after it, because there is no anchor near.
    Carried(Remainder),
}

/// The scan of a part.
pub(super) struct PartScan<'p, 'a> {
    piece: &'p mut PieceScan<'a>,
    decoding: Decoding<'p>,
    /// The place in the text where the part begins, once the previous pieces have sent it. The inner value is `None`
    /// if the text ended before the part. Until then, the text before the first anchor of the part waits.
    origin: Option<Option<u64>>,
    /// The seam after the decoded text, with offsets that count from the start of the part.
    seam: Seam,
    /// Number of bytes that were in the buffer before it was last filled.
    n_held: usize,
    /// Number of bytes decoded last that are no longer in the buffer.
    n_gone: usize,
    /// Number of stored bytes that were counted.
    n_counted: u64,
    defects: Vec<Defect>,
}

impl<'p, 'a> PartScan<'p, 'a> {
    pub(super) fn new(piece: &'p mut PieceScan<'a>, decoding: Decoding<'p>) -> Self {
        Self {
            piece,
            decoding,
            origin: None,
            seam: Seam::default(),
            n_held: 0,
            n_gone: 0,
            n_counted: 0,
            defects: Vec::new(),
        }
    }

    /// Decodes the part and scans its text. Returns `None` if the text ended before the part: an earlier piece has
    /// reported why.
    pub(super) fn run(mut self, scanner: &mut Scanner) -> Option<()> {
        self.decoding.text.clear();
        // All memory is reserved at once, because growing it copies the text. Memory that is not used costs nothing.
        self.decoding.text.reserve_exact(TEXT_BYTES);
        let mut filled = self.decoding.fill(&mut self.defects);
        let mut ahead = self.begin(scanner)?;
        loop {
            let is_whole = filled == Filled::PartEnd && self.decoding.part.is_whole();
            let is_at_end = is_whole && self.piece.after.is_some();
            if !is_at_end && filled != Filled::More {
                // A fault, or a wrong guess of the part's end.
                self.take_over()?;
            }
            self.count();
            let is_closed = matches!(filled, Filled::End | Filled::Gap);
            match &mut ahead {
                Ahead::Own { base } => *base = self.scan(scanner, *base, is_closed),
                Ahead::Carried(remainder) => {
                    self.piece.go_on(remainder, self.decoding.text, is_closed);
                    self.decoding.text.clear();
                }
            }
            if is_at_end || filled == Filled::End {
                return self.end(scanner, ahead, !is_at_end);
            }
            if filled == Filled::Gap {
                ahead = self.begin_behind_fault(scanner, ahead)?;
            }
            if self.piece.shown.context.progress.stop.load(Relaxed) {
                return Some(());
            }
            self.n_held = self.decoding.text.len();
            self.n_gone = 0;
            filled = self.decoding.fill(&mut self.defects);
        }
    }

    /// Sets aside the text before the first anchor. Waits for the previous pieces only if there is no anchor.
    fn begin(&mut self, scanner: &mut Scanner) -> Option<Ahead> {
        let before = self.piece.before.seam_at_hand();
        let before = before.map_or(Before::UNKNOWN, |seam| seam.before);
        let Decoding { text, head, .. } = &mut self.decoding;
        let first = match self.piece.is_chained {
            true => None,
            false => first_anchor(text, before),
        };
        let Some(first) = first else {
            self.origin = Some(Some(self.piece.before.seam()?.offset));
            return Some(Ahead::Carried(self.piece.before.remainder()?));
        };
        head.clear();
        head.extend(text.drain(..first));
        self.seam = std::mem::take(&mut self.seam).after(head);
        self.n_gone = first;
        self.piece.shown.count(0, first as u64);
        let base = self.seam.offset;
        scanner.start(base);
        Some(Ahead::Own { base })
    }

    /// Counts the bytes decoded last.
    fn count(&mut self) {
        let new = &self.decoding.text[self.n_held..];
        self.seam = std::mem::take(&mut self.seam).after(new);
        let n_stored = match self.decoding.counts_stored {
            // After a fault, decoding continues from an earlier place. Bytes that were counted are not counted again.
            true => self.decoding.part.stored_bytes().max(self.n_counted),
            false => 0,
        };
        let shown = &mut self.piece.shown;
        shown.count(n_stored - self.n_counted, new.len() as u64);
        for defect in self.defects.drain(..) {
            shown.report.defects.push(defect.within(shown.member));
        }
        self.n_counted = n_stored;
    }

    /// Starts again with the text after a fault. All text before the fault is scanned.
    fn begin_behind_fault(&mut self, scanner: &mut Scanner, ahead: Ahead) -> Option<Ahead> {
        let origin = self.resolve()?;
        match ahead {
            Ahead::Own { .. } => self.piece.shown.take_in(scanner, origin),
            Ahead::Carried(remainder) => *self.piece.memory = remainder.into_memory(),
        }
        self.decoding.text.clear();
        let base = self.seam.offset;
        scanner.start(base);
        Some(Ahead::Own { base })
    }

    /// Scans the buffer, which begins at `base`. Keeps the text that is needed again, and returns the offset where it
    /// begins.
    fn scan(&mut self, scanner: &mut Scanner, base: u64, is_last: bool) -> u64 {
        let likely_start = self.decoding.part.last_start();
        let window = Window {
            bytes: self.decoding.text,
            base,
            is_last,
            likely_start: likely_start.and_then(|at| at.checked_sub(self.n_gone)),
        };
        let (piece, origin, head) = (&mut *self.piece, &mut self.origin, &mut *self.decoding.head);
        let keep = scanner.scan_items(window, &mut |item| {
            if let Some(origin) = resolve(piece, origin, head) {
                piece.shown.item(&item, origin);
            }
        });
        let n_done = usize::try_from(keep - base).expect("an offset into the text");
        self.decoding.text.drain(..n_done);
        keep
    }

    /// Continues to the end of the file, in place of all pieces after this one.
    fn take_over(&mut self) -> Option<()> {
        self.resolve()?;
        self.decoding.is_taken_over.store(true, Relaxed);
        self.piece.after = None;
        self.decoding.part.extend();
        Some(())
    }

    fn resolve(&mut self) -> Option<u64> {
        resolve(self.piece, &mut self.origin, self.decoding.head)
    }

    /// Sends the next piece the seam and the remainder of this one.
    fn end(mut self, scanner: &mut Scanner, ahead: Ahead, is_text_end: bool) -> Option<()> {
        let origin = self.resolve()?;
        let piece = self.piece;
        let begin = piece.before.seam()?;
        let n_gzip_members = self.decoding.part.n_gzip_members();
        let member = piece.shown.member;
        piece.shown.report.add_gzip_members(member, n_gzip_members);
        if matches!(ahead, Ahead::Own { .. }) {
            piece.shown.take_in(scanner, origin);
        }
        let seam = begin.then(&self.seam);
        if is_text_end {
            piece.shown.report_ends(seam.ends.defects());
        }
        let Some(after) = &piece.after else {
            return Some(());
        };
        after.seam(seam);
        after.remainder(match ahead {
            Ahead::Carried(remainder) => remainder,
            Ahead::Own { base } => {
                let memory = std::mem::take(piece.memory);
                let remainder =
                    Remainder::new(base, self.decoding.text, memory).counted_from(origin);
                if scanner.is_walking() {
                    let next = piece.shown.context.scanner();
                    remainder.seen_by(std::mem::replace(scanner, next))
                } else {
                    remainder
                }
            }
        });
        Some(())
    }
}

/// Returns the place in the text where the part begins. Waits for the previous pieces to send it, and first scans the
/// text that they left over, up to the first anchor of the part. Returns `None` if the text ended before the part.
fn resolve(
    piece: &mut PieceScan<'_>,
    origin: &mut Option<Option<u64>>,
    head: &mut Vec<u8>,
) -> Option<u64> {
    if let Some(origin) = origin {
        return *origin;
    }
    *origin = Some(piece.before.seam().map(|seam| seam.offset));
    // A previous piece that failed has reported it.
    if let Some(mut remainder) = piece.before.remainder() {
        piece.go_on(&mut remainder, head, true);
        *piece.memory = remainder.into_memory();
        shrink(piece.memory);
    }
    shrink(head);
    origin.flatten()
}
