//! sin x and cos x for |x| ≤ 2^18, NaN beyond.
//!
//! x = n·π/2 + r with |r| ≤ π/4 and a little. n has at most 18 bits and the first part of π/2 is a multiple of 2^−23, so
//! x − n·first is exact; the two further parts carry π/2 to 2^−71, which keeps r relatively accurate next to its
//! zeros. Farther out the third part is no longer small against the last place of r, and its rounding costs another half ulp.

use super::{HALF, ONE, polynomial};
use crate::arith::Arith;

/// 2^18, more than any position in a context: beyond it the result is NaN.
pub const TRIGONOMETRIC_LIMIT: f32 = 262_144.0;

const TWO_OVER_PI: u32 = 0x3f22_f983;
/// −π/2 in three parts of one sign: n·part is −0 for n = +0, which keeps the sign of x = ±0.
const MINUS_HALF_PI: [u32; 3] = [0xbfc9_0fda, 0xb3a2_2168, 0xa7c2_34c4];
/// (sin r − r) / r³ in r².
const SINE: [u32; 3] = [0xbe2a_aaa1, 0x3c08_82db, 0xb94c_5e35];
/// (cos r − 1 + r²/2) / r⁴ in r².
const COSINE: [u32; 3] = [0x3d2a_aaa5, 0xbab6_0570, 0x37cc_b9ea];
const ROUNDING: u32 = 0x4b40_0000; // 1.5·2^23

/// sin x. At most 2 ulp from exact for |x| ≤ 2^18; NaN beyond. sin −0 = −0.
#[inline(always)]
pub fn sin<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("sin", x);
    let result = circular(a, x, 0);
    a.leave(call, result)
}

/// cos x. At most 2 ulp from exact for |x| ≤ 2^18; NaN beyond.
#[inline(always)]
pub fn cos<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("cos", x);
    let result = circular(a, x, 1);
    a.leave(call, result)
}

/// sin(x + quarter·π/2).
#[inline(always)]
fn circular<A: Arith>(a: &mut A, x: A::F, quarter: u32) -> A::F {
    let two_over_pi = a.constant(TWO_OVER_PI);
    let rounding = a.constant(ROUNDING);
    let shifted = a.fma(x, two_over_pi, rounding);
    let n = a.sub(shifted, rounding);
    let mut r = x;
    for part in MINUS_HALF_PI {
        let part = a.constant(part);
        r = a.fma(n, part, r);
    }
    let square = a.mul(r, r);
    let sine = sine_of(a, r, square);
    let cosine = cosine_of(a, square);

    let mut quadrant = a.bits(shifted);
    if quarter != 0 {
        let quarter = a.iconstant(quarter);
        quadrant = a.iadd(quadrant, quarter);
    }
    let one = a.iconstant(1);
    let odd = a.and(quadrant, one);
    let is_odd = a.ieq(odd, one);
    let value = a.select(is_odd, cosine, sine);
    // Bit 1 of the quadrant is the sign.
    let two = a.iconstant(2);
    let sign = a.and(quadrant, two);
    let sign = a.shl(sign, 30);
    let word = a.bits(value);
    let word = a.xor(word, sign);
    let value = a.float(word);

    let magnitude = a.abs(x);
    let limit = a.constant(TRIGONOMETRIC_LIMIT.to_bits());
    let inside = a.le(magnitude, limit);
    let nan = a.constant(crate::CANONICAL_NAN);
    a.select(inside, value, nan)
}

#[inline(always)]
fn sine_of<A: Arith>(a: &mut A, r: A::F, square: A::F) -> A::F {
    let series = polynomial(a, square, SINE);
    // `fma` with +0 instead of `mul`: the factor of r is then +0 at r = ±0, and the sign of r survives.
    let zero = a.constant(0);
    let factor = a.fma(series, square, zero);
    a.fma(factor, r, r)
}

#[inline(always)]
fn cosine_of<A: Arith>(a: &mut A, square: A::F) -> A::F {
    let series = polynomial(a, square, COSINE);
    let minus_half = a.constant(HALF | 1 << 31);
    let series = a.fma(series, square, minus_half);
    let one = a.constant(ONE);
    a.fma(series, square, one)
}
