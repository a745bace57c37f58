#![no_main]
#![doc = "See `fuzz_checks::coinbase`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::coinbase::check(data));
