//! The loops of `score::decisions`, compiled for several kinds of processor and chosen at run time. The bits are the same.
//!
//! The source is one and portable: `#[target_feature]` only lets the compiler use wider registers. It never fuses a
//! multiplication with an addition, since Rust has no such licence; the tests hold every kernel to the bits.

#![deny(clippy::undocumented_unsafe_blocks, unsafe_op_in_unsafe_fn)]

use std::sync::OnceLock;

use crate::errors::{Code, Error};
use crate::input::sealed::Widen;
use crate::score;

/// For tests: a kernel's name, instead of the widest that the processor has.
const VARIABLE: &str = "PLMHEAD_KERNEL";

/// A kernel that this processor can run: no other is ever made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kernel(Width);

#[derive(Clone, Copy, Debug)]
enum Width {
    /// What every processor of the target has.
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The kernels that this processor can run, the widest last.
pub(crate) fn kernels() -> Vec<Kernel> {
    #[allow(unused_mut)]
    let mut found = vec![Kernel(Width::Baseline)];
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") {
            found.push(Kernel(Width::Avx2));
        }
        if is_x86_feature_detected!("avx512f") {
            found.push(Kernel(Width::Avx512));
        }
    }
    found
}

/// The kernel in force, the same for the whole process.
///
/// # Errors
/// `ENVIRONMENT` where the variable asks for one that is not there: scoring by another would prove nothing of it.
pub(crate) fn chosen() -> Result<Kernel, Error> {
    static CHOSEN: OnceLock<Result<Kernel, String>> = OnceLock::new();
    let chosen =
        CHOSEN.get_or_init(|| choose(std::env::var_os(VARIABLE).map(|name| name.to_string_lossy().into_owned())));
    chosen.clone().map_err(|message| Error::new(Code::Environment, "npz", message))
}

fn choose(wanted: Option<String>) -> Result<Kernel, String> {
    let there = kernels();
    let Some(wanted) = wanted else { return Ok(there[there.len() - 1]) };
    let names: Vec<&str> = there.iter().map(|kernel| kernel.name()).collect();
    let found = there.iter().find(|kernel| kernel.name() == wanted);
    found.copied().ok_or_else(|| format!("found {VARIABLE}={wanted:?}, expected it unset, or {}", names.join(" or ")))
}

impl Kernel {
    fn name(self) -> &'static str {
        match self.0 {
            Width::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Width::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Width::Avx512 => "avx512",
        }
    }

    /// P2 for a batch: one decision a row of `x` and row of coefficients.
    #[allow(unsafe_code)]
    pub(crate) fn decisions<T: Widen, W: Widen>(self, x: &[T], coef: &[W], intercept: &[f64], out: &mut [f64]) {
        match self.0 {
            Width::Baseline => score::decisions::<T, W, 2, 1, 2>(x, coef, intercept, out),
            // SAFETY: `kernels` gives out this value only where the processor has AVX2.
            #[cfg(target_arch = "x86_64")]
            Width::Avx2 => unsafe { avx2(x, coef, intercept, out) },
            // SAFETY: `kernels` gives out this value only where the processor has AVX-512F.
            #[cfg(target_arch = "x86_64")]
            Width::Avx512 => unsafe { avx512(x, coef, intercept, out) },
        }
    }
}

/// 16 registers of 4 lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2<T: Widen, W: Widen>(x: &[T], coef: &[W], intercept: &[f64], out: &mut [f64]) {
    score::decisions::<T, W, 4, 2, 2>(x, coef, intercept, out);
}

/// 32 registers of 8 lanes.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512<T: Widen, W: Widen>(x: &[T], coef: &[W], intercept: &[f64], out: &mut [f64]) {
    score::decisions::<T, W, 4, 4, 4>(x, coef, intercept, out);
}

/// Asks for the line of memory `ahead` items behind the start of `items`, which may lie behind their end. Without it the
/// memory waits for the arithmetic at the start of every row: a batch that no cache holds took half as long again.
#[inline(always)]
#[allow(unsafe_code)]
pub(crate) fn prefetch<T>(items: &[T], ahead: usize) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let place = items.as_ptr().wrapping_add(ahead);
        // SAFETY: a hint. It reads nothing that the program sees, and an address that is not there is no fault. All
        // processors of the target have the instruction.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(place.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (items, ahead);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{choose, kernels};
    use crate::input::sealed::Widen;

    #[test]
    fn a_kernel_is_chosen_by_name_or_is_the_widest() {
        let there: Vec<&str> = kernels().into_iter().map(|kernel| kernel.name()).collect();
        assert_eq!(there[0], "baseline");
        assert_eq!(choose(None).map(|kernel| kernel.name()), Ok(there[there.len() - 1]));
        for name in &there {
            assert_eq!(choose(Some(name.to_string())).map(|kernel| kernel.name()), Ok(*name));
        }
        let message = format!("found PLMHEAD_KERNEL=\"neon\", expected it unset, or {}", there.join(" or "));
        assert_eq!(choose(Some("neon".to_string())).map(|kernel| kernel.name()), Err(message));
    }

    /// `count` values of every size that binary32 has, some of them zeros and subnormal; from `seed` and `salt`.
    fn values(seed: u64, salt: u64, count: usize) -> Vec<f64> {
        let mut state = seed ^ salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        (0..count).map(|_| f64::from(next() as i32 - (1 << 30)) * 2.0f64.powi(next() as i32 % 180 - 150)).collect()
    }

    /// P2 as the specification writes it.
    fn decision(x: &[impl Widen], w: &[impl Widen], b: f64) -> f64 {
        let mut s = [0.0; 8];
        for (i, (x, w)) in x.iter().zip(w).enumerate() {
            s[i % 8] += x.widen() * w.widen();
        }
        (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))) + b
    }

    /// Every kernel on every number of rows that is left over by a tile, and on a few tiles before it.
    #[track_caller]
    fn check<T: Widen, W: Widen>(x: &[T], coef: &[W], intercept: &[f64]) {
        let n = coef.len() / intercept.len();
        let classes = || coef.chunks_exact(n).zip(intercept);
        let bits: Vec<u64> =
            x.chunks_exact(n).flat_map(|x| classes().map(|(w, b)| decision(x, w, *b).to_bits())).collect();
        for kernel in kernels() {
            for rows in 0..=x.len() / n {
                let mut out = vec![f64::NAN; rows * intercept.len()];
                kernel.decisions(&x[..rows * n], coef, intercept, &mut out);
                let found: Vec<u64> = out.iter().map(|z| z.to_bits()).collect();
                assert_eq!(found, bits[..found.len()], "{kernel:?}, {rows} rows, {n} features");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]

        #[test]
        fn every_kernel_has_the_bits_of_the_specification(seed: u64) {
            for n in 1..=70 {
                for k in [1, 3, 4, 5, 9] {
                    let (x, coef, intercept) = (values(seed, 1, 9 * n), values(seed, 2, k * n), values(seed, 3, k));
                    let narrow_x: Vec<f32> = x.iter().map(|x| *x as f32).collect();
                    let narrow_coef: Vec<f32> = coef.iter().map(|w| *w as f32).collect();
                    let stored_coef: Vec<[u8; 8]> = coef.iter().map(|w| w.to_le_bytes()).collect();
                    let stored_narrow: Vec<[u8; 4]> = narrow_coef.iter().map(|w| w.to_le_bytes()).collect();
                    check(&x, &stored_coef, &intercept);
                    check(&x, &stored_narrow, &intercept);
                    check(&narrow_x, &stored_coef, &intercept);
                    check(&narrow_x, &stored_narrow, &intercept);
                }
            }
        }
    }
}
