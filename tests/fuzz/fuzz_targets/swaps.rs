#![no_main]
#![doc = "See `fuzz_checks::swaps`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::swaps::check(data));
