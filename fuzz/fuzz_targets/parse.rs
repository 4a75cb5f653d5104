//! See `trailsift_fuzz::parse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trailsift_fuzz::parse(data));
