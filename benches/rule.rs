//! The rule's answer for each event, without the scan that leads up to it.
//!
//! `never` holds everyday events, of which the first word of the query tells; `near_misses` all stray
//! from it as late as they can.
#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod corpus;

use std::hint::black_box;
use std::time::{Duration, Instant};

use corpus::{ALL, NEAR_MISSES, NEVER};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trailsift::rule::Rule;
use trailsift::synth::Shape;

fn rule(criterion: &mut Criterion) {
    let rule = Rule::quarantine();
    let mut scanner = corpus::scanner_of_all();
    let mut group = corpus::group(criterion, "rule");
    for density in [NEVER, NEAR_MISSES, ALL] {
        let corpus = corpus::corpus(density, Shape::Ndjson);
        // An event lives as long as its visit: each is judged in all rounds while it is there.
        let mut judge = |n_rounds: u64| {
            let (mut elapsed, mut n_events, mut n_matches) = (Duration::ZERO, 0, 0);
            corpus::scan(&mut scanner, &corpus.text, &mut |candidate| {
                n_events += 1;
                let start = Instant::now();
                for _ in 0..n_rounds {
                    n_matches += u64::from(rule.matches(black_box(&candidate.event)));
                }
                elapsed += start.elapsed();
            });
            (elapsed, n_events, n_matches)
        };
        let (_, n_events, n_matches) = judge(1);
        assert_eq!(
            (n_events, n_matches),
            (corpus.n_events, corpus.n_matches),
            "{}",
            corpus.name
        );
        group.throughput(Throughput::Bytes(corpus.text.len() as u64));
        group.bench_function(&corpus.name, |bencher| {
            bencher.iter_custom(|n_rounds| {
                let (elapsed, _, n_matches) = judge(n_rounds);
                assert_eq!(n_matches, n_rounds * corpus.n_matches);
                elapsed
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::settings();
    targets = rule
}
criterion_main!(benches);
