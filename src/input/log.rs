//! A log that is being read: its text, step by step, and what is inside it or after it.
//!
//! Small sources and large ones are read by this. What becomes of the text, and in which order the logs of an archive
//! are read, is the matter of the reader's user.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_channel::Sender;

use super::archive::{Coded, Entry};
use super::decompress::{Codecs, Filled, Limit, Text};
use super::stored::Stored;
use crate::report::{Defect, Member};

/// A log that is being read.
#[derive(Debug)]
pub struct LogReader<'a> {
    /// Its text.
    pub text: Text<'a>,
    /// Its path inside the source; `None` if it is the source itself.
    pub member: Option<Arc<Member>>,
    coded: Coded,
    /// Number of gzip members that were returned.
    n_gzip_members: u64,
}

impl<'a> LogReader<'a> {
    /// Begins to read a log.
    #[must_use]
    pub fn new(text: Text<'a>, coded: Coded, member: Option<Arc<Member>>) -> Self {
        Self {
            text,
            member,
            coded,
            n_gzip_members: 0,
        }
    }

    /// Decodes the next text as [`Text::fill`] does. The defects name the log.
    pub fn fill(
        &mut self,
        buffer: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        self.fill_by(defects, |text, defects| {
            text.fill(buffer, limit, codecs, defects)
        })
    }

    /// Decodes the next text by `fill`, and adds the log to its defects.
    fn fill_by(
        &mut self,
        defects: &mut Vec<Defect>,
        fill: impl FnOnce(&mut Text<'a>, &mut Vec<Defect>) -> Filled,
    ) -> Filled {
        let from = defects.len();
        let filled = fill(&mut self.text, defects);
        for defect in &mut defects[from..] {
            defect.member.clone_from(&self.member);
        }
        filled
    }

    /// Returns the number of gzip members that were begun and not returned yet.
    pub fn take_gzip_members(&mut self) -> u64 {
        let n = self.text.n_gzip_members();
        n - std::mem::replace(&mut self.n_gzip_members, n)
    }

    /// Returns the entry inside a text that proved to be a container or encoded again ([`Filled::Nested`]), if all of
    /// the text is in `stored`.
    #[must_use]
    pub fn inside<'b>(&self, stored: Stored<'b>) -> Entry<'b> {
        Entry::inside(stored, self.coded.inner(), self.member.clone())
    }

    /// Returns the same entry, if the text is decoded further while the entry is read. The start of the text is in
    /// `begun`, and its defects are sent to `told`.
    #[must_use]
    pub fn into_inside(
        self,
        begun: Vec<u8>,
        codecs: &mut Codecs,
        told: Sender<Defect>,
    ) -> Entry<'a> {
        let stored = self
            .text
            .into_layer(begun, codecs, self.member.clone(), told);
        Entry::inside(stored, self.coded.inner(), self.member)
    }

    /// Returns what is stored after the text ([`Filled::Trailing`]).
    #[must_use]
    pub fn into_trailing(self) -> Entry<'a> {
        Entry::behind(self.text, self.coded, self.member)
    }
}

impl LogReader<'static> {
    /// Decodes the next text as [`Text::fill_to_boundary`] does. The defects name the log.
    pub fn fill_to_boundary(
        &mut self,
        buffer: &mut Vec<u8>,
        limit: Limit,
        codecs: &mut Codecs,
        defects: &mut Vec<Defect>,
    ) -> Filled {
        self.fill_by(defects, |text, defects| {
            text.fill_to_boundary(buffer, limit, codecs, defects)
        })
    }
}

/// Reports how many stored bytes of a source were consumed.
#[derive(Debug)]
pub struct StoredCounter {
    counter: Arc<AtomicU64>,
    /// How many of them were returned.
    n_returned: u64,
}

impl StoredCounter {
    /// Begins with what a counter counts from now on.
    #[must_use]
    pub fn new(counter: Arc<AtomicU64>) -> Self {
        Self {
            n_returned: counter.load(Relaxed),
            counter,
        }
    }

    /// Returns the number of bytes that were consumed and not returned yet.
    pub fn take(&mut self) -> u64 {
        // After a fault, decoding continues from an earlier place. Bytes that were returned are not returned again.
        let n_taken = self.counter.load(Relaxed).max(self.n_returned);
        n_taken - std::mem::replace(&mut self.n_returned, n_taken)
    }
}
