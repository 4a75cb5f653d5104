//! Whole hunts on two threads, through archives in the page cache: from a folder to a Parquet file, which is
//! brought to the disk. Some milliseconds of each are that, and the start of the threads.
//!
//! `files` are many small ones; `one` is a file large enough to be cut up for the threads.
#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod corpus;

use std::sync::Arc;

use corpus::{Archive, COMPRESSIONS, DENSITIES, RARE, SHAPES};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main};
use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::input::Root;
use trailsift::input::blocks::BLOCK_BYTES;
use trailsift::input::open::MAP_BYTES;
use trailsift::output::{Destination, Format};
use trailsift::synth::Shape;

const N_FILES: u64 = 25;

/// A file that stores as much is cut up: less than the archive does when it is compressed.
const SMALL_BLOCK_BYTES: usize = 512 * 1024;

fn hunt(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    archive: &Archive,
    block_bytes: usize,
) {
    let mut config = HuntConfig {
        scan: ScanConfig {
            roots: vec![Root::Path(archive.logs())],
            n_threads: 2,
            map_from_bytes: Some(MAP_BYTES.min(block_bytes as u64)),
            block_bytes,
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(archive.output()),
            format: Format::Parquet,
            ..OutputConfig::default()
        },
        ..HuntConfig::default()
    };
    let made = archive.made;
    let expected = (made.matches, made.json_bytes, true);
    corpus::bench(group, name, made.json_bytes, expected, || {
        config.scan.progress = Arc::default();
        let report = trailsift::hunt::run(&config, &mut |_notice| ()).unwrap();
        (report.alerts, report.stats.text_bytes, report.complete)
    });
}

fn end_to_end(criterion: &mut Criterion) {
    let mut group = corpus::group(criterion, "end_to_end");
    for (shape_name, shape) in SHAPES {
        for density in DENSITIES {
            for (compression_name, compression) in COMPRESSIONS {
                let archive = Archive::new(density, shape, compression, N_FILES);
                let name = format!("files/{shape_name}/{}/{compression_name}", density.name);
                hunt(&mut group, &name, &archive, BLOCK_BYTES);
            }
        }
    }
    for (shape_name, shape) in [("delivery", Shape::Delivery), ("ndjson", Shape::Ndjson)] {
        for (compression_name, compression) in COMPRESSIONS {
            let archive = Archive::new(RARE, shape, compression, 1);
            assert!(archive.made.stored_bytes > SMALL_BLOCK_BYTES as u64);
            let name = format!("one/{shape_name}/rare/{compression_name}");
            hunt(&mut group, &name, &archive, SMALL_BLOCK_BYTES);
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::settings();
    targets = end_to_end
}
criterion_main!(benches);
