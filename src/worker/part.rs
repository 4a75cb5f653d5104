//! The way of a piece that has to be decoded: members of gzip, frames of zstd.
//!
//! Where in the text it begins is known only when the pieces before it are decoded. It does not wait for
//! that: it scans from its first anchor on, with offsets that count from its own start, and waits when it
//! has found something to tell, or at its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::chain::{Carry, Seam};
use super::large::PieceScan;
use super::{TEXT_BYTES, shrink};
use crate::input::Codecs;
use crate::input::decompress::{Filled, Limit, Part};
use crate::report::Defect;
use crate::scan::{Before, Scanner, Window, first_anchor};

/// A part, and what it is decoded with.
pub(super) struct Decoding<'a> {
    pub(super) part: Part,
    pub(super) text: &'a mut Vec<u8>,
    pub(super) codecs: &'a mut Codecs,
    /// Memory for the text before the first anchor.
    pub(super) head: &'a mut Vec<u8>,
    /// How much is decoded before it is scanned.
    pub(super) window_bytes: usize,
    /// Set when this part could not stop where it should, and so takes all the rest.
    pub(super) is_taken_over: &'a AtomicBool,
}

impl Decoding<'_> {
    /// Decodes the next window, behind what the buffer holds.
    fn fill(&mut self, defects: &mut Vec<Defect>) -> Filled {
        let enough = self.text.len() + self.window_bytes;
        let most = TEXT_BYTES.max(2 * enough);
        let limit = Limit { enough, most };
        self.part.fill(self.text, limit, self.codecs, defects)
    }
}

/// Where in the text a part begins.
enum Start {
    /// The pieces before have not told yet, for whom the text before the first anchor waits.
    Unknown,
    /// Nothing if the text ended before it.
    Known(Option<u64>),
}

/// What is scanned next.
enum Ahead {
    /// The buffer, from this offset in the part's text on.
    Own { base: u64 },
    /// What the pieces before left over, and all that follows, since there is no anchor near.
    Carried(Carry),
}

impl PieceScan<'_> {
    /// Where in the text the part begins, once the pieces before have told, and what they left over is dealt
    /// with. Nothing if the text ended before it.
    fn resolve(&mut self, start: &mut Start, head: &mut Vec<u8>) -> Option<u64> {
        if let Start::Known(origin) = start {
            return *origin;
        }
        let origin = self.before.seam().map(|seam| seam.offset);
        *start = Start::Known(origin);
        // A piece before that failed has told so.
        if let Some(mut carry) = self.before.carry() {
            self.go_on(&mut carry, head, true);
            *self.memory = carry.into_memory();
            shrink(self.memory);
        }
        shrink(head);
        origin
    }

    /// Decodes a part and scans its text. Nothing if the text ended before it: in a piece that has told why.
    pub(super) fn part(&mut self, scanner: &mut Scanner, mut decoding: Decoding<'_>) -> Option<()> {
        decoding.text.clear();
        let mut defects = Vec::new();
        let mut filled = decoding.fill(&mut defects);
        let before = self.before.seam_at_hand();
        let before = before.map_or(Before::UNKNOWN, |seam| seam.before);
        // Behind what was decoded, with offsets that count from the part's start.
        let mut seam = Seam::default();
        let (mut start, mut ahead) = match first_anchor(decoding.text, before) {
            Some(first) => {
                self.judge.count(0, first as u64);
                let head = &mut decoding.head;
                head.clear();
                head.extend(decoding.text.drain(..first));
                seam = seam.behind(head);
                let base = seam.offset;
                scanner.start(base);
                (Start::Unknown, Ahead::Own { base })
            }
            None => {
                let origin = self.before.seam()?.offset;
                (
                    Start::Known(Some(origin)),
                    Ahead::Carried(self.before.carry()?),
                )
            }
        };
        let (mut n_held, mut n_counted) = (0, 0);
        // Of what was decoded last, how much does not stand in the buffer any more.
        let mut n_gone = usize::try_from(seam.offset).expect("text at hand");
        loop {
            let is_at_end =
                filled == Filled::PartEnd && decoding.part.is_whole() && self.after.is_some();
            if !is_at_end && filled != Filled::More {
                // A fault, or the part's end was guessed wrong: on to the end of the file.
                self.resolve(&mut start, decoding.head)?;
                decoding.is_taken_over.store(true, Relaxed);
                self.after = None;
                decoding.part.extend();
            }
            seam = seam.behind(&decoding.text[n_held..]);
            let n_stored = decoding.part.stored_bytes();
            let n_text = (decoding.text.len() - n_held) as u64;
            self.judge.count(n_stored - n_counted, n_text);
            n_counted = n_stored;
            self.judge.report.defects.append(&mut defects);
            let is_last = filled == Filled::End;
            match &mut ahead {
                Ahead::Own { base } => {
                    let window = Window {
                        bytes: decoding.text,
                        base: *base,
                        is_last,
                        likely_start: decoding
                            .part
                            .last_start()
                            .and_then(|at| at.checked_sub(n_gone)),
                    };
                    let keep = scanner.scan(window, &mut |candidate| {
                        if let Some(origin) = self.resolve(&mut start, decoding.head) {
                            self.judge.candidate(candidate, origin);
                        }
                    });
                    let n_done = usize::try_from(keep - *base).expect("an offset into the text");
                    decoding.text.drain(..n_done);
                    *base = keep;
                }
                Ahead::Carried(carry) => {
                    self.go_on(carry, decoding.text, is_last);
                    decoding.text.clear();
                }
            }
            if is_at_end || is_last {
                break;
            }
            if self.judge.progress.stop.load(Relaxed) {
                return Some(());
            }
            n_held = decoding.text.len();
            n_gone = 0;
            filled = decoding.fill(&mut defects);
        }
        let origin = self.resolve(&mut start, decoding.head)?;
        let begin = self.before.seam()?;
        if let Some(after) = &self.after {
            after.seam(begin.then(seam));
        }
        let left = match ahead {
            Ahead::Carried(carry) => carry,
            Ahead::Own { base } => {
                self.judge.take_in(scanner, origin);
                let memory = std::mem::take(self.memory);
                let carry = Carry::new(base, decoding.text, memory).counted_from(origin);
                match scanner.is_walking() {
                    true => {
                        let next = Scanner::new(Arc::clone(self.prefilter));
                        carry.seen_by(std::mem::replace(scanner, next))
                    }
                    false => carry,
                }
            }
        };
        if let Some(after) = &self.after {
            after.carry(left);
        }
        Some(())
    }
}
