//! Lends an archive's bytes to the reader of an entry.
//!
//! If all bytes are at hand, an entry gets a part of them, and the archive continues after it. A stream can
//! be read only once: its entry gets the stream itself, and returns it when the entry is dropped.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use crc32fast::Hasher;
use crossbeam_channel::{Receiver, Sender, bounded};

use super::Expected;
use crate::input::stored::{Input, Stored};
use crate::report::{Code, Defect, Member};

/// An archive's bytes and the position of its walk, or the state that they are lent.
pub(super) struct SharedInput<'a> {
    /// `None` while it is lent.
    input: Option<Input<'a>>,
    home: (Sender<Returned<'a>>, Receiver<Returned<'a>>),
    /// The entry that was lent last.
    lent: Option<OpenEntry>,
}

/// The input that an entry returns when it is dropped.
struct Returned<'a> {
    input: Input<'a>,
    left: Option<u64>,
    crc: Option<Hasher>,
}

/// Data for the checks when an entry is finished.
struct OpenEntry {
    member: Arc<Member>,
    /// Offset of its end in the archive, if known.
    end: Option<u64>,
    expected: Option<Expected>,
    /// The checksum, if the entry is a part of bytes that are at hand.
    crc: Option<Hasher>,
}

impl std::fmt::Debug for SharedInput<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedInput").finish_non_exhaustive()
    }
}

impl<'a> SharedInput<'a> {
    pub(super) fn new(input: Input<'a>) -> Self {
        Self {
            input: Some(input),
            home: bounded(1),
            lent: None,
        }
    }

    /// Lends the next `n_stored` bytes, or, if that number is unknown, as many as the reader consumes. If
    /// their checksum is known, it is verified when the entry is finished.
    pub(super) fn lend(
        &mut self,
        n_stored: Option<u64>,
        expected: Option<Expected>,
        member: &Arc<Member>,
    ) -> Stored<'a> {
        let input = self.input.take().expect("the entry before was dropped");
        let mut loan = OpenEntry {
            member: Arc::clone(member),
            end: n_stored.map(|n| input.offset + n),
            expected,
            crc: None,
        };
        let part = n_stored.and_then(|n| input.part(n));
        let Some(part) = part else {
            self.lent = Some(loan);
            return Stored::Stream(Box::new(EntryReader {
                crc: expected.map(|_| Hasher::new()),
                input: Some(input),
                left: n_stored,
                home: self.home.0.clone(),
            }));
        };
        if expected.is_some() {
            let mut crc = Hasher::new();
            crc.update(match &part {
                Stored::Slice(bytes) => bytes,
                Stored::Mapped(map, range) => &map[range.clone()],
                Stored::Stream(_) => unreachable!("a part is at hand"),
            });
            loan.crc = Some(crc);
        }
        self.lent = Some(loan);
        self.input = Some(input);
        part
    }

    /// Returns the archive's bytes after the entry that was lent last.
    pub(super) fn take_back(&mut self, defects: &mut Vec<Defect>) -> io::Result<&mut Input<'a>> {
        if let Some(loan) = self.lent.take() {
            let (mut crc, mut is_taken) = (loan.crc, true);
            if self.input.is_none() {
                let returned = self.home.1.try_recv();
                let returned = returned.expect("the entry before was dropped");
                self.input = Some(returned.input);
                is_taken = returned.left == Some(0) || loan.end.is_none();
                crc = returned.crc;
            }
            let input = self.input.as_mut().expect("it was given back");
            if let Some(end) = loan.end {
                let missing = input.skip(end - input.offset)?;
                if missing > 0 {
                    let message = format!("archive ends {missing} bytes before the entry does");
                    let defect = Defect::stored(Code::Truncated, input.offset, message);
                    defects.push(defect.within(Some(&loan.member)));
                    is_taken = false;
                }
            }
            if let (Some(expected), Some(crc), true) = (loan.expected, crc, is_taken)
                && crc.finalize() != expected.crc
            {
                let message = "zip checksum does not fit the content";
                let defect = Defect::stored(Code::Checksum, input.offset, message);
                defects.push(defect.within(Some(&loan.member)));
            }
        }
        Ok(self.input.as_mut().expect("it is back"))
    }
}

/// Reader of an entry in an archive that is a stream.
struct EntryReader<'a> {
    /// `None` once it is returned.
    input: Option<Input<'a>>,
    left: Option<u64>,
    crc: Option<Hasher>,
    home: Sender<Returned<'a>>,
}

impl Drop for EntryReader<'_> {
    fn drop(&mut self) {
        if let Some(input) = self.input.take() {
            let returned = Returned {
                input,
                left: self.left,
                crc: self.crc.take(),
            };
            // If the archive is gone, it no longer needs its input.
            self.home.try_send(returned).ok();
        }
    }
}

impl BufRead for EntryReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let Some(input) = &mut self.input else {
            return Ok(&[]);
        };
        let left = self.left.map_or(usize::MAX, |left| {
            usize::try_from(left).unwrap_or(usize::MAX)
        });
        if left == 0 {
            return Ok(&[]);
        }
        let at_hand = input.peek()?;
        Ok(&at_hand[..at_hand.len().min(left)])
    }

    fn consume(&mut self, n: usize) {
        if let Some(input) = &mut self.input {
            if let (Some(crc), Ok(at_hand)) = (&mut self.crc, input.peek()) {
                crc.update(&at_hand[..n]);
            }
            input.take(n);
            self.left = self.left.map(|left| left - n as u64);
        }
    }
}

impl Read for EntryReader<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(bytes)?;
        self.consume(n);
        Ok(n)
    }
}
