//! All bytes of a file, at hand, because a table's description is at its end.

use std::fs::File;
use std::io::{self, BufReader, Read, Write as _};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use bytes::Bytes;
use memmap2::Mmap;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::input::stored::{Input, Stored};

/// Maximum size up to which a stream is kept in memory; a larger one is kept in a temporary file.
const HELD_BYTES: usize = 64 << 20;

/// The bytes of a file.
#[derive(Debug, Clone)]
pub(super) enum Kept {
    Bytes(Bytes),
    File(Arc<File>),
}

/// A part of a mapped file.
struct Mapped(Arc<Mmap>, std::ops::Range<usize>);

impl AsRef<[u8]> for Mapped {
    fn as_ref(&self) -> &[u8] {
        &self.0[self.1.clone()]
    }
}

/// Reads a file from an offset, independently of other readers.
struct At(Arc<File>, u64);

impl Read for At {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read_at(bytes, self.1)?;
        self.1 += n as u64;
        Ok(n)
    }
}

impl Kept {
    pub(super) fn of(mut input: Input<'_>) -> io::Result<Self> {
        let at = usize::try_from(input.offset).map_err(io::Error::other)?;
        let kept = match &input.stored {
            Stored::Mapped(map, range) => {
                let part = Mapped(Arc::clone(map), range.start + at..range.end);
                Bytes::from_owner(part)
            }
            Stored::Slice(bytes) => Bytes::copy_from_slice(&bytes[at..]),
            Stored::Stream(_) => return Self::of_stream(input),
        };
        input.take(kept.len());
        Ok(Self::Bytes(kept))
    }

    fn of_stream(mut input: Input<'_>) -> io::Result<Self> {
        let mut held = Vec::new();
        let mut file: Option<File> = None;
        loop {
            let some = input.peek()?;
            let n = some.len();
            if n == 0 {
                break;
            }
            match &mut file {
                Some(file) => file.write_all(some)?,
                None => held.extend_from_slice(some),
            }
            input.take(n);
            if file.is_none() && held.len() >= HELD_BYTES {
                // The file has no name: however the run ends, nothing of it remains.
                let mut begun = tempfile::tempfile()?;
                begun.write_all(&std::mem::take(&mut held))?;
                file = Some(begun);
            }
        }
        Ok(match file {
            Some(file) => Self::File(Arc::new(file)),
            None => Self::Bytes(held.into()),
        })
    }
}

impl Length for Kept {
    fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => Length::len(bytes),
            Self::File(file) => Length::len(&**file),
        }
    }
}

impl ChunkReader for Kept {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(bytes.get_read(start)?),
            Self::File(file) => Box::new(BufReader::new(At(Arc::clone(file), start))),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // A damaged file may declare any number, and there may not be enough memory for it.
        if start
            .checked_add(length as u64)
            .is_none_or(|end| end > Length::len(self))
        {
            let message = format!("{length} bytes at {start} are beyond its end");
            return Err(ParquetError::EOF(message));
        }
        match self {
            Self::Bytes(bytes) => bytes.get_bytes(start, length),
            Self::File(file) => {
                let mut bytes = vec![0; length];
                file.read_exact_at(&mut bytes, start)?;
                Ok(bytes.into())
            }
        }
    }
}
