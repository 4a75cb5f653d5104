//! From stored bytes to text, of which one length is expected.
//!
//! `whole` has all stored bytes at hand and room for a member or frame at once, `stream` neither; text that is
//! stored as it is needs no decoding, and is copied from a stream alone. `members` is a file of some hundred
//! members or frames.
#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod corpus;

use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

use corpus::{Archive, COMPRESSIONS, RARE};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use flate2::write::GzEncoder;
use trailsift::input::archive::{Entry, Opened};
use trailsift::input::decompress::{Filled, Limit};
use trailsift::input::{Codecs, Stored};
use trailsift::synth::{Compression, Shape};

/// Text that is held at once: of a source with all stored bytes at hand, and of a stream.
const WHOLE_BYTES: usize = 16 << 20;
const STREAM_BYTES: usize = 1 << 20;

const N_EMPTY_MEMBERS: u64 = 20_000;

/// Decodes all, and counts the bytes of text and the defects.
fn decode(
    stored: Stored<'_>,
    limit: Limit,
    codecs: &mut Codecs,
    buffer: &mut Vec<u8>,
) -> (u64, usize) {
    let (mut n_bytes, mut defects) = (0, Vec::new());
    let entry = Entry::source(stored, Arc::default());
    let Opened::Text(mut text) = entry.open(codecs, &mut defects).unwrap() else {
        panic!("no text");
    };
    loop {
        buffer.clear();
        let filled = text.fill(buffer, limit, codecs, &mut defects);
        n_bytes += buffer.len() as u64;
        if filled == Filled::End {
            return (n_bytes, defects.len());
        }
    }
}

fn whole(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, stored: &[u8], text_bytes: u64) {
    let (mut codecs, mut buffer) = (Codecs::default(), Vec::new());
    corpus::bench(group, name, text_bytes, (text_bytes, 0), || {
        let stored = Stored::Slice(black_box(stored));
        decode(stored, Limit::at(WHOLE_BYTES), &mut codecs, &mut buffer)
    });
}

fn stream(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, stored: &[u8], text_bytes: u64) {
    let (mut codecs, mut buffer) = (Codecs::default(), Vec::new());
    corpus::bench(group, name, text_bytes, (text_bytes, 0), || {
        let stored = Stored::Stream(Box::new(black_box(stored)));
        decode(stored, Limit::at(STREAM_BYTES), &mut codecs, &mut buffer)
    });
}

/// Thousands of gzip members without text, and one with some: what a member costs by itself.
fn empty_members(group: &mut BenchmarkGroup<'_, WallTime>) {
    let empty = GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut last = GzEncoder::new(Vec::new(), flate2::Compression::default());
    last.write_all(b"{}\n").unwrap();
    let empty = empty.finish().unwrap();
    let mut stored = empty.repeat(usize::try_from(N_EMPTY_MEMBERS).unwrap());
    stored.extend(last.finish().unwrap());
    let (mut codecs, mut buffer) = (Codecs::default(), Vec::new());
    let mut run = || {
        let stored = Stored::Slice(black_box(&stored));
        decode(stored, Limit::at(WHOLE_BYTES), &mut codecs, &mut buffer)
    };
    assert_eq!(run(), (3, 0));
    // There is no text to speak of.
    group.throughput(Throughput::Elements(N_EMPTY_MEMBERS));
    group.bench_function("pathological/empty_members", |bencher| {
        bencher.iter(&mut run);
    });
}

fn decompress(criterion: &mut Criterion) {
    let mut group = corpus::group(criterion, "decompress");
    for (shape_name, shape) in [("delivery", Shape::Delivery), ("pretty", Shape::Pretty)] {
        for (compression_name, compression) in COMPRESSIONS {
            let archive = Archive::new(RARE, shape, compression, 1);
            let (stored, text_bytes) = (archive.stored(), archive.made.json_bytes);
            let name = format!("{shape_name}/{compression_name}");
            if compression != Compression::None {
                whole(&mut group, &format!("{name}/whole"), &stored, text_bytes);
            }
            stream(&mut group, &format!("{name}/stream"), &stored, text_bytes);
        }
    }
    for (compression_name, compression) in COMPRESSIONS {
        if compression != Compression::None {
            let archive = Archive::new(RARE, Shape::Delivery, compression, 250);
            let (stored, text_bytes) = (archive.stored(), archive.made.json_bytes);
            let name = format!("members/{compression_name}/whole");
            whole(&mut group, &name, &stored, text_bytes);
        }
    }
    empty_members(&mut group);
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::settings();
    targets = decompress
}
criterion_main!(benches);
