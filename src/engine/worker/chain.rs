//! The data that a block of a large source passes to the next block, so that the text is scanned as if by one thread.
//!
//! A block passes on two things, each as soon as it is known: the place in the text where the next block begins
//! ([`Seam`]), and the text that this block leaves over ([`Remainder`]), which is the text after its last anchor. A
//! block that has an anchor knows both before it is scanned, so the next block need not wait for the scan.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::scan::{Before, Ends, ScanItem, Scanner, Window};

/// The place where two blocks meet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seam {
    /// Its offset in the text.
    pub(crate) offset: u64,
    /// The text before it.
    pub(crate) before: Before,
    /// The beginning of the text, and its end as far as this seam.
    pub(crate) ends: Arc<Ends>,
}

impl Seam {
    /// Returns the seam at the end of `part`, where `part` begins at this seam.
    pub(crate) fn then(mut self, part: &Self) -> Self {
        Arc::make_mut(&mut self.ends).add_ends(&part.ends);
        Self {
            offset: self.offset + part.offset,
            before: self.before.then(part.before),
            ends: self.ends,
        }
    }

    /// Returns the seam after this text.
    pub(crate) fn after(mut self, text: &[u8]) -> Self {
        Arc::make_mut(&mut self.ends).add(text);
        Self {
            offset: self.offset + text.len() as u64,
            before: self.before.and(text),
            ends: self.ends,
        }
    }
}

/// Text that is not processed yet, from some offset to a seam.
#[derive(Debug)]
pub(crate) struct Remainder {
    /// The origin of the offsets in it.
    origin: u64,
    /// The offset of the first byte.
    base: u64,
    bytes: Vec<u8>,
    /// Number of bytes that a scan has seen and needs again.
    n_seen: usize,
    /// The scanner, if it is inside a document.
    scanner: Option<Box<Scanner>>,
    /// True if the text begins here, and may have a header of rows.
    begins_rows: bool,
}

impl Remainder {
    /// Makes a remainder of the text from an anchor on. It reuses `memory`.
    pub(crate) fn new(base: u64, bytes: &[u8], mut memory: Vec<u8>) -> Self {
        memory.clear();
        memory.extend_from_slice(bytes);
        Self {
            origin: 0,
            base,
            bytes: memory,
            n_seen: 0,
            scanner: None,
            begins_rows: false,
        }
    }

    /// Returns the remainder with offsets that count from `origin`, where the text before it ends.
    pub(crate) fn counted_from(self, origin: u64) -> Self {
        Self { origin, ..self }
    }

    /// Returns the remainder after `scanner` has seen all of it, from the start of a document that does not end in it.
    pub(crate) fn seen_by(self, scanner: Scanner) -> Self {
        Self {
            n_seen: self.bytes.len(),
            scanner: Some(Box::new(scanner)),
            ..self
        }
    }

    /// Returns the origin of its offsets and of those of its scanner.
    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    /// Returns its memory.
    pub(crate) fn into_memory(self) -> Vec<u8> {
        self.bytes
    }

    /// Continues the scan, with a `new` scanner if no scanner is in the text yet. `is_closed` means that the text
    /// after `more` does not matter, because the text ends there or an anchor is there.
    ///
    /// Returns the scanner, for its counts and defects.
    pub(crate) fn scan(
        &mut self,
        more: &[u8],
        is_closed: bool,
        new: impl FnOnce() -> Scanner,
        visit: &mut dyn FnMut(ScanItem<'_>),
    ) -> Option<&mut Scanner> {
        self.bytes.extend_from_slice(more);
        // The scan waits until there is twice as much text, so that a record of any size needs few scans.
        if !is_closed && self.bytes.len() < 2 * self.n_seen {
            return None;
        }
        let base = self.base;
        let scanner = self.scanner.get_or_insert_with(|| {
            let mut scanner = new();
            match self.begins_rows {
                true => scanner.start_text(base),
                false => scanner.start(base),
            }
            Box::new(scanner)
        });
        let window = Window {
            bytes: &self.bytes,
            base,
            is_last: is_closed,
            likely_start: None,
        };
        let keep = scanner.scan_items(window, visit);
        let n_done = usize::try_from(keep - base).expect("an offset into the text at hand");
        self.bytes.drain(..n_done);
        self.base = keep;
        self.n_seen = self.bytes.len();
        Some(scanner)
    }
}

/// Sends to the next block. If it is dropped before it sends, the next block knows that it has no text.
#[derive(Debug)]
pub(crate) struct SeamSender {
    seam: SyncSender<Seam>,
    remainder: SyncSender<Remainder>,
}

/// Receives from the previous block.
#[derive(Debug)]
pub(crate) struct SeamReceiver {
    seams: Receiver<Seam>,
    /// The seam, once it was received.
    seam: Option<Seam>,
    remainder: Receiver<Remainder>,
}

/// Creates the link between two blocks.
pub(crate) fn link() -> (SeamSender, SeamReceiver) {
    let (seam_in, seam) = sync_channel(1);
    let (remainder_in, remainder) = sync_channel(1);
    let sender = SeamSender {
        seam: seam_in,
        remainder: remainder_in,
    };
    let receiver = SeamReceiver {
        seams: seam,
        seam: None,
        remainder,
    };
    (sender, receiver)
}

/// Returns the receiver of the first block.
pub(crate) fn beginning(begins_rows: bool) -> SeamReceiver {
    let (sender, receiver) = link();
    sender.seam(Seam::default());
    sender.remainder(Remainder {
        begins_rows,
        ..Remainder::new(0, &[], Vec::new())
    });
    receiver
}

impl SeamSender {
    /// Informs the next block that a text begins with it, at this offset.
    pub(crate) fn close(&self, offset: u64) {
        self.seam(Seam {
            offset,
            ..Seam::default()
        });
        self.remainder(Remainder::new(offset, &[], Vec::new()));
    }

    pub(crate) fn seam(&self, seam: Seam) {
        // If the next block is gone, it has failed and this was reported.
        self.seam.send(seam).ok();
    }

    pub(crate) fn remainder(&self, remainder: Remainder) {
        // If the next block is gone, it has failed and this was reported.
        self.remainder.send(remainder).ok();
    }
}

impl SeamReceiver {
    /// Waits for the seam. Returns `None` if the text ended before it.
    pub(crate) fn seam(&mut self) -> Option<Seam> {
        if self.seam.is_none() {
            self.seam = self.seams.recv().ok();
        }
        self.seam.clone()
    }

    /// Returns the seam, if it is already there.
    pub(crate) fn seam_at_hand(&mut self) -> Option<Seam> {
        if self.seam.is_none() {
            self.seam = self.seams.try_recv().ok();
        }
        self.seam.clone()
    }

    /// Waits for the remainder. Returns `None` if the previous block failed.
    pub(crate) fn remainder(&self) -> Option<Remainder> {
        self.remainder.recv().ok()
    }
}
