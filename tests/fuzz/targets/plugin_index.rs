//! See `astro_e2e::fuzz::plugin_index`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| astro_e2e::fuzz::plugin_index(data));
