//! The processing of a large source: it is cut into blocks, and any free thread scans a block.
//!
//! The results are those of one thread. A block and the links to its neighbours are a piece: `piece` scans one whose
//! text is at hand, `part` one that its thread decodes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::super::analyzer::Observer;
use super::chain::{SeamReceiver, SeamSender, beginning, link};
use super::logs::Logs;
use super::part::{Decoding, PartScan};
use super::piece::PieceScan;
use super::{PieceContext, SourceReport, Worker, shrink};
use crate::input::archive::Entry;
use crate::input::blocks::{Block, Blocks, Content, Packed};
use crate::input::decompress::Budget;
use crate::input::open::Opened;
use crate::input::{Source, Stored};
use crate::scan::is_sequence;

/// A source that is being cut. Only one thread has it at a time.
#[derive(Debug)]
pub(crate) struct Cutter {
    pub(crate) source: Arc<Source>,
    /// The blocks. `None` until the source is opened.
    blocks: Option<Blocks>,
    block_bytes: usize,
    before_next: SeamReceiver,
    /// Set by a block that could not stop where it should, and therefore takes all the rest of its log.
    is_taken_over: Arc<AtomicBool>,
    /// Limit of the text that may come out of the source.
    budget: Option<Arc<Budget>>,
    /// True if the log that is being cut has no place from which it could be scanned.
    is_chained: bool,
}

/// A block and the links to its neighbours.
#[derive(Debug)]
pub(crate) struct Piece {
    block: Block,
    before: SeamReceiver,
    after: SeamSender,
    is_taken_over: Arc<AtomicBool>,
    is_chained: bool,
    /// True if a part counts the stored bytes that it reads. The archive counts those of an archive entry.
    counts_stored: bool,
    budget: Option<Arc<Budget>>,
    /// Amount of text of a part that is decoded before it is scanned, in bytes.
    window_bytes: usize,
}

/// Number of windows per block. Decoded text is scanned while it is still in the second-level cache of a core.
const WINDOWS_A_BLOCK: usize = 4;

impl Cutter {
    pub(crate) fn new(source: Source, block_bytes: usize) -> Self {
        Self {
            source: Arc::new(source),
            blocks: None,
            block_bytes,
            before_next: beginning(false),
            is_taken_over: Arc::default(),
            budget: None,
            is_chained: false,
        }
    }
}

impl Worker<'_> {
    /// Cuts off the next piece. Its text may be in this worker's buffer, so this worker must scan it. Errors while
    /// cutting are in `report`. A source that cannot be opened has no piece.
    pub(crate) fn cut(&mut self, cutter: &mut Cutter, report: &mut SourceReport) -> Option<Piece> {
        if self.context.progress.stop.load(Relaxed) {
            return None;
        }
        if cutter.blocks.is_none() {
            cutter.budget = self.max_decoded_bytes.map(Budget::new);
            let opened = Opened::open(&cutter.source, self.open, &mut self.stored);
            let blocks = opened.and_then(|opened| {
                let stored = opened.into_stored(&mut self.stored);
                let (budget, defects) = (cutter.budget.clone(), &mut report.defects);
                Blocks::new(stored, cutter.block_bytes, budget, defects)
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
        if cutter.is_taken_over.load(Relaxed) {
            blocks.leave_log();
        }
        let block = blocks.next(&mut self.text, &mut report.defects)?;
        let counts_stored = blocks.is_one_log();
        Some(cutter.link(block, &self.text, counts_stored))
    }

    /// Scans a piece that this worker has cut off.
    pub(crate) fn scan_piece(
        &mut self,
        source: &Source,
        piece: Piece,
        report: &mut SourceReport,
        observer: &mut dyn Observer,
    ) {
        let Piece {
            block,
            before,
            after,
            is_taken_over,
            is_chained,
            counts_stored,
            budget,
            window_bytes,
        } = piece;
        let member = block.member;
        let scanner = &mut self.scanner;
        let mut scan = PieceScan {
            memory: &mut self.carried,
            before,
            after: Some(after),
            is_chained,
            shown: PieceContext {
                context: &self.context,
                source,
                member: member.as_ref(),
                report,
                observer,
            },
        };
        let is_reached = match &block.content {
            // If an earlier block took over the log of this block, that block has reported the reason and counted this
            // one.
            Content::Plain(..) | Content::Decoded => scan.before.seam().is_some(),
            Content::Part(_) | Content::Entries(_) | Content::Group(..) => true,
        };
        let is_excluded = scan.shown.is_excluded();
        if is_reached {
            scan.shown.count(block.stored_bytes, 0);
            scan.shown.report.stats.entries_excluded += u64::from(is_excluded && block.is_first);
            let report = &mut *scan.shown.report;
            report.add_gzip_members(member.as_ref(), block.n_gzip_members);
        } else {
            // Errors while cutting are dropped too: it depends on the threads whether this block was cut off at all.
            *scan.shown.report = SourceReport::default();
        }
        match block.content {
            Content::Plain(map, range) => scan.text(scanner, &map[range], block.end),
            Content::Decoded => scan.text(scanner, &self.text, block.end),
            Content::Part(part) => {
                let decoding = Decoding {
                    part: *part,
                    text: &mut self.text,
                    codecs: &mut self.codecs,
                    head: &mut self.head,
                    window_bytes,
                    is_taken_over: &is_taken_over,
                    counts_stored,
                };
                let of_cut = std::mem::take(scan.shown.report);
                if PartScan::new(&mut scan, decoding).run(scanner).is_none() {
                    *scan.shown.report = SourceReport::default();
                }
                report.add(of_cut);
            }
            Content::Group(table, group) => scan.shown.group(scanner, &table, group),
            Content::Entries(entries) => {
                self.codecs.limit(budget);
                self.entries(source, &entries, report, observer);
            }
        }
        observer.end(&mut report.defects);
        if is_excluded {
            report.forget_excluded(self.context.names);
        }
        shrink(&mut self.text);
    }

    /// Scans small entries of an archive, whose stored bytes are in this worker's buffer.
    fn entries(
        &mut self,
        source: &Source,
        entries: &[Packed],
        report: &mut SourceReport,
        observer: &mut dyn Observer,
    ) {
        let stored = std::mem::take(&mut self.text);
        let mut logs = Logs::new(self, source, report, observer);
        for packed in entries {
            let bytes = Stored::Slice(&stored[packed.range.clone()]);
            let mut entry = Entry::inside(bytes, packed.coded, packed.member.clone());
            entry.stored_bytes = Some(packed.range.len() as u64);
            logs.unless_excluded(entry);
        }
    }
}

impl Cutter {
    /// Links a block to the previous one, if both are of the same text. The text of the block may be in `buffer`.
    fn link(&mut self, block: Block, buffer: &[u8], counts_stored: bool) -> Piece {
        if block.is_first {
            self.is_taken_over = Arc::default();
            self.is_chained = match &block.content {
                Content::Plain(map, _) => is_sequence(&map[block.beginning.clone()]),
                Content::Decoded => is_sequence(buffer),
                Content::Part(_) | Content::Entries(_) | Content::Group(..) => false,
            };
            self.before_next = beginning(self.is_chained);
        }
        let (after, before_next) = link();
        Piece {
            block,
            before: std::mem::replace(&mut self.before_next, before_next),
            after,
            is_taken_over: Arc::clone(&self.is_taken_over),
            is_chained: self.is_chained,
            counts_stored,
            budget: self.budget.clone(),
            window_bytes: self.block_bytes.div_ceil(WINDOWS_A_BLOCK),
        }
    }
}

#[cfg(test)]
mod tests;
