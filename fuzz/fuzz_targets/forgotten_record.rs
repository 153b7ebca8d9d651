#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| oubliette_fuzz::run(&oubliette_keyring::fuzzing::TARGETS, "forgotten_record", input));
