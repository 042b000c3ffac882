//! One lane: plain Rust, for any processor.

use samebit_num::Arith;

use super::{Isa, Kernel, NAN_BITS, Vector};

/// The machine of one lane.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scalar;

impl Arith for Scalar {
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
    #[inline(always)]
    #[allow(clippy::disallowed_methods)]
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
        if a.is_nan() || b.is_nan() {
            f32::from_bits(NAN_BITS)
        } else if a.total_cmp(&b).is_gt() {
            a
        } else {
            b
        }
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
    fn iconstant(&mut self, value: u32) -> u32 {
        value
    }
    #[inline(always)]
    fn iadd(&mut self, a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }
    #[inline(always)]
    fn isub(&mut self, a: u32, b: u32) -> u32 {
        a.wrapping_sub(b)
    }
    #[inline(always)]
    fn imul(&mut self, a: u32, b: u32) -> u32 {
        a.wrapping_mul(b)
    }
    #[inline(always)]
    fn imulhi(&mut self, a: u32, b: u32) -> u32 {
        ((u64::from(a) * u64::from(b)) >> 32) as u32
    }
    #[inline(always)]
    fn and(&mut self, a: u32, b: u32) -> u32 {
        a & b
    }
    #[inline(always)]
    fn or(&mut self, a: u32, b: u32) -> u32 {
        a | b
    }
    #[inline(always)]
    fn xor(&mut self, a: u32, b: u32) -> u32 {
        a ^ b
    }
    #[inline(always)]
    fn shl(&mut self, a: u32, by: u32) -> u32 {
        a << by
    }
    #[inline(always)]
    fn shr(&mut self, a: u32, by: u32) -> u32 {
        a >> by
    }
    #[inline(always)]
    fn sar(&mut self, a: u32, by: u32) -> u32 {
        (a as i32 >> by) as u32
    }
    #[inline(always)]
    fn ilt(&mut self, a: u32, b: u32) -> bool {
        a < b
    }
    #[inline(always)]
    fn ieq(&mut self, a: u32, b: u32) -> bool {
        a == b
    }
    #[inline(always)]
    fn iselect(&mut self, mask: bool, b: u32, c: u32) -> u32 {
        if mask { b } else { c }
    }

    #[inline(always)]
    fn bits(&mut self, a: f32) -> u32 {
        samebit_num::canonical(a.to_bits())
    }
    #[inline(always)]
    fn float(&mut self, a: u32) -> f32 {
        f32::from_bits(a)
    }
    #[inline(always)]
    fn from_int(&mut self, a: u32) -> f32 {
        a as i32 as f32
    }
    #[inline(always)]
    fn to_int(&mut self, a: f32) -> u32 {
        if (-2_147_483_648.0..2_147_483_648.0).contains(&a) {
            a.round_ties_even() as i32 as u32
        } else {
            1 << 31
        }
    }
}

impl Vector for Scalar {
    const LANES: usize = 1;
    const ISA: Isa = Isa::Scalar;

    #[inline(always)]
    fn load(self, source: &[f32]) -> f32 {
        source[0]
    }
    #[inline(always)]
    fn load_part(self, source: &[f32]) -> f32 {
        source.first().copied().unwrap_or(0.0)
    }
    #[inline(always)]
    fn store(self, target: &mut [f32], value: f32) {
        target[0] = value;
    }
    #[inline(always)]
    fn store_part(self, target: &mut [f32], value: f32) {
        if let Some(first) = target.first_mut() {
            *first = value;
        }
    }
    #[inline(always)]
    fn load_bits(self, source: &[u32]) -> u32 {
        source[0]
    }
    #[inline(always)]
    fn load_bits_part(self, source: &[u32]) -> u32 {
        source.first().copied().unwrap_or(0)
    }
    #[inline(always)]
    fn store_bits(self, target: &mut [u32], value: u32) {
        target[0] = value;
    }
    #[inline(always)]
    fn store_bits_part(self, target: &mut [u32], value: u32) {
        if let Some(first) = target.first_mut() {
            *first = value;
        }
    }
    #[inline(always)]
    fn canonical(self, value: f32) -> f32 {
        // Through integers: a selection between floats that are both NaN may be optimised away.
        f32::from_bits(samebit_num::canonical(value.to_bits()))
    }
    #[inline(always)]
    fn gather(self, table: &[f32], index: u32) -> f32 {
        table[index as usize]
    }
    #[inline(always)]
    fn lane_numbers(self) -> u32 {
        0
    }
    #[inline(always)]
    fn any(self, mask: bool) -> bool {
        mask
    }
    #[inline(always)]
    fn prefetch(self, _near: &[f32], _ahead: usize) {}
    #[inline(always)]
    fn transpose(
        self,
        source: &[f32],
        _source_stride: usize,
        rows: usize,
        target: &mut [f32],
        _target_stride: usize,
    ) {
        self.store_part(target, if rows == 0 { 0.0 } else { source[0] });
    }
    #[inline]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.run(self)
    }
}
