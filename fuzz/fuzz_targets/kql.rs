//! See `trailsift_fuzz::kql`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trailsift_fuzz::kql(data));
