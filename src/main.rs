//! The command `trailsift`.

mod cli;

use std::process::ExitCode;

/// Many small strings are made on many threads and freed on another: what mimalloc is for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
