//! A stream that gives what is stored a few bytes at a time.

use std::io::{self, BufRead, Read};

use trailsift::input::Stored;

struct Trickle<'a> {
    rest: &'a [u8],
    step: usize,
}

/// These bytes as a stream that gives `step` of them at a time.
pub(crate) fn trickle(stored: &[u8], step: usize) -> Stored<'_> {
    Stored::Stream(Box::new(Trickle { rest: stored, step }))
}

impl Read for Trickle<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(bytes)?;
        self.consume(n);
        Ok(n)
    }
}

impl BufRead for Trickle<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(&self.rest[..self.rest.len().min(self.step)])
    }

    fn consume(&mut self, n: usize) {
        self.rest = &self.rest[n..];
    }
}
