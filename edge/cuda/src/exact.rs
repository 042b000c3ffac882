//! The exact products (docs/spec/arithmetic.md §3): their definition in integers, and their kernels.
//!
//! A block's product is an exact integer, so that tensor cores may add it in any order. The definition here is written without
//! floats, from the mathematics; kernels and the processor's path are judged against it.

use crate::backend::{Cuda, blocks, long, word};
use crate::machine::{Argument, Memory};
use crate::{Error, Source};
use samebit_num::fold::BLOCK;
use samebit_num::{Arith, Binary32, CANONICAL_NAN, Soft};
use samebit_ops::product::{Layout, ProductKernel};
use std::borrow::Cow;

/// How many bits a quantised operand has, sign included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Profile {
    /// 8 bits: one product of bytes.
    Exact8,
    /// 14 bits: two digits, three products.
    Exact14,
    /// 21 bits: three digits, six products.
    Exact21,
}

/// Rows that a block of threads quantises.
const QUANTISE_ROWS: u32 = 32;
/// Threads of a block.
const THREADS: u32 = 256;
/// The least exponent of a block.
const EXPONENT_LEAST: i32 = -126;

impl Profile {
    /// Every profile.
    pub const ALL: [Profile; 3] = [Profile::Exact8, Profile::Exact14, Profile::Exact21];

    /// Bits of a quantised operand.
    pub const fn bits(self) -> u32 {
        match self {
            Profile::Exact8 => 8,
            Profile::Exact14 => 14,
            Profile::Exact21 => 21,
        }
    }

    /// Planes of bytes that an operand is packed in: products of bytes for one product.
    pub const fn planes(self) -> usize {
        match self {
            Profile::Exact8 => 1,
            Profile::Exact14 => 3,
            Profile::Exact21 => 6,
        }
    }

    /// Rows and columns of C that a block of threads has.
    const fn tile(self) -> (usize, usize) {
        match self {
            Profile::Exact8 => (128, 128),
            _ => (128, 64),
        }
    }

    /// The kernels.
    pub fn source(self) -> Source {
        let bits = self.bits();
        Source {
            name: format!("exact{bits}"),
            text: Cow::Owned(format!("#define BITS {bits}\n{}", include_str!("../kernels/exact.cu"))),
            kernels: vec![Cow::Borrowed("quantise"), Cow::Borrowed("exact_product")],
            only: None,
        }
    }
}

/// A float's magnitude as significand · 2^exponent; `None` for an infinity or a NaN.
fn parts(word: u32) -> Option<(u64, i32)> {
    let (exponent, fraction) = ((word >> 23 & 0xff) as i32, u64::from(word & 0x7f_ffff));
    match exponent {
        0xff => None,
        0 => Some((fraction, -149)),
        _ => Some((fraction | 1 << 23, exponent - 150)),
    }
}

/// value · 2^shift, rounded to the nearest integer, ties to even.
fn shifted(value: u128, shift: i32) -> u128 {
    if shift >= 0 {
        return value << shift;
    }
    let down = shift.unsigned_abs();
    if down > 127 {
        return 0;
    }
    let (floor, rest, half) = (value >> down, value & ((1 << down) - 1), 1u128 << (down - 1));
    floor + u128::from(rest > half || (rest == half && floor & 1 == 1))
}

/// The exponent and the integers of a block of at most 256 floats; `None` if one is an infinity or a NaN.
pub fn quantise(profile: Profile, block: &[u32]) -> Option<(i32, Vec<i64>)> {
    let parts: Option<Vec<(u64, i32)>> = block.iter().map(|&word| parts(word)).collect();
    let parts = parts?;
    let limit = (1u128 << (profile.bits() - 1)) - 1;
    // |x| ≤ limit · 2^e, both in units of 2^−149.
    let fits = |e: i32| {
        parts.iter().all(|&(significand, exponent)| {
            let (magnitude, bound) = (exponent + 149, e + 149);
            let common = magnitude.min(bound);
            // Beyond 64 places a significand of at least 1 is greater than any limit.
            significand == 0
                || (magnitude - common <= 64
                    && (bound - common > 64
                        || u128::from(significand) << (magnitude - common) <= limit << (bound - common)))
        })
    };
    let exponent = (EXPONENT_LEAST..128).find(|&e| fits(e)).expect("no finite float is beyond 2^128");
    let integer = |(&word, &(significand, at)): (&u32, &(u64, i32))| {
        let magnitude = shifted(u128::from(significand), at - exponent) as i64;
        if word >> 31 == 1 { -magnitude } else { magnitude }
    };
    Some((exponent, block.iter().zip(&parts).map(integer).collect()))
}

/// s · 2^exponent, rounded once to binary32.
pub fn rounded(s: i64, exponent: i32) -> u32 {
    let sign = if s < 0 { 1 << 31 } else { 0 };
    let magnitude = u128::from(s.unsigned_abs());
    if magnitude == 0 {
        return 0;
    }
    let length = 128 - magnitude.leading_zeros() as i32;
    // The last place of the result: 24 bits below the first, but not below 2^−149.
    let place = (exponent + length - 24).max(-149);
    let significand = shifted(magnitude, exponent - place) as u32;
    // A carry into the 25th bit moves into the exponent by itself.
    let bits = i64::from(place + 149) << 23;
    let bits = if place == -149 { i64::from(significand) } else { bits + i64::from(significand) };
    if bits >= 0x7f80_0000 { sign | 0x7f80_0000 } else { sign | bits as u32 }
}

/// The result of one block of an exact product.
fn block_term(a: &Block, b: &Block) -> u32 {
    let (Some((ea, qa)), Some((eb, qb))) = (a, b) else { return CANONICAL_NAN };
    rounded(qa.iter().zip(qb).map(|(a, b)| a * b).sum(), ea + eb)
}

/// A block of a row: its exponent and integers, or none.
type Block = Option<(i32, Vec<i64>)>;

/// c\[m, n\] by the definition, element by element; operands as for `ProductKernel`.
pub fn define(profile: Profile, kernel: &ProductKernel, a: &[u32], b: &[u32], c: &mut [u32]) {
    let rows = |words: &[u32], layout: Layout, count: usize| -> Vec<Vec<Block>> {
        let row = |row: usize| -> Vec<u32> {
            (0..kernel.k)
                .map(|k| words[layout.offset + row * layout.row_stride + k * layout.k_stride])
                .collect()
        };
        (0..count).map(|at| row(at).chunks(BLOCK).map(|block| quantise(profile, block)).collect()).collect()
    };
    let (a, b) = (rows(a, kernel.a, kernel.m), rows(b, kernel.b, kernel.n));
    for (index, word) in c[..kernel.m * kernel.n].iter_mut().enumerate() {
        let mut total = Binary32(if kernel.accumulate { *word } else { 0 });
        for (a, b) in a[index / kernel.n].iter().zip(&b[index % kernel.n]) {
            total = Soft.add(total, Binary32(block_term(a, b)));
        }
        *word = Soft.bits(total);
    }
}

/// A quantised and packed operand.
pub struct Packed {
    planes: Memory,
    exponents: Memory,
    rows: usize,
    k: usize,
    profile: Profile,
}

impl Cuda {
    /// Quantises and packs a matrix of `rows` × `k`; `address` is that of its tensor's first word.
    ///
    /// # Errors
    /// The machine's.
    pub fn quantise(
        &self,
        profile: Profile,
        address: u64,
        layout: Layout,
        rows: usize,
        k: usize,
    ) -> Result<Packed, Error> {
        let k_blocks = k.div_ceil(BLOCK);
        let planes = Memory::new(self.machine(), profile.planes() * rows * k_blocks * BLOCK / 4)?;
        let exponents = Memory::new(self.machine(), rows * k_blocks)?;
        if rows * k > 0 {
            let arguments = [
                Argument::Address(address + 4 * layout.offset as u64),
                long(layout.row_stride),
                long(layout.k_stride),
                long(rows),
                long(k),
                planes.argument(),
                exponents.argument(),
            ];
            let grid = [blocks(rows, QUANTISE_ROWS), blocks(k_blocks, 1), 1];
            self.launch(&profile.source(), "quantise", grid, THREADS, &arguments)?;
        }
        Ok(Packed { planes, exponents, rows, k, profile })
    }

    /// C = A · Bᵀ of packed operands; `c` is the address of \[rows of a, rows of b\].
    ///
    /// # Errors
    /// The machine's.
    ///
    /// # Panics
    /// If the operands' terms or profiles differ.
    pub fn packed_product(&self, a: &Packed, b: &Packed, c: u64, accumulate: bool) -> Result<(), Error> {
        assert_eq!((a.k, a.profile), (b.k, b.profile), "operands of one product");
        let (m, n, k_blocks) = (a.rows, b.rows, a.k.div_ceil(BLOCK));
        if m * n == 0 {
            return Ok(());
        }
        let (tile_m, tile_n) = a.profile.tile();
        let tiles = m.div_ceil(tile_m) * n.div_ceil(tile_n);
        let slices = self.slices(tiles, k_blocks, m * n);
        let slice_blocks = k_blocks.div_ceil(slices);
        let partial = if slices > 1 { Some(Memory::new(self.machine(), k_blocks * m * n)?) } else { None };
        let arguments = [
            a.planes.argument(),
            a.exponents.argument(),
            b.planes.argument(),
            b.exponents.argument(),
            Argument::Address(c),
            word(m),
            word(n),
            word(k_blocks),
            word(usize::from(accumulate)),
            partial.as_ref().map_or(Argument::Address(0), Memory::argument),
            word(slice_blocks),
        ];
        let grid = [blocks(tiles, 1), 1, blocks(k_blocks.div_ceil(slice_blocks.max(1)).max(1), 1)];
        self.launch(&a.profile.source(), "exact_product", grid, THREADS, &arguments)?;
        match partial {
            Some(partial) => self.join(&partial, c, m * n, k_blocks, accumulate),
            None => Ok(()),
        }
    }

    /// The exact product of two tensors, quantised on the way; addresses as for [`Cuda::product`].
    ///
    /// # Errors
    /// The machine's.
    pub fn exact_product(
        &self,
        profile: Profile,
        kernel: &ProductKernel,
        a: u64,
        b: u64,
        c: u64,
    ) -> Result<(), Error> {
        let a = self.quantise(profile, a, kernel.a, kernel.m, kernel.k)?;
        let b = self.quantise(profile, b, kernel.b, kernel.n, kernel.k)?;
        self.packed_product(&a, &b, c, kernel.accumulate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_is_that_of_binary64_to_binary32_where_binary64_is_exact() {
        let mut state = 9u64;
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let s = (state as i64) >> (16 + (state >> 40) % 48);
            let exponent = ((state >> 20) % 507) as i32 - 252;
            let exact = s as f64 * 2f64.powi(exponent);
            assert_eq!(
                rounded(s, exponent),
                (exact as f32).to_bits() & if s == 0 { 0 } else { !0 },
                "{s} · 2^{exponent}"
            );
        }
    }

    #[test]
    fn a_block_takes_the_least_exponent_that_holds_it() {
        for (greatest, exponent) in [
            (127.0f32, 0),
            (127.000_01, 1),
            (1.0, -6),
            (0.0, EXPONENT_LEAST),
            (1e-45, EXPONENT_LEAST),
            (f32::MIN_POSITIVE * 127.0, EXPONENT_LEAST),
            (f32::MIN_POSITIVE * 127.5, EXPONENT_LEAST + 1),
            (f32::MAX, 122),
        ] {
            let (found, integers) = quantise(Profile::Exact8, &[greatest.to_bits(), 0]).unwrap();
            assert_eq!(found, exponent, "{greatest}");
            assert!(
                integers[0] <= 127 && (exponent == EXPONENT_LEAST || integers[0] >= 63),
                "{greatest}: {integers:?}"
            );
        }
        assert_eq!(quantise(Profile::Exact14, &[f32::INFINITY.to_bits()]), None);
        assert_eq!(quantise(Profile::Exact14, &[0x7fc0_0000, 0]), None);
    }

    #[test]
    fn ties_go_to_the_even_integer() {
        let (exponent, integers) =
            quantise(Profile::Exact8, &[100.0f32, 0.5, 1.5, -2.5, 2.500_001].map(f32::to_bits)).unwrap();
        assert_eq!((exponent, integers), (0, vec![100, 0, 2, -2, 3]));
    }
}
