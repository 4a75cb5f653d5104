//! Runs every kept input through its target, without a fuzzer and on any toolchain.
//!
//! It ends with 1 if a target panics over an input, or has no inputs: an empty folder would pass for a success.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what it prints is all that it is for"
)]

use std::fs;
use std::io;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use trailsift_fuzz::{TARGETS, Target};

fn main() -> ExitCode {
    let inputs = Path::new(env!("CARGO_MANIFEST_DIR")).join("inputs");
    let mut is_sound = true;
    for (name, target) in TARGETS {
        match replay(&inputs.join(name), target) {
            Ok((0, _)) => {
                eprintln!("{name}: no inputs");
                is_sound = false;
            }
            Ok((n_inputs, n_failed)) => {
                println!("{name}: {n_inputs} inputs, {n_failed} failed");
                is_sound &= n_failed == 0;
            }
            Err(error) => {
                eprintln!("{name}: {error}");
                is_sound = false;
            }
        }
    }
    match is_sound {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// How many inputs lie in a folder, and over how many of them the target panics.
fn replay(folder: &Path, target: Target) -> io::Result<(usize, usize)> {
    let entries = fs::read_dir(folder)?;
    let paths: io::Result<Vec<PathBuf>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths?;
    paths.sort_unstable();
    let mut n_failed = 0;
    for path in &paths {
        let input = fs::read(path)?;
        if catch_unwind(|| target(&input)).is_err() {
            eprintln!("{} failed", path.display());
            n_failed += 1;
        }
    }
    Ok((paths.len(), n_failed))
}
