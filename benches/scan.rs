//! The scan alone, by how often records hold the needle: `never`, `rare` (1 %) and `all`.
//!
//! Throughput is of decompressed text. Each bench asserts what it finds before it is timed.
#![expect(clippy::unwrap_used, reason = "a bench may fail")]

use std::fs;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use trailsift::rule::{Needles, Rule};
use trailsift::scan::{Prefilter, Scanner, Window};
use trailsift::synth::{Compression, Shape, SynthConfig};

/// Records of a corpus: some 14 MB of text.
const N_RECORDS: u64 = 10_000;

/// One file of JSON lines and how many of its records match.
fn corpus(density: f64) -> (Vec<u8>, u64) {
    let folder = tempfile::tempdir().unwrap();
    let mut config = SynthConfig::new(folder.path().join("corpus"));
    config.files = 1;
    config.records_per_file = N_RECORDS;
    config.density = density;
    config.shape = Shape::Ndjson;
    config.compression = Compression::None;
    let made = trailsift::synth::run(&config).unwrap();
    let mut folders = vec![config.out];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                return (fs::read(path).unwrap(), made.matches);
            }
        }
    }
    unreachable!("one file was made");
}

fn scan(criterion: &mut Criterion) {
    let rule = Rule::quarantine();
    let Needles::AnyOf(needles) = rule.needles() else {
        unreachable!("the rule has a needle")
    };
    let prefilter = Arc::new(Prefilter::new(needles));
    let mut group = criterion.benchmark_group("scan");
    for (name, density) in [("never", 0.0), ("rare", 0.01), ("all", 1.0)] {
        let (text, n_matches) = corpus(density);
        let mut scanner = Scanner::new(Arc::clone(&prefilter));
        let mut n_found = |text: &[u8]| {
            let mut n_found = 0;
            scanner.start(0);
            scanner.scan(
                Window {
                    bytes: text,
                    base: 0,
                    is_last: true,
                    likely_start: None,
                },
                &mut |candidate| {
                    n_found += u64::from(rule.matches(&candidate.event));
                },
            );
            n_found
        };
        assert_eq!(n_found(&text), n_matches);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("ndjson/{name}"), |bencher| {
            bencher.iter(|| n_found(black_box(&text)));
        });
    }
    group.finish();
}

criterion_group!(benches, scan);
criterion_main!(benches);
