//! The way of a large source: cut into blocks, each scanned by whichever thread is free.
//!
//! What is found is what one thread would find, since a block is scanned by itself only between two anchors,
//! where documents begin whatever stands round them; the text between one block's last anchor and the next
//! one's first is scanned as one, by the second block.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::chain::{Carry, Giver, Taker, beginning, link};
use super::part::{Decoding, PartScan};
use super::{Judge, SourceReport, Worker, shrink};
use crate::input::Source;
use crate::input::blocks::{Block, Blocks};
use crate::input::open::Opened;
use crate::output::Alert;
use crate::scan::{Candidate, Prefilter, Scanner, anchors};

/// A source that is being cut. One thread has it at a time.
#[derive(Debug)]
pub(crate) struct Cutter {
    pub(crate) source: Arc<Source>,
    /// Nothing before the source is opened.
    blocks: Option<Blocks>,
    block_bytes: usize,
    before_next: Taker,
    /// Set by a block that could not stop where it should, and so takes all the rest.
    is_taken_over: Arc<AtomicBool>,
}

/// A block and its neighbours.
#[derive(Debug)]
pub(crate) struct Piece {
    block: Block,
    is_last: bool,
    before: Taker,
    after: Giver,
    is_taken_over: Arc<AtomicBool>,
    /// How much text of a part is decoded before it is scanned.
    window_bytes: usize,
}

/// What is decoded is scanned while a core's second-level cache still holds it: so many times in a block.
const WINDOWS_A_BLOCK: usize = 4;

impl Cutter {
    pub(crate) fn new(source: Source, block_bytes: usize) -> Self {
        Self {
            source: Arc::new(source),
            blocks: None,
            block_bytes,
            before_next: beginning(),
            is_taken_over: Arc::default(),
        }
    }
}

impl Worker<'_> {
    /// Cuts off the next piece. Its text may be in this worker's buffer, so this worker is to scan it. What
    /// went wrong on the way is in `report`; a source that cannot be opened has no piece.
    pub(crate) fn cut(&mut self, cutter: &mut Cutter, report: &mut SourceReport) -> Option<Piece> {
        if cutter.is_taken_over.load(Relaxed) || self.progress.stop.load(Relaxed) {
            return None;
        }
        if cutter.blocks.is_none() {
            let opened = Opened::open(&cutter.source, self.open, &mut self.stored);
            let blocks = opened.and_then(|opened| {
                let stored = opened.into_stored(&mut self.stored);
                Blocks::new(stored, cutter.block_bytes, &mut report.defects)
            });
            match blocks {
                Ok(blocks) => cutter.blocks = Some(blocks),
                Err(error) => {
                    report.fail(&error);
                    return None;
                }
            }
        }
        let blocks = cutter.blocks.as_mut()?;
        let (block, is_last) = blocks.next(&mut self.text, &mut report.defects)?;
        let (after, before_next) = link();
        Some(Piece {
            block,
            is_last,
            before: std::mem::replace(&mut cutter.before_next, before_next),
            after,
            is_taken_over: Arc::clone(&cutter.is_taken_over),
            window_bytes: cutter.block_bytes.div_ceil(WINDOWS_A_BLOCK),
        })
    }

    /// Scans a piece that this worker has cut off.
    pub(crate) fn scan_piece(
        &mut self,
        source: &Source,
        piece: Piece,
        report: &mut SourceReport,
        emit: &mut dyn FnMut(Alert),
    ) {
        let Piece {
            block,
            is_last,
            before,
            after,
            is_taken_over,
            window_bytes,
        } = piece;
        let scanner = &mut self.scanner;
        let mut scan = PieceScan {
            prefilter: self.prefilter,
            memory: &mut self.carried,
            before,
            after: Some(after),
            judge: Judge {
                rule: self.rule,
                source,
                progress: self.progress,
                report,
                emit,
            },
        };
        match block {
            Block::Plain(map, range) => {
                let n_bytes = range.len() as u64;
                scan.text(scanner, &map[range], n_bytes, is_last);
            }
            Block::Decoded(stored_bytes) => {
                scan.text(scanner, &self.text, stored_bytes, is_last);
            }
            Block::Part(part) => {
                let decoding = Decoding {
                    part,
                    text: &mut self.text,
                    codecs: &mut self.codecs,
                    head: &mut self.head,
                    window_bytes,
                    is_taken_over: &is_taken_over,
                };
                if PartScan::new(&mut scan, decoding).run(scanner).is_none() {
                    *scan.judge.report = SourceReport::default();
                }
            }
        }
        shrink(&mut self.text);
    }
}

/// The scan of one piece.
pub(super) struct PieceScan<'a> {
    pub(super) prefilter: &'a Arc<Prefilter>,
    /// For what is carried over.
    pub(super) memory: &'a mut Vec<u8>,
    pub(super) before: Taker,
    /// Nothing after this piece has taken over all the rest.
    pub(super) after: Option<Giver>,
    pub(super) judge: Judge<'a>,
}

impl PieceScan<'_> {
    /// Scans the piece's text, and tells the next one where it begins.
    fn text(&mut self, scanner: &mut Scanner, text: &[u8], stored_bytes: u64, is_last: bool) {
        let Some(seam) = self.before.seam() else {
            // The text ended in a block before this one, which told why.
            return;
        };
        self.judge.count(stored_bytes, text.len() as u64);
        let own = anchors(text, seam.before).map(|own| match is_last {
            true => own.start..text.len(),
            false => own,
        });
        if let Some(after) = &self.after {
            after.seam(seam.behind(text));
            if let Some(own) = &own {
                let memory = std::mem::take(self.memory);
                let base = seam.offset + own.end as u64;
                after.carry(Carry::new(base, &text[own.end..], memory));
            }
        }
        // A block before that failed has told so.
        if let Some(mut carry) = self.before.carry() {
            let before_own = own.as_ref().map_or(text, |own| &text[..own.start]);
            self.go_on(&mut carry, before_own, own.is_some() || is_last);
            match &self.after {
                Some(after) if own.is_none() => after.carry(carry),
                _ => {
                    *self.memory = carry.into_memory();
                    shrink(self.memory);
                }
            }
        }
        if let Some(own) = own {
            let base = seam.offset + own.start as u64;
            self.judge.scan(scanner, &text[own], base);
        }
    }

    /// Goes on with what the blocks before left over.
    pub(super) fn go_on(&mut self, carry: &mut Carry, more: &[u8], is_closed: bool) {
        let judge = &mut self.judge;
        let origin = carry.origin();
        let visit = &mut |candidate: &Candidate<'_>| judge.candidate(candidate, origin);
        if let Some(scanner) = carry.scan(more, is_closed, self.prefilter, visit) {
            self.judge.take_in(scanner, origin);
        }
    }
}
