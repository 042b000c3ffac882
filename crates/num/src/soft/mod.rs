//! The reference machine: binary32 in integers only. Where anything else differs from it, the other one is wrong.
//!
//! Promise: no floating-point instruction, no intrinsics, no state. Every operation has the same three parts:
//!
//! ```text
//! bits --unpack--> NaN | ±∞ | ± significand · 2^exponent --exact--> ± significand · 2^exponent --round_pack--> bits
//! ```
//!
//! The middle part is exact, or exact up to a sticky bit far below the last place, so that only `round_pack` rounds, once.

mod convert;
mod exact;
mod number;
mod ops;

use crate::arith::Arith;
use crate::word::word_operations;

/// ± significand · 2^exponent as the bits of the nearest binary32, ties to even.
pub(crate) fn rounded(negative: bool, significand: u128, exponent: i32) -> u32 {
    let negative = negative && significand != 0;
    exact::round_pack(exact::Exact { negative, significand, exponent })
}

/// The bits of a binary32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Binary32(pub u32);

/// Binary32 in integers only; every NaN that it makes is 0x7fc00000.
#[derive(Clone, Copy, Debug, Default)]
pub struct Soft;

impl Arith for Soft {
    type F = Binary32;
    type U = u32;
    type M = bool;

    fn constant(&mut self, bits: u32) -> Binary32 {
        Binary32(bits)
    }
    fn add(&mut self, a: Binary32, b: Binary32) -> Binary32 {
        Binary32(ops::add(a.0, b.0))
    }
    fn sub(&mut self, a: Binary32, b: Binary32) -> Binary32 {
        Binary32(ops::add(a.0, number::negate(b.0)))
    }
    fn mul(&mut self, a: Binary32, b: Binary32) -> Binary32 {
        Binary32(ops::mul(a.0, b.0))
    }
    fn fma(&mut self, a: Binary32, b: Binary32, c: Binary32) -> Binary32 {
        Binary32(ops::fma(a.0, b.0, c.0))
    }
    fn div(&mut self, a: Binary32, b: Binary32) -> Binary32 {
        Binary32(ops::div(a.0, b.0))
    }
    fn sqrt(&mut self, a: Binary32) -> Binary32 {
        Binary32(ops::sqrt(a.0))
    }
    fn neg(&mut self, a: Binary32) -> Binary32 {
        Binary32(crate::canonical(number::negate(a.0)))
    }
    fn abs(&mut self, a: Binary32) -> Binary32 {
        Binary32(crate::canonical(a.0 & !number::SIGN))
    }
    fn max(&mut self, a: Binary32, b: Binary32) -> Binary32 {
        let (a, b) = (crate::canonical(a.0), crate::canonical(b.0));
        Binary32(if number::rank(a) < number::rank(b) { b } else { a })
    }
    fn lt(&mut self, a: Binary32, b: Binary32) -> bool {
        ops::compare(a.0, b.0).is_some_and(std::cmp::Ordering::is_lt)
    }
    fn le(&mut self, a: Binary32, b: Binary32) -> bool {
        ops::compare(a.0, b.0).is_some_and(std::cmp::Ordering::is_le)
    }
    fn eq(&mut self, a: Binary32, b: Binary32) -> bool {
        ops::compare(a.0, b.0).is_some_and(std::cmp::Ordering::is_eq)
    }
    fn select(&mut self, mask: bool, b: Binary32, c: Binary32) -> Binary32 {
        if mask { b } else { c }
    }
    fn bits(&mut self, a: Binary32) -> u32 {
        crate::canonical(a.0)
    }
    fn float(&mut self, a: u32) -> Binary32 {
        Binary32(a)
    }
    fn from_int(&mut self, a: u32) -> Binary32 {
        Binary32(convert::from_int(a.cast_signed()))
    }
    fn to_int(&mut self, a: Binary32) -> u32 {
        convert::to_int(a.0).cast_unsigned()
    }

    word_operations!();
}
