//! See `trailsift_fuzz::envelope`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trailsift_fuzz::envelope(data));
