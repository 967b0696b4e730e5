//! See `astro_e2e::fuzz::answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| astro_e2e::fuzz::answer(data));
