//! Section 13 of the specification: from a row to decisions, probabilities and a class.
//!
//! Each operation is rounded on its own and in the order written. `mul_add` must not be used here, and no sum may be
//! reordered: the bits are part of the format.

use std::array::from_fn;

use crate::config::Link;
use crate::input::sealed::Widen;
use crate::kernels::prefetch;

const LANES: usize = 8;

const OVERFLOW: f64 = f64::from_bits(0x40862e42fefa39ef);
const UNDERFLOW: f64 = f64::from_bits(0xc0874910d52d3051);
const LN2HI: f64 = f64::from_bits(0x3fe62e42fee00000);
const LN2LO: f64 = f64::from_bits(0x3dea39ef35793c76);
const INVLN2: f64 = f64::from_bits(0x3ff71547652b82fe);
const P1: f64 = f64::from_bits(0x3fc555555555553e);
const P2: f64 = f64::from_bits(0xbf66c16c16bebd93);
const P3: f64 = f64::from_bits(0x3f11566aaf25de2c);
const P4: f64 = f64::from_bits(0xbebbbd41c5d26bf1);
const P5: f64 = f64::from_bits(0x3e66376972bea4d0);

/// P2 for a batch: the decisions of each row of `x`, for each row of coefficients. `LONE` rows at a time for a head with
/// one row of coefficients, else tiles of `R` rows and `C` classes. No bit depends on that: each decision has eight partial
/// sums of its own, which wait for each other less the more there are.
#[inline(always)]
pub(crate) fn decisions<T: Widen, W: Widen, const LONE: usize, const R: usize, const C: usize>(
    x: &[T],
    coef: &[W],
    intercept: &[f64],
    out: &mut [f64],
) {
    if intercept.len() == 1 {
        batch::<T, W, LONE, 1>(x, coef, intercept, out);
    } else {
        batch::<T, W, R, C>(x, coef, intercept, out);
    }
}

/// All classes of a few rows come before the next rows, so that `x` is read from memory once.
#[inline(always)]
fn batch<T: Widen, W: Widen, const R: usize, const C: usize>(x: &[T], coef: &[W], intercept: &[f64], out: &mut [f64]) {
    let (n, k) = (coef.len() / intercept.len(), intercept.len());
    let (mut tiles, mut outs) = (x.chunks_exact(R * n), out.chunks_exact_mut(R * k));
    for (x, out) in (&mut tiles).zip(&mut outs) {
        rows::<T, W, R, C>(x, coef, intercept, out);
    }
    for (x, out) in tiles.remainder().chunks_exact(n).zip(outs.into_remainder().chunks_exact_mut(k)) {
        rows::<T, W, 1, C>(x, coef, intercept, out);
    }
}

/// P2 for `R` rows and all classes, `C` classes at a time.
#[inline(always)]
fn rows<T: Widen, W: Widen, const R: usize, const C: usize>(x: &[T], coef: &[W], intercept: &[f64], out: &mut [f64]) {
    let (n, k) = (coef.len() / intercept.len(), intercept.len());
    let whole = k - k % C;
    for first in (0..whole).step_by(C) {
        tile::<T, W, R, C>(x, &coef[first * n..][..C * n], &intercept[first..], &mut out[first..], k);
    }
    for first in whole..k {
        tile::<T, W, R, 1>(x, &coef[first * n..][..n], &intercept[first..], &mut out[first..], k);
    }
}

/// P2 for a tile of `R` rows and `C` classes: eight partial sums for each pair, folded in one fixed tree. The decisions of
/// two rows lie `k` apart in `out`.
#[inline(always)]
fn tile<T: Widen, W: Widen, const R: usize, const C: usize>(x: &[T], w: &[W], b: &[f64], out: &mut [f64], k: usize) {
    let n = w.len() / C;
    let x: [&[T]; R] = from_fn(|r| &x[r * n..][..n]);
    let w: [&[W]; C] = from_fn(|c| &w[c * n..][..n]);
    let sums = blocks(x, w, n / LANES);
    for r in 0..R {
        for c in 0..C {
            let mut sums = sums[r][c];
            add_products(&mut sums, &x[r][n - n % LANES..], &w[c][n - n % LANES..]);
            out[r * k + c] = fold(&sums) + b[c];
        }
    }
}

/// The partial sums after `count` blocks of eight values of rows that lie one after the other. Apart from what is left
/// over, whose length would keep the compiler from holding the sums in registers.
///
/// Meanwhile the next tile is fetched, line after line as memory likes it, and not in the order in which it will be used.
#[inline(always)]
fn blocks<T: Widen, W: Widen, const R: usize, const C: usize>(
    x: [&[T]; R],
    w: [&[W]; C],
    count: usize,
) -> [[[f64; LANES]; C]; R] {
    let x = x.map(|x| &x.as_chunks::<LANES>().0[..count]);
    let w = w.map(|w| &w.as_chunks::<LANES>().0[..count]);
    let blocks_a_line = 64 / size_of::<[T; LANES]>();
    let mut sums = [[[0.0; LANES]; C]; R];
    for block in 0..count {
        let w = w.map(|w| w[block].map(W::widen));
        for r in 0..R {
            let place = block * R + r;
            // More classes take longer than the memory does.
            if C == 1 && place.is_multiple_of(blocks_a_line) {
                prefetch(x[0], R * count + place);
            }
            let x = x[r][block].map(T::widen);
            for c in 0..C {
                add_products(&mut sums[r][c], &x, &w[c]);
            }
        }
    }
    sums
}

/// One product more in each lane, or in the first lanes where `x` and `w` are shorter.
#[inline(always)]
fn add_products<T: Widen, W: Widen>(sums: &mut [f64; LANES], x: &[T], w: &[W]) {
    for ((s, x), w) in sums.iter_mut().zip(x).zip(w) {
        *s += x.widen() * w.widen();
    }
}

#[inline(always)]
fn fold(s: &[f64; LANES]) -> f64 {
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

/// P4 and P5: the probabilities of all classes from the decisions of one row.
pub(crate) fn probabilities(link: Link, decisions: &[f64], out: &mut [f64]) {
    match (link, decisions, &mut *out) {
        (Link::Logistic, [z], [p0, p1]) => {
            *p1 = 1.0 / (1.0 + exp(-z));
            *p0 = 1.0 - *p1;
        }
        _ => softmax(decisions, out),
    }
}

fn softmax(decisions: &[f64], out: &mut [f64]) {
    let largest = decisions.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for (p, z) in out.iter_mut().zip(decisions) {
        *p = exp(z - largest);
        // The first addition, 0 + e_0, is exact.
        sum += *p;
    }
    for p in out {
        *p /= sum;
    }
}

/// P6: the index of the class, t the threshold in force.
pub(crate) fn class(link: Link, decisions: &[f64], probabilities: &[f64], t: f64) -> usize {
    match (link, decisions, probabilities) {
        (Link::Logistic, [z], [_, p1]) => usize::from(if t == 0.5 { *z > 0.0 } else { *p1 > t }),
        _ => first_largest(decisions),
    }
}

fn first_largest(decisions: &[f64]) -> usize {
    let (mut best, mut largest) = (0, f64::NEG_INFINITY);
    for (index, &z) in decisions.iter().enumerate() {
        if z > largest {
            (best, largest) = (index, z);
        }
    }
    best
}

/// The exponential of a finite x by the steps of the specification, which are those of fdlibm.
fn exp(x: f64) -> f64 {
    if x > OVERFLOW {
        return f64::INFINITY;
    }
    if x < UNDERFLOW {
        return 0.0;
    }
    let h = (x.to_bits() >> 32) as u32 & 0x7fff_ffff;
    if h < 0x3e30_0000 {
        return 1.0 + x;
    }
    let (k, hi, lo) = reduce(x, h);
    let r = hi - lo;
    let t = r * r;
    let c = r - t * (P1 + t * (P2 + t * (P3 + t * (P4 + t * P5))));
    if k == 0 {
        return 1.0 - ((r * c) / (c - 2.0) - r);
    }
    let y = 1.0 - ((lo - (r * c) / (2.0 - c)) - hi);
    match k {
        1024 => (y * 2.0) * power_of_two(1023),
        -1021.. => y * power_of_two(k),
        _ => (y * power_of_two(k + 1000)) * power_of_two(-1000),
    }
}

/// Steps 3 and 4: x = k ln 2 + (hi - lo).
fn reduce(x: f64, h: u32) -> (i32, f64, f64) {
    if h <= 0x3fd6_2e42 {
        return (0, x, 0.0);
    }
    let k = if h < 0x3ff0_a2b2 { 1.0f64.copysign(x) } else { (INVLN2 * x + 0.5f64.copysign(x)).trunc() };
    (k as i32, x - k * LN2HI, k * LN2LO)
}

/// 2^k for -1022 <= k <= 1023.
fn power_of_two(k: i32) -> f64 {
    f64::from_bits(((k + 1023) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::{LANES, Widen, exp};
    use crate::kernels::{Kernel, kernels};

    #[track_caller]
    fn check_exp(x: f64, bits: u64) {
        assert_eq!(exp(x).to_bits(), bits, "exp({x:?})");
    }

    #[test]
    fn exp_gives_the_bits_of_the_specification() {
        check_exp(1.0, 0x4005bf0a8b14576a);
        check_exp(-0.3, 0x3fe7b4c869c37c05);
        check_exp(709.782712893384, 0x7fefffffffffff2a);
        check_exp(-745.1, 0x0000000000000001);
    }

    #[test]
    fn exp_at_its_ends() {
        check_exp(0.0, 1.0f64.to_bits());
        check_exp(-0.0, 1.0f64.to_bits());
        check_exp(1e-300, 1.0f64.to_bits());
        check_exp(709.9, f64::INFINITY.to_bits());
        check_exp(f64::MAX, f64::INFINITY.to_bits());
        check_exp(-746.0, 0);
        check_exp(-f64::MAX, 0);
    }

    #[track_caller]
    fn check_decision<T: Widen>(kernel: Kernel, x: &[T], w: &[f64]) {
        let mut out = [0.0];
        kernel.decisions(x, w, &[0.5], &mut out);
        assert_eq!(out[0].to_bits(), 0x4041c00000000000, "{kernel:?}");
    }

    #[test]
    fn the_example_of_the_specification() {
        let two53 = 9_007_199_254_740_992.0;
        let w = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, two53, 1.0, -two53];
        assert_eq!(w.len() % LANES, 3);
        for kernel in kernels() {
            check_decision(kernel, &[1.0; 11], &w);
            check_decision(kernel, &[1.0f32; 11], &w);
        }
    }
}
