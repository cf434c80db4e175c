//! For any config text beside a good NPZ, sealed or not, the loader returns a head or one of its own errors, and never panics.
#![no_main]

use plmhead_fuzz::BASES;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&flag, text)) = data.split_first() else { return };
    let (mut npz, mut config) = (BASES[usize::from(flag >> 1 & 1)].npz.to_vec(), text.to_vec());
    if flag & 1 == 1 {
        plmhead_fuzz::reseal(&mut npz, &mut config);
    }
    plmhead_fuzz::check(&npz, &config);
});
