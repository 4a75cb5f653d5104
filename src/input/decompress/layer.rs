//! A text from which another one is read: tar in gzip, gzip in gzip, UTF-16 in zstd.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Codecs, Filled, Limit, Text};
use crate::input::stored::Stored;
use crate::report::{Defect, Member};

impl<'a> Text<'a> {
    /// This text as what another one is stored in, from its beginning on: `begun` holds what was decoded of
    /// it. What is wrong with it is sent to `told`.
    #[must_use]
    pub fn into_layer(
        self,
        begun: Vec<u8>,
        codecs: &mut Codecs,
        member: Option<Arc<Member>>,
        told: Sender<Defect>,
    ) -> Stored<'a> {
        Stored::Stream(Box::new(Decoded {
            text: self,
            codecs: codecs.take(),
            buffer: begun,
            n_taken: 0,
            is_ended: false,
            member,
            told,
        }))
    }
}

/// A text from which another one is read.
struct Decoded<'a> {
    text: Text<'a>,
    codecs: Codecs,
    buffer: Vec<u8>,
    n_taken: usize,
    is_ended: bool,
    member: Option<Arc<Member>>,
    told: Sender<Defect>,
}

/// How much of a text is decoded at once for another one: what a core's second-level cache holds.
const LAYER_BYTES: usize = 256 * 1024;

impl BufRead for Decoded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.n_taken == self.buffer.len() && !self.is_ended {
            self.buffer.clear();
            self.n_taken = 0;
            let (limit, mut defects) = (Limit::at(LAYER_BYTES), Vec::new());
            let filled = (self.text).fill(&mut self.buffer, limit, &mut self.codecs, &mut defects);
            // A fault leaves a gap, over which whoever reads this must find a way.
            self.is_ended = matches!(filled, Filled::End | Filled::Trailing);
            if self.is_ended {
                defects.extend(Defect::gzip_members(self.text.n_gzip_members()));
            }
            for defect in defects {
                // Nobody who listens is nobody who asks.
                self.told.send(defect.within(self.member.as_ref())).ok();
            }
        }
        Ok(&self.buffer[self.n_taken..])
    }

    fn consume(&mut self, n: usize) {
        self.n_taken += n;
    }
}

impl Read for Decoded<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(bytes)?;
        self.consume(n);
        Ok(n)
    }
}
