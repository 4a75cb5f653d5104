//! See `trailsift_fuzz::frame`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trailsift_fuzz::frame(data));
