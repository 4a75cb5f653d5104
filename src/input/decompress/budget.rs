//! Limits how much text comes out of one source.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The amount of text that may still come out of a source, over all its layers.
#[derive(Debug)]
pub struct Budget {
    left: AtomicU64,
    /// The initial amount.
    n_bytes: u64,
}

impl Budget {
    /// Creates a budget of `n_bytes` bytes.
    #[must_use]
    pub fn new(n_bytes: u64) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicU64::new(n_bytes),
            n_bytes,
        })
    }

    /// Returns the initial amount.
    pub(super) fn n_bytes(&self) -> u64 {
        self.n_bytes
    }

    /// Takes `n_bytes` from the budget. Returns false if that is more than is left.
    pub(super) fn take(&self, n_bytes: usize) -> bool {
        let take = |left: u64| Some(left.saturating_sub(n_bytes as u64));
        let before = self.left.fetch_update(Relaxed, Relaxed, take);
        before.is_ok_and(|left| n_bytes as u64 <= left)
    }
}
