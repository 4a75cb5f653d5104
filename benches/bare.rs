//! The least that a hunt must do, each with the same libraries and nothing beside: the measure for
//! `scripts/limits.sh`.
//!
//! ```text
//! bare tree    THREADS FOLDER  walk, then read, inflate and search every gzip file, and count its events
//! bare inflate THREADS FOLDER  the same without the search and the count
//! bare hash    THREADS FOLDER  walk, then read, inflate and hash every gzip file, with SHA-256
//! bare map     THREADS FILE    map a file, search it for the needle and for escaped letters, and count its events
//! bare zstd    THREADS PATH    decode every frame of every zstd file, a frame on one thread
//! bare zstd-search THREADS PATH    the same, and search each buffer and count its events
//! bare gzip    THREADS FILE    inflate a file as one stream, on one thread whatever THREADS says
//! bare members THREADS FILE    inflate the members of a file with libdeflate, a member on one thread
//! bare parse   THREADS FILE    parse each line with simd-json to a tape
//! bare rows    THREADS FILE    the same, hash each line with SHA-256, and compress the lines with zstd at level 1
//! bare keys    THREADS FOLDER NAMES    walk, then read and inflate every gzip file, count its events, and look up the
//!                              value of each `eventName` among the lines of the file NAMES
//! bare keys-parse THREADS FOLDER NAMES    the same, and parse the records of these names with simd-json to a tape
//! bare keys-rows  THREADS FOLDER NAMES    the same, and hash each of these records with SHA-256, and compress those of a
//!                              file with zstd at level 1
//! ```
//!
//! Each prints the bytes that it handled and how often the needle stood in them (or how many values parsed).
//! None survives input that is not as it expects, tells what it could not read, or keeps an order.
#![expect(clippy::unwrap_used, reason = "a measure may fail")]
#![expect(clippy::print_stdout, reason = "it prints what it did")]
#![expect(unsafe_code, reason = "mapping a file is unsafe; see the block")]

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use libdeflater::Decompressor;
use memchr::memmem::Finder;
use rayon::prelude::*;
use sha2::{Digest as _, Sha256};
use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, find_frame_compressed_size};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NEEDLE: &[u8] = b"AWSCompromisedKeyQuarantine";
const ESCAPE: &[u8] = b"\\u00";
/// What stands before the time of an event. Where it does in a string, or with a blank in it, this count is wrong.
const TIME: &[u8] = b"\"eventTime\":\"";

/// What a stretch of a search is: what stays in the second-level cache for the second pattern.
const STRETCH_BYTES: usize = 128 * 1024;
/// The part of a mapped file that a thread takes at once.
const PART_BYTES: usize = 8 << 20;
/// The buffer of a stream.
const STREAM_BYTES: usize = 128 * 1024;

/// What stands before the name of an action.
const NAME: &[u8] = b"\"eventName\":\"";
/// How each record begins, as `trailsift synth` writes it.
const RECORD: &[u8] = b"{\"eventVersion\":";

/// Bytes handled and things found.
type Sum = (u64, u64);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode, n_threads, path, names @ ..] = arguments.as_slice() else {
        panic!("usage: bare MODE THREADS PATH [NAMES]");
    };
    let names = names.first().map(|path| fs::read(path).unwrap());
    let names = names.unwrap_or_default();
    let names: HashSet<&[u8]> = names.split(|byte| *byte == b'\n').collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(n_threads.parse().unwrap())
        .build()
        .unwrap();
    let path = Path::new(path);
    let (n_bytes, n_found) = pool.install(|| match mode.as_str() {
        "tree" => tree(path, true),
        "inflate" => tree(path, false),
        "hash" => hash(path),
        "map" => map(path),
        "zstd" => zstd(path, false),
        "zstd-search" => zstd(path, true),
        "gzip" => gzip(path),
        "members" => members(path),
        "parse" => parse(path),
        "rows" => rows(path),
        "keys" => keys(path, &names, Least::Look),
        "keys-parse" => keys(path, &names, Least::Parse),
        "keys-rows" => keys(path, &names, Least::Row),
        _ => panic!("no such mode"),
    });
    println!("{n_bytes} bytes, {n_found} found");
}

fn add((a, b): Sum, (c, d): Sum) -> Sum {
    (a + c, b + d)
}

fn count(finder: &Finder<'_>, text: &[u8]) -> u64 {
    finder.find_iter(text).count() as u64
}

/// How many events there are, by their times; of these the first and the last one are kept.
fn count_events(finder: &Finder<'_>, text: &[u8]) -> u64 {
    let (mut n, mut first, mut last) = (0, [u8::MAX; 20], [0; 20]);
    for at in finder.find_iter(text) {
        let Some(time) = text[at + TIME.len()..].first_chunk() else {
            break;
        };
        n += 1;
        first = first.min(*time);
        last = last.max(*time);
    }
    std::hint::black_box((first, last));
    n
}

/// All files below a path, each directory listed on a thread.
fn files(path: &Path) -> Vec<PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let (folders, files): (Vec<_>, Vec<_>) = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap())
        .partition(|entry| entry.file_type().unwrap().is_dir());
    let below = folders
        .par_iter()
        .flat_map(|entry| self::files(&entry.path()));
    let files = files.par_iter().map(fs::DirEntry::path);
    below.chain(files).collect()
}

/// The length that a gzip file's last four bytes tell.
fn text_bytes(stored: &[u8]) -> usize {
    let length = stored[stored.len() - 4..].try_into().unwrap();
    u32::from_le_bytes(length) as usize
}

fn read(path: &Path, stored: &mut Vec<u8>) {
    stored.clear();
    File::open(path).unwrap().read_to_end(stored).unwrap();
}

fn tree(path: &Path, searches: bool) -> Sum {
    let [finder, time] = [NEEDLE, TIME].map(Finder::new);
    each_text(path, |text| match searches {
        true => count(&finder, text) + count_events(&time, text),
        false => 1,
    })
}

fn hash(path: &Path) -> Sum {
    each_text(path, |text| {
        std::hint::black_box(Sha256::digest(text));
        1
    })
}

/// Reads and inflates every gzip file below a path, and sums what `find` returns for each text.
fn each_text(path: &Path, find: impl Fn(&[u8]) -> u64 + Sync) -> Sum {
    files(path)
        .par_iter()
        .map_init(
            || (Decompressor::new(), Vec::new(), Vec::new()),
            |(inflater, stored, text), path| {
                read(path, stored);
                let text = inflate(inflater, stored, text);
                (text.len() as u64, find(text))
            },
        )
        .reduce(Sum::default, add)
}

/// Inflates a gzip file as a whole.
fn inflate<'t>(inflater: &mut Decompressor, stored: &[u8], text: &'t mut Vec<u8>) -> &'t [u8] {
    let n_bytes = text_bytes(stored);
    if text.len() < n_bytes {
        text.resize(n_bytes, 0);
    }
    let n_bytes = inflater.gzip_decompress(stored, text).unwrap();
    &text[..n_bytes]
}

/// What is done with a record whose action is one of the names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Least {
    Look,
    Parse,
    /// It is hashed and compressed as well.
    Row,
}

fn keys(path: &Path, names: &HashSet<&[u8]>, least: Least) -> Sum {
    let [name, time, record] = [NAME, TIME, RECORD].map(Finder::new);
    files(path)
        .par_iter()
        .map_init(
            || (Decompressor::new(), Vec::new(), Vec::new(), Vec::new()),
            |(inflater, stored, text, copy), path| {
                read(path, stored);
                let text = inflate(inflater, stored, text);
                std::hint::black_box(count_events(&time, text));
                let mut n_found = 0;
                let mut rows = Vec::new();
                for at in name.find_iter(text) {
                    let value = &text[at + NAME.len()..];
                    let end = memchr::memchr(b'"', value).unwrap();
                    if !names.contains(&value[..end]) {
                        continue;
                    }
                    n_found += 1;
                    if least >= Least::Parse {
                        let start = memchr::memmem::rfind(&text[..at], RECORD).unwrap();
                        let next = record.find(&text[at..]).map(|next| at + next);
                        let rest = &text[start..next.unwrap_or(text.len())];
                        // A comma stands between two records, a bracket and a brace after the last one.
                        let end = memchr::memrchr(b'}', &rest[..rest.len() - 1]).unwrap();
                        copy.clear();
                        copy.extend_from_slice(&rest[..=end]);
                        if least == Least::Row {
                            std::hint::black_box(Sha256::digest(&copy));
                            rows.extend_from_slice(copy);
                        }
                        std::hint::black_box(simd_json::to_tape(copy).unwrap());
                    }
                }
                if !rows.is_empty() {
                    std::hint::black_box(zstd::bulk::compress(&rows, 1).unwrap());
                }
                (text.len() as u64, n_found)
            },
        )
        .reduce(Sum::default, add)
}

fn mapped(path: &Path) -> memmap2::Mmap {
    // SAFETY: nobody changes the corpus while it is measured.
    unsafe { memmap2::Mmap::map(&File::open(path).unwrap()).unwrap() }
}

fn map(path: &Path) -> Sum {
    let finders = [Finder::new(NEEDLE), Finder::new(ESCAPE)];
    let time = Finder::new(TIME);
    mapped(path)
        .par_chunks(PART_BYTES)
        .map(|part| {
            let stretches = part.chunks(STRETCH_BYTES);
            let n_found = stretches
                .map(|stretch| {
                    let n_found: u64 = finders.iter().map(|f| count(f, stretch)).sum();
                    n_found + count_events(&time, stretch)
                })
                .sum();
            (part.len() as u64, n_found)
        })
        .reduce(Sum::default, add)
}

fn zstd(path: &Path, searches: bool) -> Sum {
    let finders = [Finder::new(NEEDLE), Finder::new(ESCAPE)];
    let time = Finder::new(TIME);
    let files: Vec<_> = files(path).iter().map(|path| mapped(path)).collect();
    let frames: Vec<&[u8]> = files.iter().flat_map(|file| frames(file)).collect();
    frames
        .par_iter()
        .map_init(
            || (DCtx::create(), vec![0; STREAM_BYTES]),
            |(context, text), frame| {
                let mut source = InBuffer::around(frame);
                let (mut n_bytes, mut n_found) = (0, 1);
                loop {
                    let mut target = OutBuffer::around(text.as_mut_slice());
                    let wanted = context.decompress_stream(&mut target, &mut source).unwrap();
                    let n_written = target.pos();
                    n_bytes += n_written as u64;
                    if searches {
                        // What a buffer's end divides is not seen.
                        let text = &text[..n_written];
                        n_found += finders.iter().map(|f| count(f, text)).sum::<u64>();
                        n_found += count_events(&time, text);
                    }
                    if wanted == 0 {
                        break (n_bytes, n_found);
                    }
                }
            },
        )
        .reduce(Sum::default, add)
}

fn frames(mut stored: &[u8]) -> Vec<&[u8]> {
    let mut frames = Vec::new();
    while !stored.is_empty() {
        let (frame, rest) = stored.split_at(find_frame_compressed_size(stored).unwrap());
        frames.push(frame);
        stored = rest;
    }
    frames
}

fn gzip(path: &Path) -> Sum {
    let stored = mapped(path);
    let mut stream = MultiGzDecoder::new(&stored[..]);
    let mut text = vec![0; STREAM_BYTES];
    let mut n_bytes = 0;
    loop {
        match stream.read(&mut text).unwrap() {
            0 => return (n_bytes, 1),
            n => n_bytes += n as u64,
        }
    }
}

/// Members are told by their magic number: a guess that a measure may make, and a hunt may not.
fn members(path: &Path) -> Sum {
    let stored = mapped(path);
    let magic = Finder::new(b"\x1f\x8b\x08");
    let is_member = |at: &usize| {
        matches!(
            stored[*at..],
            [_, _, _, 0, _, _, _, _, 0 | 2 | 4, 3 | 255, ..]
        )
    };
    let mut starts: Vec<usize> = magic.find_iter(&stored).filter(is_member).collect();
    starts.push(stored.len());
    starts
        .par_windows(2)
        .map_init(
            || (Decompressor::new(), Vec::new()),
            |(inflater, text), ends| {
                let member = &stored[ends[0]..ends[1]];
                let n_bytes = text_bytes(member);
                if text.len() < n_bytes {
                    text.resize(n_bytes, 0);
                }
                (inflater.gzip_decompress(member, text).unwrap() as u64, 1)
            },
        )
        .reduce(Sum::default, add)
}

fn parse(path: &Path) -> Sum {
    each_chunk_parsed(path, |lines| {
        lines.iter().map(|line| line.len() as u64).sum()
    })
}

/// What a row for each line needs at least: the line is parsed and hashed, and lines are compressed together, as those of a
/// column of Parquet are.
fn rows(path: &Path) -> Sum {
    each_chunk_parsed(path, |lines| {
        for line in lines {
            std::hint::black_box(Sha256::digest(line));
        }
        zstd::bulk::compress(&lines.concat(), 1).unwrap().len() as u64
    })
}

/// Parses each line. `handle` takes some lines and returns the bytes that count.
fn each_chunk_parsed(path: &Path, handle: impl Fn(&[&[u8]]) -> u64 + Sync) -> Sum {
    let text = mapped(path);
    let mut start = 0;
    let lines = memchr::memchr_iter(b'\n', &text)
        .map(|end| &text[std::mem::replace(&mut start, end + 1)..end]);
    let lines: Vec<&[u8]> = lines.collect();
    lines
        .par_chunks(1024)
        .map_init(
            || (simd_json::Buffers::default(), Vec::new()),
            |(buffers, line), lines| {
                let mut tape = simd_json::Tape::null().reset();
                for bytes in lines {
                    line.clear();
                    line.extend_from_slice(bytes);
                    let mut filled = tape.reset();
                    simd_json::fill_tape(line, buffers, &mut filled).unwrap();
                    tape = filled.reset();
                }
                (handle(lines), lines.len() as u64)
            },
        )
        .reduce(Sum::default, add)
}
