//! One lane: [`samebit_num::Native`], for any processor.

use samebit_num::{Arith, Native};

use super::{Isa, Kernel, Vector};

/// The machine of one lane.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scalar;

/// Every operation as [`Native`] does it.
macro_rules! as_native {
    ($($name:ident($($operand:ident: $kind:ty),*) -> $result:ty;)*) => {
        $(
            #[inline(always)]
            fn $name(&mut self, $($operand: $kind),*) -> $result {
                Native.$name($($operand),*)
            }
        )*
    };
}

impl Arith for Scalar {
    type F = f32;
    type U = u32;
    type M = bool;

    as_native! {
        constant(bits: u32) -> f32;
        add(a: f32, b: f32) -> f32;
        sub(a: f32, b: f32) -> f32;
        mul(a: f32, b: f32) -> f32;
        fma(a: f32, b: f32, c: f32) -> f32;
        div(a: f32, b: f32) -> f32;
        sqrt(a: f32) -> f32;
        neg(a: f32) -> f32;
        abs(a: f32) -> f32;
        max(a: f32, b: f32) -> f32;
        lt(a: f32, b: f32) -> bool;
        le(a: f32, b: f32) -> bool;
        eq(a: f32, b: f32) -> bool;
        select(mask: bool, b: f32, c: f32) -> f32;
        iconstant(value: u32) -> u32;
        iadd(a: u32, b: u32) -> u32;
        isub(a: u32, b: u32) -> u32;
        imul(a: u32, b: u32) -> u32;
        imulhi(a: u32, b: u32) -> u32;
        and(a: u32, b: u32) -> u32;
        or(a: u32, b: u32) -> u32;
        xor(a: u32, b: u32) -> u32;
        shl(a: u32, by: u32) -> u32;
        shr(a: u32, by: u32) -> u32;
        sar(a: u32, by: u32) -> u32;
        ilt(a: u32, b: u32) -> bool;
        ieq(a: u32, b: u32) -> bool;
        iselect(mask: bool, b: u32, c: u32) -> u32;
        bits(a: f32) -> u32;
        float(a: u32) -> f32;
        from_int(a: u32) -> f32;
        to_int(a: f32) -> u32;
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
    fn greater(self, a: u32, b: u32) -> u32 {
        a.max(b)
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
    fn prefetch_distant(self, _near: &[f32], _ahead: usize) {}
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
