//! See `astro_e2e::fuzz::plugin_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| astro_e2e::fuzz::plugin_file(data));
