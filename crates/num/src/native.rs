//! The machine that uses the processor's own binary32, one value at a time.
//!
//! Safe because IEEE 754 fixes the result of +, −, ·, /, √ and fused multiply-add, and Rust neither contracts nor reorders
//! them. What IEEE 754 leaves open (NaN bits, `max`, conversions out of range) is written out here.

use crate::arith::Arith;
use crate::word::word_operations;

/// The processor's binary32.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

/// The sign bit.
const SIGN: u32 = 0x8000_0000;

/// Rises with the value in the total order −∞ < … < −0 < +0 < … < +∞ < NaN, as a signed integer.
#[inline(always)]
fn rank(a: f32) -> i32 {
    let bits = crate::canonical(a.to_bits());
    if bits & SIGN == 0 { bits.cast_signed() } else { !(bits & !SIGN).cast_signed() }
}

impl Arith for Native {
    type F = f32;
    type U = u32;
    type M = bool;

    #[inline(always)]
    fn constant(&mut self, bits: u32) -> f32 {
        f32::from_bits(bits)
    }
    #[inline(always)]
    fn add(&mut self, a: f32, b: f32) -> f32 {
        a + b
    }
    #[inline(always)]
    fn sub(&mut self, a: f32, b: f32) -> f32 {
        a - b
    }
    #[inline(always)]
    fn mul(&mut self, a: f32, b: f32) -> f32 {
        a * b
    }
    /// Fused on every processor: without the instruction, the library's exact routine is called.
    #[inline(always)]
    #[expect(clippy::disallowed_methods, reason = "the one place; IEEE 754 fixes its result")]
    fn fma(&mut self, a: f32, b: f32, c: f32) -> f32 {
        a.mul_add(b, c)
    }
    #[inline(always)]
    fn div(&mut self, a: f32, b: f32) -> f32 {
        a / b
    }
    #[inline(always)]
    fn sqrt(&mut self, a: f32) -> f32 {
        a.sqrt()
    }
    #[inline(always)]
    fn neg(&mut self, a: f32) -> f32 {
        -a
    }
    #[inline(always)]
    fn abs(&mut self, a: f32) -> f32 {
        a.abs()
    }
    #[inline(always)]
    fn max(&mut self, a: f32, b: f32) -> f32 {
        if rank(a) < rank(b) { b } else { a }
    }
    #[inline(always)]
    fn lt(&mut self, a: f32, b: f32) -> bool {
        a < b
    }
    #[inline(always)]
    fn le(&mut self, a: f32, b: f32) -> bool {
        a <= b
    }
    #[inline(always)]
    fn eq(&mut self, a: f32, b: f32) -> bool {
        a == b
    }
    #[inline(always)]
    fn select(&mut self, mask: bool, b: f32, c: f32) -> f32 {
        if mask { b } else { c }
    }
    #[inline(always)]
    fn bits(&mut self, a: f32) -> u32 {
        crate::canonical(a.to_bits())
    }
    #[inline(always)]
    fn float(&mut self, a: u32) -> f32 {
        f32::from_bits(a)
    }
    #[inline(always)]
    fn from_int(&mut self, a: u32) -> f32 {
        a.cast_signed() as f32
    }
    #[inline(always)]
    fn to_int(&mut self, a: f32) -> u32 {
        if (-2_147_483_648.0..2_147_483_648.0).contains(&a) {
            (a.round_ties_even() as i32).cast_unsigned()
        } else {
            SIGN
        }
    }

    word_operations!();
}
