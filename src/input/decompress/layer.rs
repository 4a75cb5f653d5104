//! A text from which another text is read: tar in gzip, gzip in gzip, UTF-16 in zstd.

use std::io::{self, BufRead, Read};
use std::sync::Arc;

use crossbeam_channel::Sender;

use super::{Codecs, Filled, Limit, Text};
use crate::input::stored::Stored;
use crate::report::{Defect, Member};

impl<'a> Text<'a> {
    /// Turns this text into the stored bytes of another one, from its beginning: `begun` is what was decoded
    /// so far. Its defects are sent to `told`.
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

/// A text from which another text is read.
struct Decoded<'a> {
    text: Text<'a>,
    codecs: Codecs,
    buffer: Vec<u8>,
    n_taken: usize,
    is_ended: bool,
    member: Option<Arc<Member>>,
    told: Sender<Defect>,
}

/// Amount of a text that is decoded at once for another text: what fits into a core's second-level cache.
const LAYER_BYTES: usize = 256 * 1024;

impl BufRead for Decoded<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.n_taken == self.buffer.len() && !self.is_ended {
            self.buffer.clear();
            self.n_taken = 0;
            let (limit, mut defects) = (Limit::at(LAYER_BYTES), Vec::new());
            let filled = (self.text).fill(&mut self.buffer, limit, &mut self.codecs, &mut defects);
            // A fault leaves a gap. The reader of this text must find a way past it.
            self.is_ended = matches!(filled, Filled::End | Filled::Trailing);
            if self.is_ended {
                defects.extend(Defect::gzip_members(self.text.n_gzip_members()));
            }
            for defect in defects {
                // If the receiver is gone, nobody needs the defects.
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
