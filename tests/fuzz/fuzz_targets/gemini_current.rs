#![no_main]
#![doc = "See `fuzz_checks::gemini_current`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::gemini_current::check(data));
