//! See `trailsift_fuzz::eql`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trailsift_fuzz::eql(data));
