//! The output is the same, byte for byte, for any number of threads, mapped and read, whole and in blocks.

use std::fs;
use std::path::Path;

use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::input::Root;
use trailsift::output::{Destination, Format};
use trailsift::synth::{Compression, Shape, SynthConfig};

/// Blocks of a few records, so that every file is cut.
const BLOCK_BYTES: usize = 8 * 1024;

/// The output's bytes.
fn output(
    archive: &Path,
    format: Format,
    n_threads: usize,
    is_mapped: bool,
    is_cut: bool,
) -> Vec<u8> {
    let path = archive.with_extension("alerts");
    let config = HuntConfig {
        scan: ScanConfig {
            roots: vec![Root::Path(archive.to_owned())],
            n_threads,
            map_from_bytes: is_mapped.then_some(1),
            block_bytes: if is_cut { BLOCK_BYTES } else { usize::MAX },
            ..ScanConfig::default()
        },
        output: OutputConfig {
            destination: Destination::File(path.clone()),
            format,
            ..OutputConfig::default()
        },
        // The rows have it.
        run_id: "0".repeat(32),
        ..HuntConfig::default()
    };
    let report = trailsift::hunt::run(&config, &mut |_| ()).unwrap();
    assert!(report.complete && report.alerts > 0, "{report:?}");
    fs::read(path).unwrap()
}

#[test]
fn the_output_is_the_same_in_any_way_over_each_shape_and_compression() {
    let shapes = [
        Shape::Delivery,
        Shape::Ndjson,
        Shape::Pretty,
        Shape::Concatenated,
        Shape::Array,
    ];
    let compressions = [
        Compression::None,
        Compression::Gzip(6),
        Compression::Zstd(3),
    ];
    for shape in shapes {
        for compression in compressions {
            let folder = tempfile::tempdir().unwrap();
            let archive = folder.path().join("archive");
            let mut config = SynthConfig::new(archive.clone());
            config.files = 4;
            config.records_per_file = 60;
            config.density = 0.1;
            config.near_misses = 14;
            config.shape = shape;
            config.compression = compression;
            trailsift::synth::run(&config).unwrap();
            for format in [Format::Parquet, Format::Ndjson] {
                let plain = output(&archive, format, 1, true, false);
                for (n_threads, is_mapped, is_cut) in [
                    (8, true, false),
                    (8, false, false),
                    (1, true, true),
                    (8, true, true),
                    (8, false, true),
                ] {
                    let other = output(&archive, format, n_threads, is_mapped, is_cut);
                    assert!(
                        other == plain,
                        "{shape:?} {compression:?} {format:?}: {n_threads} threads, mapped: {is_mapped}, cut: {is_cut}"
                    );
                }
            }
        }
    }
}
