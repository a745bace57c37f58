#![no_main]
#![doc = "See `fuzz_checks::decimals`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::decimals::check(data));
