#![no_main]
#![doc = "See `fuzz_checks::quote`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::quote::check(data));
