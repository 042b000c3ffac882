//! 1 / √x.

use super::ONE;
use crate::arith::Arith;

/// 1 / √x, both operations correctly rounded; +∞ at +0, −∞ at −0, +0 at +∞, NaN for x < 0.
#[inline(always)]
pub fn rsqrt<A: Arith>(a: &mut A, x: A::F) -> A::F {
    a.function("rsqrt", x, |a, x| {
        let root = a.sqrt(x);
        let one = a.constant(ONE);
        a.div(one, root)
    })
}
