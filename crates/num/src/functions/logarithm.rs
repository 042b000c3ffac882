//! ln x.
//!
//! x = 2^e · (1 + f) with ⅔ ≤ 1 + f < 4/3, taken from the bits; ln x = e·ln 2 + f + f²·(−½ + f·P(f)).

use super::{INFINITY, ONE, polynomial};
use crate::arith::Arith;

/// The bits of ⅔.
const TWO_THIRDS: u32 = 0x3f2a_aaab;
/// ln 2 · 2^−23: the exponent e stands in bits 23 … of the word that is converted.
const LN2_PER_WORD: u32 = 0x33b1_7218;
/// −½, then (ln(1 + f) − f + f²/2) / f³.
const SERIES: [u32; 9] = [
    0xbf00_0000,
    0x3eaa_aa89,
    0xbe7f_ff52,
    0x3e4c_e7bd,
    0xbe2a_d06e,
    0x3e0f_6d9a,
    0xbdf9_8bd4,
    0x3e0f_18ce,
    0xbe04_2874,
];
const LEAST_NORMAL: u32 = 0x0080_0000;

/// ln x. At most 1 ulp from exact; ln 0 = −∞, ln +∞ = +∞, NaN for x < 0.
#[inline(always)]
pub fn ln<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("ln", x);
    let result = {
        let least_normal = a.constant(LEAST_NORMAL);
        let is_subnormal = a.lt(x, least_normal);
        let up = a.constant(0x4b00_0000); // 2^23
        let scaled = a.mul(x, up);
        let normal = a.select(is_subnormal, scaled, x);
        let word = a.bits(normal);
        let two_thirds = a.iconstant(TWO_THIRDS);
        let above = a.isub(word, two_thirds);
        let exponent_mask = a.iconstant(0xff80_0000);
        let exponent = a.and(above, exponent_mask);
        let mantissa = a.isub(word, exponent);
        let mantissa = a.float(mantissa);
        let zero = a.iconstant(0);
        let scaling = a.iconstant(23 << 23);
        let scaling = a.iselect(is_subnormal, scaling, zero);
        let exponent = a.isub(exponent, scaling);
        let exponent = a.from_int(exponent);

        let one = a.constant(ONE);
        let f = a.sub(mantissa, one);
        let square = a.mul(f, f);
        let series = polynomial(a, f, SERIES);
        let log = a.fma(series, square, f);
        let ln2 = a.constant(LN2_PER_WORD);
        let log = a.fma(exponent, ln2, log);
        outside_domain(a, x, log)
    };
    a.leave(call, result)
}

/// `log` where 0 < x < ∞; else x = +∞ or NaN itself, −∞ at ±0, NaN below.
#[inline(always)]
fn outside_domain<A: Arith>(a: &mut A, x: A::F, log: A::F) -> A::F {
    let infinity = a.constant(INFINITY);
    let is_finite = a.lt(x, infinity);
    let value = a.select(is_finite, log, x);
    let zero = a.constant(0);
    let is_zero = a.eq(x, zero);
    let minus_infinity = a.constant(INFINITY | 1 << 31);
    let nan = a.constant(crate::CANONICAL_NAN);
    let otherwise = a.select(is_zero, minus_infinity, nan);
    let is_positive = a.lt(zero, x);
    a.select(is_positive, value, otherwise)
}
