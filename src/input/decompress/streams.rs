//! Decodes bzip2 and xz (.xz file format 1.2.1), every stream of a file.
//!
//! Both are rare, and slow in any case (about 50 and 150 MB/s of text per core), so both are decoded in the
//! same way: step by step. After a fault the next stream is searched for.

use std::io;

use super::resync::skip_to_next;
use super::{Filled, Limit, Reading, make_room};
use crate::input::sniff::{BZIP2_MAGIC, XZ_MAGIC, is_bzip2};
use crate::input::stored::{Input, trailing};
use crate::report::{Code, Defect};

/// Output space of a step.
const STEP_BYTES: usize = 16 * 1024;

/// Maximum memory that an xz stream may request for its dictionary. `xz -9` uses 64 MiB, and the format
/// allows 4 GiB, which would be allocated as soon as a stream declares it.
const XZ_MEMORY_MAX: u64 = 1 << 30;

/// Kind of a stream.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bzip2,
    Xz,
}

/// Finds where a stream of either kind begins in these bytes.
pub(super) fn find_stream(bytes: &[u8]) -> Option<usize> {
    let kinds = [Kind::Bzip2, Kind::Xz];
    kinds.iter().filter_map(|kind| kind.find(bytes)).min()
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        }
    }

    /// Number of bytes that show that a stream begins.
    fn head_bytes(self) -> usize {
        match self {
            Self::Bzip2 => BZIP2_MAGIC.len() + 7,
            Self::Xz => XZ_MAGIC.len(),
        }
    }

    fn begins(self, bytes: &[u8]) -> bool {
        match self {
            Self::Bzip2 => is_bzip2(bytes),
            Self::Xz => bytes.starts_with(XZ_MAGIC) || XZ_MAGIC.starts_with(bytes),
        }
    }

    /// Finds where a stream begins in these bytes.
    fn find(self, bytes: &[u8]) -> Option<usize> {
        let magic = match self {
            Self::Bzip2 => BZIP2_MAGIC,
            Self::Xz => XZ_MAGIC,
        };
        let mut places = memchr::memmem::find_iter(bytes, magic);
        places.find(|at| {
            let head = bytes.get(*at..at + self.head_bytes());
            head.is_some_and(|head| self.begins(head))
        })
    }

    fn coder(self) -> Coder {
        match self {
            Self::Bzip2 => Coder::Bzip2(bzip2::Decompress::new(false)),
            Self::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY_MAX, 0);
                Coder::Xz(stream.expect("no flag is set"))
            }
        }
    }
}

enum Coder {
    Bzip2(bzip2::Decompress),
    Xz(liblzma::stream::Stream),
}

/// The result of a step.
struct Step {
    n_taken: usize,
    /// True if the stream is at its end; or what is wrong with it.
    result: Result<bool, String>,
}

impl Coder {
    /// Continues decoding, as far as the spare room of `text` allows.
    fn step(&mut self, input: &[u8], text: &mut Vec<u8>) -> Step {
        let before = self.total_in();
        let result = match self {
            Self::Bzip2(coder) => match coder.decompress_vec(input, text) {
                Ok(bzip2::Status::StreamEnd) => Ok(true),
                Ok(_) => Ok(false),
                Err(error) => Err(error.to_string()),
            },
            Self::Xz(coder) => match coder.process_vec(input, text, liblzma::stream::Action::Run) {
                Ok(liblzma::stream::Status::StreamEnd) => Ok(true),
                Ok(_) => Ok(false),
                Err(error) => Err(error.to_string()),
            },
        };
        let n_taken = usize::try_from(self.total_in() - before).expect("taken from a slice");
        Step { n_taken, result }
    }

    fn total_in(&self) -> u64 {
        match self {
            Self::Bzip2(coder) => coder.total_in(),
            Self::Xz(coder) => coder.total_in(),
        }
    }
}

/// Position of the decoder in the file.
pub(super) struct State {
    kind: Kind,
    place: Place,
}

enum Place {
    Between {
        n_streams: u64,
    },
    Inside {
        n_streams: u64,
        start: u64,
        coder: Coder,
    },
    Ended,
}

impl State {
    pub(super) fn bzip2() -> Self {
        Self::of(Kind::Bzip2)
    }

    pub(super) fn xz() -> Self {
        Self::of(Kind::Xz)
    }

    fn of(kind: Kind) -> Self {
        Self {
            kind,
            place: Place::Between { n_streams: 0 },
        }
    }

    pub(super) fn fill(
        &mut self,
        reading: &mut Reading<'_>,
        text: &mut Vec<u8>,
        limit: Limit,
        defects: &mut Vec<Defect>,
    ) -> io::Result<Filled> {
        let kind = self.kind;
        while text.len() < limit.enough {
            let (start, result) = match &mut self.place {
                Place::Ended => return Ok(Filled::End),
                Place::Between { n_streams } => {
                    let n_streams = *n_streams;
                    let input = &mut reading.input;
                    // xz may be padded with zeros; after bzip2 they are the padding of the medium that
                    // contained the file.
                    if n_streams > 0 && input.skip_zeros()?.is_none() {
                        self.place = Place::Ended;
                        continue;
                    }
                    let start = input.offset;
                    let head = input.look_ahead(kind.head_bytes())?;
                    if kind.begins(&head) {
                        let coder = kind.coder();
                        input.keep_from_here();
                        reading.begin(text.len());
                        self.place = Place::Inside {
                            n_streams,
                            start,
                            coder,
                        };
                        continue;
                    }
                    (start, trailing(start, &format!("{} stream", kind.name())))
                }
                Place::Inside {
                    n_streams,
                    start,
                    coder,
                } => match step(kind, *start, coder, &mut reading.input, text, limit.most)? {
                    Ok(false) => continue,
                    Ok(true) => {
                        let n_streams = *n_streams + 1;
                        self.place = Place::Between { n_streams };
                        continue;
                    }
                    Err(defect) => (*start, defect),
                },
            };
            let find = &|bytes: &[u8]| kind.find(bytes);
            let goes_on = skip_to_next(
                reading,
                text,
                start,
                kind.head_bytes(),
                find,
                result,
                defects,
            )?;
            if goes_on {
                self.place = Place::Between { n_streams: 1 };
                return Ok(Filled::Gap);
            }
            self.place = Place::Ended;
            return Ok(Filled::End);
        }
        Ok(Filled::More)
    }
}

/// Continues decoding. Returns true at the stream's end.
fn step(
    kind: Kind,
    start: u64,
    coder: &mut Coder,
    input: &mut Input<'_>,
    text: &mut Vec<u8>,
    limit: usize,
) -> io::Result<Result<bool, Defect>> {
    // Always the same amount of room, because it may affect what comes out before a fault.
    let from = text.len();
    let mut room = Vec::with_capacity(STEP_BYTES);
    let at_hand = input.peek()?;
    let at_end = at_hand.is_empty();
    let Step { n_taken, result } = coder.step(at_hand, &mut room);
    input.take(n_taken);
    make_room(text, room.len(), limit);
    text.extend_from_slice(&room);
    let moved = n_taken > 0 || text.len() > from;
    let name = kind.name();
    Ok(match result {
        Ok(true) => Ok(true),
        Ok(false) if moved => Ok(false),
        Ok(false) if at_end => {
            let message = format!("{name} stream ends early; it began at {start}");
            Err(Defect::stored(Code::Truncated, input.offset, message))
        }
        // How far the decoder is when it finds the fault depends on how much input it is given at once.
        Ok(false) | Err(_) => {
            let why = result.err().map_or_else(
                || "it makes no progress".to_owned(),
                |error| error.to_ascii_lowercase(),
            );
            let message = format!("{name} stream that begins here is damaged ({why})");
            Err(Defect::stored(Code::CorruptStream, start, message))
        }
    })
}
