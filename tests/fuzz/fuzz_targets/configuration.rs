#![no_main]
#![doc = "See `fuzz_checks::configuration`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::configuration::check(data));
