#![no_main]
#![doc = "See `fuzz_checks::solana`."]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_checks::solana::check(data));
