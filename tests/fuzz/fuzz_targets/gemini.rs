#![no_main]
#![doc = "See `fuzz_checks::gemini`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::gemini::check(data));
