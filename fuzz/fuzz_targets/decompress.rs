//! See `trailsift_fuzz::decompress`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| trailsift_fuzz::decompress(data));
