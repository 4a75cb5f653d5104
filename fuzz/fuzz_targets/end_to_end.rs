//! See `trailsift_fuzz::end_to_end`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trailsift_fuzz::end_to_end(data));
