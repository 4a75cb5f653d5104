//! Inflates complete gzip members with libdeflate, which is twice as fast as a stream (1.85 GB/s against 0.95
//! GB/s of zlib-rs on one core), because it has the whole input and the whole output at hand.
//!
//! The safe `libdeflater` crate does not return how much of the input a member took. Without that, all
//! members of a file but one would be lost silently. So this module calls `libdeflate-sys` itself.
#![expect(unsafe_code, reason = "libdeflate is a C library; see each block")]

use std::ffi::c_void;
use std::ptr::NonNull;

use libdeflate_sys::{
    libdeflate_alloc_decompressor, libdeflate_decompressor, libdeflate_deflate_decompress_ex,
    libdeflate_free_decompressor, libdeflate_gzip_decompress_ex, libdeflate_result,
    libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE, libdeflate_result_LIBDEFLATE_SUCCESS,
};

/// The result of inflating a member.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inflated {
    /// It was appended, and its checksum and length were verified. It took this many bytes of the input.
    Member { stored_bytes: usize },
    /// The output has no room for it; nothing was appended.
    NoRoom,
    /// It is damaged or cut off; nothing was appended. A stream can report what is wrong and where.
    Damaged,
}

/// A libdeflate decompressor.
#[derive(Debug)]
pub(super) struct Inflater(NonNull<libdeflate_decompressor>);

// SAFETY: the decompressor is plain memory that this value alone points to. libdeflate has no thread-local
// state and no globals besides its CPU features, which it reads atomically.
unsafe impl Send for Inflater {}

impl Inflater {
    pub(super) fn new() -> Self {
        // SAFETY: the call has no preconditions.
        let decompressor = unsafe { libdeflate_alloc_decompressor() };
        Self(NonNull::new(decompressor).expect("11 kB of memory are there"))
    }

    /// Appends the first gzip member of `stored` to `text`, if it fits into the spare capacity of `text`.
    pub(super) fn append_member(&mut self, stored: &[u8], text: &mut Vec<u8>) -> Inflated {
        self.append(libdeflate_gzip_decompress_ex, stored, text)
    }

    /// Appends deflate without a header. No checksum is verified.
    pub(super) fn append_bare(&mut self, stored: &[u8], text: &mut Vec<u8>) -> Inflated {
        self.append(libdeflate_deflate_decompress_ex, stored, text)
    }

    fn append(&mut self, decompress: Decompress, stored: &[u8], text: &mut Vec<u8>) -> Inflated {
        let room = text.spare_capacity_mut();
        let (mut n_in, mut n_out) = (0, 0);
        // SAFETY: both pointers are valid for the lengths passed with them, because they come from slices of
        // these lengths. libdeflate writes only to the output, and both counts outlive the call.
        let result = unsafe {
            decompress(
                self.0.as_ptr(),
                stored.as_ptr().cast(),
                stored.len(),
                room.as_mut_ptr().cast(),
                room.len(),
                &raw mut n_in,
                &raw mut n_out,
            )
        };
        #[expect(non_upper_case_globals, reason = "libdeflate's own names")]
        match result {
            libdeflate_result_LIBDEFLATE_SUCCESS => {
                assert!(
                    n_out <= room.len() && n_in <= stored.len(),
                    "libdeflate went too far"
                );
                let len = text.len() + n_out;
                // SAFETY: libdeflate reports that it wrote `n_out` bytes from the start of the spare
                // capacity.
                unsafe { text.set_len(len) };
                Inflated::Member { stored_bytes: n_in }
            }
            libdeflate_result_LIBDEFLATE_INSUFFICIENT_SPACE => Inflated::NoRoom,
            _ => Inflated::Damaged,
        }
    }
}

/// Signature of a libdeflate function: decompressor, input and its length, output and its length, how much of
/// each was used.
type Decompress = unsafe extern "C" fn(
    *mut libdeflate_decompressor,
    *const c_void,
    usize,
    *mut c_void,
    usize,
    *mut usize,
    *mut usize,
) -> libdeflate_result;

impl Drop for Inflater {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `libdeflate_alloc_decompressor` and is freed once.
        unsafe { libdeflate_free_decompressor(self.0.as_ptr()) };
    }
}
