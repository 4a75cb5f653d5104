//! Runs every kept input of the fuzz targets through its target, without a fuzzer and on any toolchain.
#![expect(
    unreachable_pub,
    reason = "the targets are the public functions of the fuzz crate"
)]

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use targets::{TARGETS, Target};

#[path = "../fuzz/src/lib.rs"]
mod targets;

#[test]
fn every_kept_input_passes_its_target() {
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/inputs");
    let mut failed = Vec::new();
    for (name, target) in TARGETS {
        let n_inputs = replay(&inputs.join(name), target, &mut failed);
        // An empty folder would pass for a success.
        assert_ne!(n_inputs, 0, "{name} has no inputs");
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Returns how many inputs a folder has, and adds those over which the target panics.
fn replay(folder: &Path, target: Target, failed: &mut Vec<PathBuf>) -> usize {
    let paths: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the target has a folder of inputs")
        .map(|entry| entry.expect("the folder is readable").path())
        .collect();
    let n_inputs = paths.len();
    failed.extend(paths.into_iter().filter(|path| {
        let input = fs::read(path).expect("an input is a readable file");
        catch_unwind(|| target(&input)).is_err()
    }));
    n_inputs
}
