#![no_main]
#![doc = "See `fuzz_checks::journal`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::journal::check(data));
