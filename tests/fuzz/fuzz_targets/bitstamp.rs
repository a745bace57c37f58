#![no_main]
#![doc = "See `fuzz_checks::bitstamp`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::bitstamp::check(data));
