//! 1 / √x.

use super::ONE;
use crate::arith::Arith;

/// 1 / √x, both operations correctly rounded; +∞ at +0, −∞ at −0, +0 at +∞, NaN for x < 0.
#[inline(always)]
pub fn rsqrt<A: Arith>(a: &mut A, x: A::F) -> A::F {
    let call = a.enter("rsqrt", x);
    let result = {
        let root = a.sqrt(x);
        let one = a.constant(ONE);
        a.div(one, root)
    };
    a.leave(call, result)
}
