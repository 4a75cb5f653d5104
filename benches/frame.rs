//! The scan window by window, in which framing is what differs.
//!
//! A document that is larger than a window is walked whether it has a hit or not, so `never` is the walk for
//! `delivery`, `pretty` and `array`. Of lines and of documents back to back only those with a hit are looked at.
//! What `all` takes more is mostly the parse.
#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod corpus;

use std::hint::black_box;

use corpus::{DENSITIES, SHAPES};
use criterion::{Criterion, criterion_group, criterion_main};
use trailsift::rule::Rule;

fn frame(criterion: &mut Criterion) {
    let mut scanner = corpus::scanner(&Rule::quarantine());
    let mut group = corpus::group(criterion, "frame");
    let by_shape = SHAPES.into_iter().flat_map(|(_, shape)| {
        DENSITIES
            .into_iter()
            .map(move |density| corpus::corpus(density, shape))
    });
    for corpus in by_shape.chain(corpus::pathological()) {
        let n_bytes = corpus.text.len();
        // A unit for each record that matches, an event in each unit, no defect, no byte left.
        let expected = (corpus.n_matches, corpus.n_matches, 0, n_bytes);
        corpus::bench(&mut group, &corpus.name, n_bytes as u64, expected, || {
            let mut n_events = 0;
            let text = black_box(&corpus.text);
            let n_scanned = corpus::scan(&mut scanner, text, &mut |_| n_events += 1);
            let n_units = scanner.stats.candidates;
            (n_units, n_events, scanner.defects.len(), n_scanned)
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::settings();
    targets = frame
}
criterion_main!(benches);
