//! e^x.
//!
//! x = n·ln 2 + r with |r| ≤ ½·ln 2, e^x = 2^n · e^r. Adding 1.5·2^23 to x·log2 e rounds it to the integer n and leaves n in the
//! low bits of the sum's word, from where a shift by 23 moves it to the exponent.

use super::{ONE, at_least, at_most, polynomial};
use crate::arith::Arith;

const LOG2_E: u32 = 0x3fb8_aa3b;
/// −ln 2 in two parts; the first has trailing zeros, so that n·first is exact.
const MINUS_LN2: [u32; 2] = [0xbf31_7200, 0xb5bf_be8e];
/// (e^r − 1 − r) / r².
const TAIL: [u32; 5] = [0x3eff_fffc, 0x3e2a_aa2e, 0x3d2a_ad2a, 0x3c09_2cbf, 0x3ab4_ef12];
/// −104: e^x rounds to 0 below, for 2^−150 is half of the least subnormal.
const LEAST: u32 = 0xc2d0_0000;
/// 89: e^x is infinite above.
const GREATEST: u32 = 0x42b2_0000;

/// 1.5·2^23 + `bias` as bits.
const fn magic(bias: u32) -> u32 {
    0x4b40_0000 + bias
}

/// x = n·ln 2 + r, taken apart; |x| at most 256·ln 2.
pub(super) struct Reduced<A: Arith> {
    /// r, at most ½·ln 2 and a little.
    pub(super) r: A::F,
    /// (e^r − 1) / r.
    pub(super) slope: A::F,
    /// A word whose low nine bits are n + the bias.
    pub(super) word: A::U,
}

/// Takes x apart.
#[inline(always)]
pub(super) fn reduce<A: Arith>(a: &mut A, x: A::F, bias: u32) -> Reduced<A> {
    let log2_e = a.constant(LOG2_E);
    let magic = a.constant(magic(bias));
    let shifted = a.fma(x, log2_e, magic);
    let n = a.sub(shifted, magic);
    let high = a.constant(MINUS_LN2[0]);
    let low = a.constant(MINUS_LN2[1]);
    let r = a.fma(n, high, x);
    let r = a.fma(n, low, r);
    let one = a.constant(ONE);
    let slope = polynomial(a, r, TAIL);
    let slope = a.fma(slope, r, one);
    let word = a.bits(shifted);
    Reduced { r, slope, word }
}

/// e^r, and a word whose low nine bits are n + `bias`.
#[inline(always)]
fn reduced_exp<A: Arith>(a: &mut A, x: A::F, bias: u32) -> (A::F, A::U) {
    let Reduced { r, slope, word } = reduce(a, x, bias);
    let one = a.constant(ONE);
    (a.fma(slope, r, one), word)
}

/// e^x for −87 ≤ x ≤ 88, where 2^n is a normal number: the bits of [`exp`].
#[inline(always)]
pub(super) fn moderate_exp<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let (sum, word) = reduced_exp(a, x, 127);
    let exponent = a.shl(word, 23);
    let scale = a.float(exponent);
    a.mul(sum, scale)
}

/// e^x. At most 1 ulp from exact; e^−∞ = +0, gradual underflow, overflow to +∞.
///
/// 2^n with −150 ≤ n ≤ 128 is applied as a product of two powers of about half the exponent: the first product is exact.
#[inline(always)]
pub fn exp<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("exp", x);
    let result = {
        let x = at_least(a, x, LEAST);
        let x = at_most(a, x, GREATEST);
        let (sum, word) = reduced_exp(a, x, 2 * 127);
        // The exponents' sum n + 2·127 in bits 23 …; its half, rounded down, is the first, the rest the second.
        let both = a.shl(word, 23);
        let half = a.shr(both, 1);
        let exponent_mask = a.iconstant(0xff80_0000);
        let first = a.and(half, exponent_mask);
        let second = a.isub(both, first);
        let first = a.float(first);
        let second = a.float(second);
        let product = a.mul(sum, first);
        a.mul(product, second)
    };
    a.leave(call, result)
}

/// e^x for x ≤ 0 or NaN, with the bits of [`exp`] and fewer instructions; meaningless for x > 0.
#[inline(always)]
pub fn exp_nonpositive<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("exp_nonpositive", x);
    let result = {
        let x = at_least(a, x, LEAST);
        let (sum, word) = reduced_exp(a, x, 127 + 64);
        let exponent = a.shl(word, 23);
        let scale = a.float(exponent);
        let down = a.constant(0x1f80_0000); // 2^−64
        let product = a.mul(sum, scale);
        a.mul(product, down)
    };
    a.leave(call, result)
}
