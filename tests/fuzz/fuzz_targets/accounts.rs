#![no_main]
#![doc = "See `fuzz_checks::accounts`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::accounts::check(data));
