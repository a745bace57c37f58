#![no_main]
#![doc = "See `fuzz_checks::recorder`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::recorder::check(data));
