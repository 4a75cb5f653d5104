//! From JSON to events: copy, simd-json, and which values are records.
//!
//! `ndjson` is parsed line by line, as candidates are, and with a parser made for each line, which a hunt keeps;
//! all else is one value.
#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod corpus;

use std::hint::black_box;

use corpus::{ALL, NEVER, RARE};
use criterion::{Criterion, criterion_group, criterion_main};
use trailsift::scan::each_event;
use trailsift::synth::Shape;

fn parse(criterion: &mut Criterion) {
    let mut group = corpus::group(criterion, "parse");
    let from_seed = [
        (NEVER, Shape::Ndjson),
        (ALL, Shape::Ndjson),
        (RARE, Shape::Delivery),
        (RARE, Shape::Pretty),
        (RARE, Shape::Array),
    ];
    let from_seed = from_seed.map(|(density, shape)| {
        let by_line = shape == Shape::Ndjson;
        (corpus::corpus(density, shape), by_line)
    });
    let pathological = corpus::pathological().map(|corpus| (corpus, false));
    for (corpus, by_line) in from_seed.into_iter().chain(pathological) {
        let values: Vec<&[u8]> = match by_line {
            true => corpus.text.trim_ascii().split(|b| *b == b'\n').collect(),
            false => vec![&corpus.text],
        };
        let n_bytes = corpus.text.len() as u64;
        let expected = (values.len(), corpus.n_events);
        corpus::bench(&mut group, &corpus.name, n_bytes, expected, || {
            let mut n_events = 0;
            let parses = |json: &&&[u8]| each_event(black_box(json), &mut |_| n_events += 1);
            let n_parsed = values.iter().filter(parses).count();
            (n_parsed, n_events)
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::settings();
    targets = parse
}
criterion_main!(benches);
