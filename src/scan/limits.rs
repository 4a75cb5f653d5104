//! How much text the walk keeps in memory.

use super::patterns::NEEDLE_BYTES_MAX;

/// Sizes that limit what the walk keeps in memory. None of them changes what is found in text whose records are
/// smaller than `record_bytes_max`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The number of bytes at the start of an object in which a schema's key must occur. The largest record in the
    /// public corpora is 48 kB, and its first key comes after one byte.
    pub(crate) envelope_bytes: u64,
    /// The largest record that is kept in memory. There are two reasons: one record must not take all memory, and
    /// simd-json indexes a document with 32 bits. The limit is greater than [`Limits::envelope_bytes`] plus a key.
    pub(crate) record_bytes_max: u64,
    /// The number of bytes kept before the cursor and left after it, so that a needle that crosses the seam between
    /// two windows is found. No needle is longer.
    pub(crate) seam_bytes: usize,
    /// The size up to which text after the last anchor is not walked yet: the scan waits for more text. So a delivery
    /// file of usual size is searched once, with its end known. A document that is one very long line is walked as it
    /// arrives.
    pub(crate) tail_bytes: usize,
    /// The number of bytes walked in one go, before the results are judged and a request to stop is checked.
    pub(crate) stride_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_bytes: 1 << 20,
            record_bytes_max: 1 << 30,
            seam_bytes: NEEDLE_BYTES_MAX,
            tail_bytes: 1 << 20,
            stride_bytes: 16 << 20,
        }
    }
}
