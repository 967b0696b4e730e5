//! See `astro_e2e::fuzz::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| astro_e2e::fuzz::manifest(data));
