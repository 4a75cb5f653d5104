//! A large object, read in ranges that are fetched ahead.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bytes::Bytes;
use crossbeam_channel::{Receiver, bounded};

use super::bucket::Bucket;
use super::fetch::wait;
use super::{ObjectMeta, RANGE_BYTES};

/// Number of ranges in flight or waiting. One connection to S3 transfers about 50 to 90 MB per second.
const RANGES_AHEAD: usize = 8;

/// Reads an object from its start to its end.
pub struct RangeReader {
    bucket: Arc<Bucket>,
    meta: ObjectMeta,
    stop: Arc<AtomicBool>,
    /// Offset of the next range to request.
    asked: u64,
    coming: VecDeque<Receiver<io::Result<Bytes>>>,
    /// The unread rest of the current range.
    bytes: Bytes,
    has_failed: bool,
}

impl std::fmt::Debug for RangeReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RangeReader")
            .field("meta", &self.meta)
            .finish_non_exhaustive()
    }
}

impl RangeReader {
    pub(super) fn new(bucket: Arc<Bucket>, meta: ObjectMeta, stop: Arc<AtomicBool>) -> Self {
        Self {
            bucket,
            meta,
            stop,
            asked: 0,
            coming: VecDeque::new(),
            bytes: Bytes::new(),
            has_failed: false,
        }
    }

    fn ask(&mut self) {
        while self.coming.len() < RANGES_AHEAD && self.asked < self.meta.size {
            let range = self.asked..self.meta.size.min(self.asked + RANGE_BYTES);
            self.asked = range.end;
            let (coming, receiver) = bounded(1);
            self.coming.push_back(receiver);
            let (bucket, meta) = (Arc::clone(&self.bucket), self.meta.clone());
            self.bucket.runtime.spawn(async move {
                let permit = bucket.limits.fetches.acquire().await;
                let got = bucket.get(&meta, range.clone()).await;
                drop(permit);
                let got = got.map_err(|error| {
                    let message = format!("from byte {} on: {error}", range.start);
                    io::Error::new(error.kind(), message)
                });
                // If the receiver is gone, nobody needs the bytes.
                coming.send(got).ok();
            });
        }
    }
}

impl BufRead for RangeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.bytes.is_empty() && !self.has_failed {
            self.ask();
            if let Some(coming) = self.coming.pop_front() {
                // What was read so far remains valid. What follows the failed range is not appended to it.
                let got = wait(&coming, &self.stop);
                self.has_failed = got.is_err();
                self.bytes = got?;
                self.ask();
            }
        }
        Ok(&self.bytes)
    }

    fn consume(&mut self, n: usize) {
        bytes::Buf::advance(&mut self.bytes, n);
    }
}

impl Read for RangeReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(bytes)?;
        self.consume(n);
        Ok(n)
    }
}
