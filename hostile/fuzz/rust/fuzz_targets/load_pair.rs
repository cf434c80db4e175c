//! For any two byte strings the loader returns a head or one of its own errors: it neither panics, nor hangs, nor takes memory
//! that the bytes do not justify; and a head that it returns scores finite values or names the row that overflows.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    if let Some((npz, config)) = plmhead_fuzz::pair(data) {
        plmhead_fuzz::check(&npz, &config);
    }
});
