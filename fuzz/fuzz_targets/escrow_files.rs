#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| oubliette_fuzz::run(&oubliette_store::fuzzing::TARGETS, "escrow_files", input));
