//! What neural networks make of e^x: tanh, the logistic function, SiLU and GELU with their derivatives.

use super::errors::erf;
use super::exponential::{Reduced, exp_nonpositive, moderate_exp, reduce};
use super::{HALF, ONE, at_least, at_most, polynomial, with_sign_of};
use crate::arith::Arith;

/// (tanh x − x) / x³ in x², for |x| below [`TANH_MEETING`].
const TANH_NEAR: [u32; 5] = [0xbeaa_aa9e, 0x3e08_84cb, 0xbd5c_4b71, 0x3caa_595b, 0xbbc1_3a78];
const TANH_MEETING: u32 = 0x3f11_eb85; // 0.57
/// 10: tanh rounds to 1 from 9.02 on.
const TANH_SATURATION: u32 = 0x4120_0000;

/// tanh x. At most 2 ulp from exact; tanh −0 = −0.
///
/// x + x·P(x²) near 0, else 1 − 2 / (e^(2|x|) + 1) with the sign of x.
#[inline(always)]
pub fn tanh<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("tanh", x);
    let result = {
        let square = a.mul(x, x);
        let series = polynomial(a, square, TANH_NEAR);
        // `fma` with +0 instead of `mul`: the factor of x is then +0 at x = ±0, and the sign of x survives.
        let zero = a.constant(0);
        let factor = a.fma(series, square, zero);
        let near = a.fma(factor, x, x);

        let magnitude = a.abs(x);
        let t = at_most(a, magnitude, TANH_SATURATION);
        let double = a.add(t, t);
        let power = moderate_exp(a, double);
        let one = a.constant(ONE);
        let two = a.constant(0x4000_0000);
        let denominator = a.add(power, one);
        let complement = a.div(two, denominator);
        let far = a.sub(one, complement);
        let far = with_sign_of(a, x, far);

        let meeting = a.constant(TANH_MEETING);
        let is_near = a.lt(magnitude, meeting);
        a.select(is_near, near, far)
    };
    a.leave(call, result)
}

/// Below it, x · sigmoid x rounds to −0: −110.
const LOGISTIC_LEAST: u32 = 0xc2dc_0000;
/// Above it, sigmoid x rounds to 1: 30.
const LOGISTIC_GREATEST: u32 = 0x41f0_0000;
/// 2^−64.
const LOGISTIC_DOWN: u32 = 0x1f80_0000;

/// The parts of sigmoid x = G / D, for −110 ≤ x ≤ 30.
struct Logistic<A: Arith> {
    /// G · 2^64.
    power: A::F,
    /// e^r − 1.
    rest: A::F,
    /// D.
    sum: A::F,
}

/// With −x = n·ln 2 + r: 1 / (1 + e^−x) = G / D with G = 2^−n, D = G + e^r. G is exact, D = 1 + (G + (e^r − 1)) hardly suffers from
/// the inner rounding, and the factor 2^64 keeps G normal.
#[inline(always)]
fn logistic<A: Arith>(a: &mut A, x: A::F) -> Logistic<A> {
    let minus = a.neg(x);
    let Reduced { r, slope, word } = reduce(a, minus, 0);
    let n = a.shl(word, 23);
    let bias = a.iconstant((127 + 64) << 23);
    let power = a.isub(bias, n);
    let power = a.float(power);
    let down = a.constant(LOGISTIC_DOWN);
    let rest = a.mul(slope, r);
    let excess = a.fma(power, down, rest);
    let one = a.constant(ONE);
    let sum = a.add(one, excess);
    Logistic { power, rest, sum }
}

/// The logistic function 1 / (1 + e^−x). At most 2 ulp from exact, also where it is subnormal.
#[inline(always)]
pub fn sigmoid<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("sigmoid", x);
    let result = {
        let x = at_least(a, x, LOGISTIC_LEAST);
        let x = at_most(a, x, LOGISTIC_GREATEST);
        let Logistic { power, sum, .. } = logistic(a, x);
        let scaled = a.div(power, sum);
        let down = a.constant(LOGISTIC_DOWN);
        a.mul(scaled, down)
    };
    a.leave(call, result)
}

/// SiLU: x · sigmoid x, the product with a power of two instead of a rounded quotient. At most 2 ulp from exact; −0 at −∞.
#[inline(always)]
pub fn silu<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("silu", x);
    let result = {
        let x = at_least(a, x, LOGISTIC_LEAST);
        let greatest = a.constant(LOGISTIC_GREATEST);
        let is_linear = a.lt(greatest, x);
        let moderate = a.select(is_linear, greatest, x);
        let Logistic { power, sum, .. } = logistic(a, moderate);
        let numerator = a.mul(moderate, power);
        let scaled = a.div(numerator, sum);
        let down = a.constant(LOGISTIC_DOWN);
        let value = a.mul(scaled, down);
        a.select(is_linear, x, value)
    };
    a.leave(call, result)
}

/// sigmoid x and 1 − sigmoid x, both relatively accurate, for any x.
#[inline(always)]
fn logistic_pair<A: Arith>(a: &mut A, x: A::F) -> (A::F, A::F) {
    let x = at_least(a, x, LOGISTIC_LEAST);
    let x = at_most(a, x, LOGISTIC_GREATEST);
    let Logistic { power, rest, sum } = logistic(a, x);
    let one = a.constant(ONE);
    let inverse = a.div(one, sum);
    let scaled = a.mul(power, inverse);
    let down = a.constant(LOGISTIC_DOWN);
    let gate = a.mul(scaled, down);
    let rest = a.add(one, rest);
    (gate, a.mul(rest, inverse))
}

/// The derivative of [`silu`]: s + x·s·(1 − s) with s = sigmoid x.
#[inline(always)]
pub fn silu_grad<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("silu_grad", x);
    let result = {
        let x = within(a, x, 0x4300_0000); // 128
        let (gate, rest) = logistic_pair(a, x);
        let value = a.mul(x, gate);
        a.fma(value, rest, gate)
    };
    a.leave(call, result)
}

/// x within ± a constant beyond which a derivative does not change: so that 0·∞ does not occur.
#[inline(always)]
fn within<A: Arith>(a: &mut A, x: A::F, limit: u32) -> A::F {
    let x = at_most(a, x, limit);
    at_least(a, x, limit | 1 << 31)
}

/// 16, for the derivatives of GELU.
const GELU_LIMIT: u32 = 0x4180_0000;
/// 2·√(2/π) and 2·√(2/π)·0.044715.
const GELU_TANH: [u32; 2] = [0x3fcc_422a, 0x3d92_2279];
/// 2·√(2/π)·3·0.044715.
const GELU_TANH_SLOPE: u32 = 0x3e5b_33b6;

/// The argument of the logistic function in [`gelu_tanh`].
#[inline(always)]
fn gelu_tanh_argument<A: Arith>(a: &mut A, x: A::F, square: A::F) -> A::F {
    let factor = polynomial(a, square, GELU_TANH);
    a.mul(x, factor)
}

/// GELU in its tanh form, ½·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), as x · sigmoid(2·√(2/π)·(x + 0.044715·x³)).
///
/// The same function without the cancellation for negative x. NaN at −∞, as the product 0·∞ is.
#[inline(always)]
pub fn gelu_tanh<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("gelu_tanh", x);
    let result = {
        let square = a.mul(x, x);
        let argument = gelu_tanh_argument(a, x, square);
        let gate = sigmoid(a, argument);
        a.mul(x, gate)
    };
    a.leave(call, result)
}

/// The derivative of [`gelu_tanh`]: s + x·s·(1 − s)·z' with s = sigmoid z, z the argument and z' its derivative.
#[inline(always)]
pub fn gelu_tanh_grad<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("gelu_tanh_grad", x);
    let result = {
        let x = within(a, x, GELU_LIMIT);
        let square = a.mul(x, x);
        let argument = gelu_tanh_argument(a, x, square);
        let (gate, rest) = logistic_pair(a, argument);
        let rate = polynomial(a, square, [GELU_TANH[0], GELU_TANH_SLOPE]);
        let scaled = a.mul(x, rate);
        let value = a.mul(scaled, gate);
        a.fma(value, rest, gate)
    };
    a.leave(call, result)
}

const SQRT_HALF: u32 = 0x3f35_04f3;
/// 1/√(2π).
const DENSITY: u32 = 0x3ecc_422a;

/// GELU: ½·x·(1 + erf(x/√2)). NaN at −∞, as the product 0·∞ is.
#[inline(always)]
pub fn gelu_erf<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("gelu_erf", x);
    let result = {
        let root = a.constant(SQRT_HALF);
        let scaled = a.mul(x, root);
        let error = erf(a, scaled);
        let half = a.constant(HALF);
        let half_x = a.mul(x, half);
        a.fma(half_x, error, half_x)
    };
    a.leave(call, result)
}

/// The derivative of [`gelu_erf`]: ½·(1 + erf(x/√2)) + x·e^(−x²/2)/√(2π).
#[inline(always)]
pub fn gelu_erf_grad<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("gelu_erf_grad", x);
    let result = {
        let x = within(a, x, GELU_LIMIT);
        let root = a.constant(SQRT_HALF);
        let scaled = a.mul(x, root);
        let error = erf(a, scaled);
        let half = a.constant(HALF);
        let share = a.fma(error, half, half);
        let half_x = a.mul(x, half);
        let half_square = a.mul(half_x, x);
        let exponent = a.neg(half_square);
        let power = exp_nonpositive(a, exponent);
        let density = a.constant(DENSITY);
        let power = a.mul(power, density);
        a.fma(power, x, share)
    };
    a.leave(call, result)
}
