//! The command `trailsift`.

mod cli;

use std::process::ExitCode;

/// Many small strings are allocated on many threads and freed on another, which mimalloc is good at.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::run()
}
