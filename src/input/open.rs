//! From a source to its stored bytes: mapped, read, or streamed.
//!
//! Large files are mapped: nothing is copied, and the page cache is the only memory. Small ones are read
//! into a kept buffer, which measured faster than mapping them (2,000 files of 36 kB: 18 ms against
//! 28 ms). Pipes and standard input are streamed.
#![expect(unsafe_code, reason = "mapping a file is unsafe; see the block")]

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};

use super::source::{Source, SourceKind};
use super::stored::Stored;
use crate::store::{Fetched, RangeReader};

/// Files from this size on are mapped, unless something else is asked for, and streamed if none is to be.
pub const MAP_BYTES: u64 = 4 << 20;

/// The buffer of a stream.
const STREAM_BYTES: usize = 256 * 1024;

/// A source that is open.
#[derive(Debug)]
pub struct Opened(Holding);

#[derive(Debug)]
enum Holding {
    Mapped(Arc<memmap2::Mmap>),
    Read,
    Fetched(Fetched),
    Stream(Option<Stream>),
}

#[derive(Debug)]
enum Stream {
    File(File),
    Pipe(PipeReader),
    Object(RangeReader),
}

impl Stream {
    fn stored(self) -> Stored<'static> {
        Stored::Stream(match self {
            Self::File(file) => Box::new(BufReader::with_capacity(STREAM_BYTES, file)),
            Self::Pipe(pipe) => Box::new(pipe),
            Self::Object(ranges) => Box::new(ranges),
        })
    }
}

/// How a source is opened.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions<'a> {
    /// Files from this size on are mapped; without it none is, and large ones are streamed.
    pub map_from_bytes: Option<u64>,
    /// Set to end a wait for a pipe that has nothing to say.
    pub stop: &'a Arc<AtomicBool>,
}

impl Opened {
    /// Opens a source; a small file is read into `buffer`, which must outlive the use.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub fn open(
        source: &Source,
        options: OpenOptions<'_>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Self> {
        buffer.clear();
        let mut file = match &source.kind {
            SourceKind::Object(object) if object.meta().size < MAP_BYTES => {
                return Ok(Self(Holding::Fetched(object.take(options.stop)?)));
            }
            SourceKind::Object(object) => {
                let ranges = object.stream(options.stop);
                return Ok(Self(Holding::Stream(Some(Stream::Object(ranges)))));
            }
            SourceKind::Stdin => {
                let pipe = PipeReader::new(|| Ok(io::stdin()), options.stop);
                return Ok(Self(Holding::Stream(Some(Stream::Pipe(pipe)))));
            }
            SourceKind::Stream => {
                let path = source.path.clone();
                let pipe = PipeReader::new(|| File::open(path), options.stop);
                return Ok(Self(Holding::Stream(Some(Stream::Pipe(pipe)))));
            }
            SourceKind::File => File::open(&source.path)?,
        };
        if options.map_from_bytes.is_none() && source.stored_bytes >= MAP_BYTES {
            return Ok(Self(Holding::Stream(Some(Stream::File(file)))));
        }
        // A file without a byte cannot be mapped, and need not be.
        if options
            .map_from_bytes
            .is_some_and(|from| source.stored_bytes >= from.max(1))
        {
            // SAFETY: the mapping is read-only and private to this process, and lives as long as the
            // slices taken of it. That nobody truncates or changes the file meanwhile is the user's
            // promise, which the README and the help of `--no-mmap` name: truncation ends the process
            // with SIGBUS, a change may be read in part.
            let map = unsafe { memmap2::Mmap::map(&file)? };
            return Ok(Self(Holding::Mapped(Arc::new(map))));
        }
        // One byte more than the file is said to have, so that its end is seen without another read.
        let expected = usize::try_from(source.stored_bytes).unwrap_or(0) + 1;
        buffer.reserve(expected);
        file.read_to_end(buffer)?;
        Ok(Self(Holding::Read))
    }

    /// Its stored bytes. A stream can be had once.
    pub fn stored<'a>(&'a mut self, buffer: &'a [u8]) -> Stored<'a> {
        match &mut self.0 {
            Holding::Mapped(map) => Stored::Slice(map),
            Holding::Read => Stored::Slice(buffer),
            Holding::Fetched(fetched) => Stored::Slice(fetched.bytes()),
            Holding::Stream(stream) => stream.take().map_or(Stored::Slice(&[]), Stream::stored),
        }
    }

    /// Its stored bytes, to be held by several threads. What was read into the buffer is taken out of it.
    pub fn into_stored(self, buffer: &mut Vec<u8>) -> Stored<'static> {
        match self.0 {
            Holding::Mapped(map) => Stored::mapped(map),
            Holding::Read => Stored::Stream(Box::new(io::Cursor::new(std::mem::take(buffer)))),
            Holding::Fetched(fetched) => {
                Stored::Stream(Box::new(io::Cursor::new(fetched.bytes().clone())))
            }
            Holding::Stream(stream) => stream.map_or(Stored::Slice(&[]), Stream::stored),
        }
    }
}

/// Reads a pipe on a thread of its own: reading goes on while text is scanned, and a pipe that says
/// nothing does not keep the run from stopping.
#[derive(Debug)]
struct PipeReader {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    /// How much of the chunk was taken.
    n_taken: usize,
    stop: Arc<AtomicBool>,
}

/// Chunks read ahead.
const CHUNKS_AHEAD: usize = 4;
/// How often a silent pipe is left to see whether the run should stop.
const PATIENCE: Duration = Duration::from_millis(100);

impl PipeReader {
    /// Reads what `open` gives. That too is called on the other thread: it waits until a pipe has a writer.
    fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        stop: &Arc<AtomicBool>,
    ) -> Self {
        let (sender, chunks) = bounded(CHUNKS_AHEAD);
        // Never joined: it may wait for as long as the process lives. A receiver that is gone wants no more.
        std::thread::spawn(move || {
            let mut pipe = match open() {
                Ok(pipe) => pipe,
                Err(error) => return sender.send(Err(error)).is_ok(),
            };
            loop {
                let mut chunk = vec![0; STREAM_BYTES];
                let read = match pipe.read(&mut chunk) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    read => read,
                };
                let is_last = !matches!(read, Ok(1..));
                let read = read.map(|n| {
                    chunk.truncate(n);
                    chunk
                });
                if sender.send(read).is_err() || is_last {
                    return is_last;
                }
            }
        });
        Self {
            chunks,
            chunk: Vec::new(),
            n_taken: 0,
            stop: Arc::clone(stop),
        }
    }
}

impl BufRead for PipeReader {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.n_taken == self.chunk.len() {
            match self.chunks.recv_timeout(PATIENCE) {
                Ok(chunk) => {
                    self.chunk = chunk?;
                    self.n_taken = 0;
                    if self.chunk.is_empty() {
                        break;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if self.stop.load(Relaxed) => {
                    return Err(io::Error::other("the run was stopped"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        Ok(&self.chunk[self.n_taken..])
    }

    fn consume(&mut self, n: usize) {
        self.n_taken += n;
    }
}

impl Read for PipeReader {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(bytes)?;
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    fn source(path: PathBuf, kind: SourceKind, stored_bytes: u64) -> Source {
        Source {
            below_root: PathBuf::from("x"),
            path,
            kind,
            stored_bytes,
            modified: None,
            changed: None,
        }
    }

    /// What is stored, and whether it is all at hand.
    fn read(
        source: &Source,
        map_from_bytes: Option<u64>,
        stop: bool,
    ) -> io::Result<(Vec<u8>, bool)> {
        let stop = Arc::new(AtomicBool::new(stop));
        let options = OpenOptions {
            map_from_bytes,
            stop: &stop,
        };
        let mut buffer = b"of the source before".to_vec();
        let mut opened = Opened::open(source, options, &mut buffer)?;
        let stored = match opened.stored(&buffer) {
            Stored::Slice(bytes) => (bytes.to_vec(), true),
            Stored::Mapped(map, _) => (map.to_vec(), true),
            Stored::Stream(mut stream) => {
                let mut bytes = Vec::new();
                stream.read_to_end(&mut bytes)?;
                (bytes, false)
            }
        };
        assert!(matches!(stored, (_, true)) || matches!(opened.stored(&[]), Stored::Slice([])));
        Ok(stored)
    }

    #[test]
    fn a_file_is_the_same_mapped_read_or_streamed_also_if_it_has_grown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for len in [0, 1, 5000] {
            let bytes = vec![b'a'; len];
            std::fs::write(&path, &bytes).unwrap();
            let found = |stored_bytes| source(path.clone(), SourceKind::File, stored_bytes);
            for map_from_bytes in [None, Some(0), Some(len as u64), Some(MAP_BYTES)] {
                let (stored, is_at_hand) = read(&found(len as u64), map_from_bytes, false).unwrap();
                assert!(stored == bytes && is_at_hand, "{len}, {map_from_bytes:?}");
            }
            assert_eq!(read(&found(0), None, false).unwrap(), (bytes.clone(), true));
            assert_eq!(
                read(&found(MAP_BYTES), None, false).unwrap(),
                (bytes, false)
            );
        }
    }

    #[test]
    fn a_pipe_that_was_typed_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let bytes = vec![b'a'; 3 * STREAM_BYTES + 1];
        let (to, written) = (path.clone(), bytes.clone());
        let writer = std::thread::spawn(move || std::fs::write(to, written).unwrap());
        let read = read(&source(path, SourceKind::Stream, 0), None, false).unwrap();
        writer.join().unwrap();
        assert!(read == (bytes, false));
    }

    #[test]
    fn a_pipe_without_a_writer_does_not_keep_the_run_from_stopping() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        let error = read(&source(path, SourceKind::Stream, 0), None, true).unwrap_err();
        assert_eq!(error.to_string(), "the run was stopped");
    }

    #[test]
    fn what_cannot_be_opened_is_an_error() {
        for kind in [SourceKind::File, SourceKind::Stream] {
            let nothing = source(PathBuf::from("/nowhere/at/all"), kind, 0);
            let error = read(&nothing, None, false).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::NotFound);
        }
    }
}
