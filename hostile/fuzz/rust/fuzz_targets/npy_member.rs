//! For any bytes as one array of an otherwise good pair, the loader returns a head or one of its own errors, and never panics.
#![no_main]

use plmhead_fuzz::BASES;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&flag, member)) = data.split_first() else { return };
    let base = &BASES[if flag & 8 == 0 { 2 } else { 1 }];
    let (mut npz, mut config) = (plmhead_fuzz::with_member(base.npz, flag & 7, member), base.config.to_vec());
    plmhead_fuzz::reseal(&mut npz, &mut config);
    plmhead_fuzz::check(&npz, &config);
});
