//! The public data that tests read and the repository does not hold: a folder `shared` beside it.

use std::path::{Path, PathBuf};

/// A folder of it; where it is absent, the test says so and is skipped.
pub(crate) fn folder(name: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if !shared.is_dir() {
        println!("skipped: ../shared is not there");
        return None;
    }
    Some(shared.join(name))
}
