//! Section 13 of the specification: from a row to decisions, probabilities and a class.
//!
//! Each operation is rounded on its own and in the order written. `mul_add` must not be used here, and no sum may be
//! reordered: the bits are part of the format.

use crate::config::Link;
use crate::input::sealed::Widen;

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

/// The decisions of one row, for each row of coefficients.
pub(crate) fn decisions<T: Widen, W: Widen>(x: &[T], coef: &[W], intercept: &[f64], out: &mut [f64]) {
    for ((z, w), b) in out.iter_mut().zip(coef.chunks_exact(x.len())).zip(intercept) {
        *z = decision(x, w, *b);
    }
}

/// P2: eight partial sums, folded in one fixed tree.
fn decision<T: Widen, W: Widen>(x: &[T], w: &[W], b: f64) -> f64 {
    let (x_blocks, x_rest) = x.as_chunks::<LANES>();
    let (w_blocks, w_rest) = w.as_chunks::<LANES>();
    let mut s = [0.0; LANES];
    for (x, w) in x_blocks.iter().zip(w_blocks) {
        let w = w.map(W::widen);
        for lane in 0..LANES {
            s[lane] += x[lane].widen() * w[lane];
        }
    }
    for ((s, x), w) in s.iter_mut().zip(x_rest).zip(w_rest) {
        *s += x.widen() * w.widen();
    }
    (((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))) + b
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
    use super::{LANES, decision, exp};

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

    #[test]
    fn the_example_of_the_specification() {
        let two53 = 9_007_199_254_740_992.0;
        let w = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, two53, 1.0, -two53];
        assert_eq!(w.len() % LANES, 3);
        assert_eq!(decision(&[1.0; 11], &w, 0.5).to_bits(), 0x4041c00000000000);
        assert_eq!(decision(&[1.0f32; 11], &w, 0.5).to_bits(), 0x4041c00000000000);
    }
}
