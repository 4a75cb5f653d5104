//! What a block of a large source hands on to the next one, so that the text is scanned as if by one thread.
//!
//! Two things, each as soon as it is known: where in the text the next block begins ([`Seam`]), and what this
//! one leaves over ([`Remainder`]): the text behind its last anchor. A block that has an anchor knows both
//! before it is scanned, so the next need not wait for that.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::scan::{Before, Candidate, Ends, Scanner, Window};

/// Where two blocks meet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seam {
    /// Its offset in the text.
    pub(crate) offset: u64,
    /// What stands before it.
    pub(crate) before: Before,
    /// The beginning of the text, and its end up to here.
    pub(crate) ends: Arc<Ends>,
}

impl Seam {
    /// The seam `part` behind this one.
    pub(crate) fn then(mut self, part: &Self) -> Self {
        Arc::make_mut(&mut self.ends).add_ends(&part.ends);
        Self {
            offset: self.offset + part.offset,
            before: self.before.then(part.before),
            ends: self.ends,
        }
    }

    /// The seam behind this text.
    pub(crate) fn after(mut self, text: &[u8]) -> Self {
        Arc::make_mut(&mut self.ends).add(text);
        Self {
            offset: self.offset + text.len() as u64,
            before: self.before.and(text),
            ends: self.ends,
        }
    }
}

/// Text that is not dealt with, from some offset to a seam.
#[derive(Debug)]
pub(crate) struct Remainder {
    /// Where the offsets in it count from.
    origin: u64,
    /// The offset of the first byte.
    base: u64,
    bytes: Vec<u8>,
    /// How many of the bytes a scan has seen and wants again.
    n_seen: usize,
    /// The scanner, if it stands inside a document.
    scanner: Option<Box<Scanner>>,
    /// Whether the text begins here, and may have a header of rows.
    begins_rows: bool,
}

impl Remainder {
    /// Text from an anchor on, in memory that is given for it.
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

    /// The same behind a text that ends at `origin`.
    pub(crate) fn counted_from(self, origin: u64) -> Self {
        Self { origin, ..self }
    }

    /// The same after `scanner` has seen it all, from the start of a document on that does not end in it.
    pub(crate) fn seen_by(self, scanner: Scanner) -> Self {
        Self {
            n_seen: self.bytes.len(),
            scanner: Some(Box::new(scanner)),
            ..self
        }
    }

    /// Where its offsets, and those of its scanner, count from.
    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    /// Its memory.
    pub(crate) fn into_memory(self) -> Vec<u8> {
        self.bytes
    }

    /// Scans on, with a `new` scanner if no other stands in the text. `is_closed`: the text behind `more` is of no
    /// matter, since it ends, or an anchor is there.
    ///
    /// Gives back the scanner for what it has counted and met.
    pub(crate) fn scan(
        &mut self,
        more: &[u8],
        is_closed: bool,
        new: impl FnOnce() -> Scanner,
        visit: &mut dyn FnMut(&Candidate<'_>),
    ) -> Option<&mut Scanner> {
        self.bytes.extend_from_slice(more);
        // Only when twice as much is there, so that a record of any size takes few rounds.
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
        let keep = scanner.scan(window, visit);
        let n_done = usize::try_from(keep - base).expect("an offset into the text at hand");
        self.bytes.drain(..n_done);
        self.base = keep;
        self.n_seen = self.bytes.len();
        Some(scanner)
    }
}

/// Hands on to the next block; when it is dropped before, the next block knows that it has no text.
#[derive(Debug)]
pub(crate) struct SeamSender {
    seam: SyncSender<Seam>,
    remainder: SyncSender<Remainder>,
}

/// Takes from the block before.
#[derive(Debug)]
pub(crate) struct SeamReceiver {
    seams: Receiver<Seam>,
    /// The seam, once it came.
    seam: Option<Seam>,
    remainder: Receiver<Remainder>,
}

/// The link between two blocks.
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

/// What the first block takes.
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
    /// Tells the next block that a text begins with it, at this offset.
    pub(crate) fn close(&self, offset: u64) {
        self.seam(Seam {
            offset,
            ..Seam::default()
        });
        self.remainder(Remainder::new(offset, &[], Vec::new()));
    }

    pub(crate) fn seam(&self, seam: Seam) {
        // A next block that is gone has failed, and was told of.
        self.seam.send(seam).ok();
    }

    pub(crate) fn remainder(&self, remainder: Remainder) {
        // Likewise.
        self.remainder.send(remainder).ok();
    }
}

impl SeamReceiver {
    /// Waits for the seam; nothing if the text ended before it.
    pub(crate) fn seam(&mut self) -> Option<Seam> {
        if self.seam.is_none() {
            self.seam = self.seams.recv().ok();
        }
        self.seam.clone()
    }

    /// The seam, if it is there already.
    pub(crate) fn seam_at_hand(&mut self) -> Option<Seam> {
        if self.seam.is_none() {
            self.seam = self.seams.try_recv().ok();
        }
        self.seam.clone()
    }

    /// Waits for what is left over; nothing if the block before failed.
    pub(crate) fn remainder(&self) -> Option<Remainder> {
        self.remainder.recv().ok()
    }
}
