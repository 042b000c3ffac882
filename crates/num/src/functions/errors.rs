//! The error function.

use super::exponential::moderate_exp;
use super::{ONE, at_most, polynomial, with_sign_of};
use crate::arith::Arith;

/// Where the two forms meet.
const MEETING: u32 = 0x3f6b_8000; // 471/512
/// erf x = x + x·P(x²) below.
const NEAR: [u32; 6] = [0x3e03_75d3, 0xbec0_936c, 0x3de7_0c6a, 0xbcdb_3a60, 0x3ba3_58a2, 0xba1b_e77d];
/// erf t = 1 − e^(−t + t·Q(t)) above.
const FAR: [u32; 7] =
    [0xbe03_b96f, 0xbf22_9c57, 0xbdd9_69e8, 0x3cc2_1ad9, 0xbb6c_9a71, 0x39a5_1c7f, 0xb72f_5844];
/// 4: erf rounds to 1 from 3.84 on.
const SATURATION: u32 = 0x4080_0000;

/// erf x = 2/√π ∫₀ˣ e^(−t²) dt. At most 1 ulp from exact; erf −0 = −0.
#[inline(always)]
pub fn erf<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("erf", x);
    let result = {
        let square = a.mul(x, x);
        let near = polynomial(a, square, NEAR);
        let near = a.fma(near, x, x);

        let magnitude = a.abs(x);
        let t = at_most(a, magnitude, SATURATION);
        let log_complement = polynomial(a, t, FAR);
        let minus_t = a.neg(t);
        let log_complement = a.fma(log_complement, t, minus_t);
        let complement = moderate_exp(a, log_complement);
        let one = a.constant(ONE);
        let far = a.sub(one, complement);
        let far = with_sign_of(a, x, far);

        let meeting = a.constant(MEETING);
        let is_near = a.lt(magnitude, meeting);
        a.select(is_near, near, far)
    };
    a.leave(call, result)
}
