//! One file of the archive: its path, the frame around its records, and its compression.
//!
//! Records go through one buffer of some 64 kB into the compressor and then into the file, so a file of any size takes
//! the same memory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

use super::Summary;
use super::config::{Compression, Shape, SynthError};
use super::digests::Delivered;
use super::identity::ORGANIZATION;
use super::plan::{FilePlan, Plan};
use super::record;
use super::scene::Place;
use super::time;

/// Large enough that the compressor is seldom called, small enough for the cache.
const BUFFER: usize = 64 * 1024;

/// Memory that a thread reuses for each file.
#[derive(Default)]
pub(super) struct Scratch {
    text: Vec<u8>,
    record: Vec<u8>,
}

/// Writes one file. Returns a summary of its content, and what a digest says of it.
pub(super) fn write(
    plan: &Plan<'_>,
    index: u64,
    scratch: &mut Scratch,
) -> Result<(Summary, Option<Delivered>), SynthError> {
    let file = plan.file(index);
    let key = relative_path(plan, &file);
    let path = plan.config.out.join(&key);
    let opened = create(&path).and_then(|opened| Encoder::new(opened, plan.config.compression));
    let mut encoder = Hashing {
        encoder: opened.map_err(SynthError::write(&path))?,
        seen: plan.config.digests.then(Seen::default),
    };
    let result = write_records(plan, &file, scratch, &mut encoder);
    let json_bytes = result.map_err(SynthError::write(&path))?;
    let Hashing { encoder, seen } = encoder;
    let stored = encoder.finish().and_then(|stored| stored.metadata());
    let summary = Summary {
        files: 1,
        records: file.records + file.told.len() as u64,
        json_bytes,
        stored_bytes: stored.map_err(SynthError::write(&path))?.len(),
        ..Summary::default()
    };
    let delivered = seen.map(|seen| Delivered {
        key,
        account: String::from_utf8_lossy(&file.place.account.id).into_owned(),
        region: file.place.region.to_owned(),
        is_organization: file.place.organization,
        time: file.place.delivered,
        hash: seen.hash.finalize().into(),
        events: seen.events,
    });
    Ok((summary, delivered))
}

/// What is seen of a file while it is written.
#[derive(Default)]
struct Seen {
    hash: Sha256,
    /// The times of the first and the last event.
    events: Option<(String, String)>,
}

/// An encoder that looks at what it is given.
struct Hashing {
    encoder: Encoder,
    seen: Option<Seen>,
}

impl Hashing {
    /// Writes whole records.
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        const KEY: &[u8] = br#""eventTime":""#;
        const TIME_BYTES: usize = 20;
        if let Some(seen) = &mut self.seen {
            seen.hash.update(bytes);
            for at in memchr::memmem::find_iter(bytes, KEY) {
                let start = at + KEY.len();
                let time = bytes.get(start..start + TIME_BYTES).unwrap_or_default();
                let time = String::from_utf8_lossy(time).into_owned();
                seen.events = Some(match seen.events.take() {
                    None => (time.clone(), time),
                    Some((first, last)) => (first.min(time.clone()), last.max(time)),
                });
            }
        }
        self.encoder.write_all(bytes)
    }
}

/// Returns the path of a file relative to the archive's folder, with `/` on every system.
pub(super) fn relative_path(plan: &Plan<'_>, file: &FilePlan<'_>) -> String {
    let Place {
        account,
        region,
        delivered,
        organization,
        partition: _,
    } = file.place;
    let account = String::from_utf8_lossy(&account.id);
    let organization = match organization {
        true => format!("{ORGANIZATION}/"),
        false => String::new(),
    };
    let delivered = time::civil(delivered);
    let (mut day, mut minute) = (Vec::new(), Vec::new());
    time::push_day(delivered, &mut day);
    time::push_minute(delivered, &mut minute);
    let (day, minute) = (
        String::from_utf8_lossy(&day),
        String::from_utf8_lossy(&minute),
    );
    let name = String::from_utf8_lossy(&file.name);
    let extension = match plan.config.shape {
        Shape::Ndjson => "ndjson",
        Shape::Delivery | Shape::Pretty | Shape::Concatenated | Shape::Array => "json",
    };
    let suffix = match plan.config.compression {
        Compression::None => "",
        Compression::Gzip(_) => ".gz",
        Compression::Zstd(_) => ".zst",
    };
    format!(
        "AWSLogs/{organization}{account}/CloudTrail/{region}/{day}/\
         {account}_CloudTrail_{region}_{minute}_{name}.{extension}{suffix}"
    )
}

/// Creates the file, and its folder if necessary. Checking the folder for every file would cost more.
fn create(path: &Path) -> io::Result<File> {
    match File::create_new(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().map(PathBuf::from).unwrap_or_default())?;
            File::create_new(path)
        }
        result => result,
    }
}

/// Writes all records with their frame; returns their number of bytes before compression.
fn write_records(
    plan: &Plan<'_>,
    file: &FilePlan<'_>,
    scratch: &mut Scratch,
    encoder: &mut Hashing,
) -> io::Result<u64> {
    let Scratch { text, record } = scratch;
    let frame = Frame::of(plan.config.shape);
    let mut written = 0;
    text.clear();
    text.extend_from_slice(frame.before);
    let mut told = file.told.iter().enumerate().peekable();
    let mut is_first = true;
    for nth in 0..=file.records {
        // Story events before this record, and those after the last one.
        while let Some((_, event)) = told.next_if(|(i, _)| file.before_told(*i) == nth) {
            frame.append(&event.text, &mut is_first, text);
        }
        if nth == file.records {
            break;
        }
        record.clear();
        record::write(plan.catalog, plan.scene(file, nth), record);
        frame.append(record, &mut is_first, text);
        if text.len() >= BUFFER {
            encoder.write_all(text)?;
            written += text.len() as u64;
            text.clear();
        }
    }
    text.extend_from_slice(frame.after);
    encoder.write_all(text)?;
    Ok(written + text.len() as u64)
}

/// The text around records.
struct Frame {
    before: &'static [u8],
    between: &'static [u8],
    after_each: &'static [u8],
    after: &'static [u8],
    indent: bool,
}

impl Frame {
    /// Appends a record and the text around it.
    fn append(&self, record: &[u8], is_first: &mut bool, out: &mut Vec<u8>) {
        if !std::mem::take(is_first) {
            out.extend_from_slice(self.between);
        }
        match self.indent {
            true => indent(record, 2, out),
            false => out.extend_from_slice(record),
        }
        out.extend_from_slice(self.after_each);
    }

    fn of(shape: Shape) -> Self {
        let nothing = Self {
            before: b"",
            between: b"",
            after_each: b"",
            after: b"",
            indent: false,
        };
        match shape {
            Shape::Delivery => Self {
                before: b"{\"Records\":[",
                between: b",",
                after: b"]}",
                ..nothing
            },
            Shape::Ndjson => Self {
                after_each: b"\n",
                ..nothing
            },
            Shape::Pretty => Self {
                before: b"{\n  \"Records\": [\n",
                between: b",\n",
                after: b"\n  ]\n}\n",
                indent: true,
                ..nothing
            },
            Shape::Concatenated => nothing,
            Shape::Array => Self {
                before: b"[",
                between: b",",
                after: b"]",
                ..nothing
            },
        }
    }
}

/// Appends compact JSON with one line for each member and two blanks of indentation for each level.
fn indent(compact: &[u8], level: usize, out: &mut Vec<u8>) {
    let mut level = level;
    let line = |level: usize, out: &mut Vec<u8>| {
        out.push(b'\n');
        out.resize(out.len() + 2 * level, b' ');
    };
    out.resize(out.len() + 2 * level, b' ');
    let (mut in_string, mut escaped) = (false, false);
    let mut bytes = compact.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if in_string {
            out.push(byte);
            in_string = escaped || byte != b'"';
            escaped = !escaped && byte == b'\\';
            continue;
        }
        match byte {
            b'{' | b'[' => {
                out.push(byte);
                // An empty object or array stays on its line.
                if let Some(end) = bytes.next_if(|next| matches!(next, b'}' | b']')) {
                    out.push(end);
                } else {
                    level += 1;
                    line(level, out);
                }
            }
            b'}' | b']' => {
                level -= 1;
                line(level, out);
                out.push(byte);
            }
            b',' => {
                out.push(byte);
                line(level, out);
            }
            b':' => out.extend_from_slice(b": "),
            _ => {
                in_string = byte == b'"';
                out.push(byte);
            }
        }
    }
}

/// A compressor that writes to a file.
enum Encoder {
    None(File),
    Gzip(GzEncoder<File>),
    Zstd(zstd::Encoder<'static, File>),
}

impl Encoder {
    fn new(file: File, compression: Compression) -> io::Result<Self> {
        Ok(match compression {
            Compression::None => Self::None(file),
            Compression::Gzip(level) => {
                Self::Gzip(GzEncoder::new(file, flate2::Compression::new(level)))
            }
            Compression::Zstd(level) => Self::Zstd(zstd::Encoder::new(file, level)?),
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::None(file) => file.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }

    fn finish(self) -> io::Result<File> {
        match self {
            Self::None(file) => Ok(file),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}
