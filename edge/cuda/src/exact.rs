//! The exact products (docs/spec/arithmetic.md §3): their definition in integers, and their kernels.
//!
//! A block's product is an exact integer, so that tensor cores may add it in any order. The definition here is written without
//! floats, from the mathematics; kernels and the processor's path are judged against it.

use crate::backend::{Cuda, blocks, long, word};
use crate::machine::{Argument, Memory};
use crate::{Error, Source};
use samebit_num::fold::{BLOCK, Bits, quantise};
use samebit_num::{Arith, Binary32, CANONICAL_NAN, Soft};
use samebit_ops::product::{Layout, ProductKernel};
use std::borrow::Cow;

/// Rows that a block of threads quantises.
const QUANTISE_ROWS: u32 = 32;
/// Threads of a block.
const THREADS: u32 = 256;
/// Planes of bytes that an operand is packed in: products of bytes for one product.
pub const fn planes(bits: Bits) -> usize {
    match bits {
        Bits::Eight => 1,
        Bits::Fourteen => 3,
        Bits::TwentyOne => 6,
    }
}

/// Rows and columns of C that a block of threads has.
const fn tile(bits: Bits) -> (usize, usize) {
    match bits {
        Bits::Eight => (128, 128),
        _ => (128, 64),
    }
}

/// The kernels for factors of so many bits.
pub fn source(bits: Bits) -> Source {
    let count = bits.count();
    Source {
        name: format!("exact{count}"),
        text: Cow::Owned(format!("#define BITS {count}\n{}", include_str!("../kernels/exact.cu"))),
        kernels: vec![Cow::Borrowed("quantise"), Cow::Borrowed("exact_product")],
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
fn quantised(bits: Bits, block: &[u32]) -> Block {
    let greatest = block.iter().map(|word| word & 0x7fff_ffff).max().unwrap_or(0);
    let exponent = bits.exponent(greatest)?;
    Some((exponent, block.iter().map(|&word| i64::from(quantise(word, exponent))).collect()))
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

/// c\[m, n\] by the definition; operands as for `ProductKernel`. Each operand is quantised once, not for each element of c: the
/// definition of `samebit_num::fold` with its integers kept.
pub fn define(bits: Bits, kernel: &ProductKernel, a: &[u32], b: &[u32], c: &mut [u32]) {
    let rows = |words: &[u32], layout: Layout, count: usize| -> Vec<Vec<Block>> {
        let row = |row: usize| -> Vec<u32> {
            (0..kernel.k)
                .map(|k| words[layout.offset + row * layout.row_stride + k * layout.k_stride])
                .collect()
        };
        (0..count).map(|at| row(at).chunks(BLOCK).map(|block| quantised(bits, block)).collect()).collect()
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
    bits: Bits,
}

impl Cuda {
    /// Quantises and packs a matrix of `rows` × `k`; `address` is that of its tensor's first word.
    ///
    /// # Errors
    /// The machine's.
    pub fn quantise(
        &self,
        bits: Bits,
        address: u64,
        layout: Layout,
        rows: usize,
        k: usize,
    ) -> Result<Packed, Error> {
        let packed = self.room(bits, rows, k)?;
        self.quantise_into(&packed, address, layout)?;
        Ok(packed)
    }

    /// Room for an operand of `rows` × `k`.
    ///
    /// # Errors
    /// The machine's.
    pub fn room(&self, bits: Bits, rows: usize, k: usize) -> Result<Packed, Error> {
        let k_blocks = k.div_ceil(BLOCK);
        let planes = Memory::new(self.machine(), planes(bits) * rows * k_blocks * BLOCK / 4)?;
        let exponents = Memory::new(self.machine(), rows * k_blocks)?;
        Ok(Packed { planes, exponents, rows, k, bits })
    }

    /// Quantises and packs a matrix into room that is there; as [`Cuda::quantise`].
    ///
    /// # Errors
    /// The machine's.
    pub fn quantise_into(&self, packed: &Packed, address: u64, layout: Layout) -> Result<(), Error> {
        let &Packed { ref planes, ref exponents, rows, k, bits } = packed;
        if rows * k == 0 {
            return Ok(());
        }
        let arguments = [
            Argument::Address(address + 4 * layout.offset as u64),
            long(layout.row_stride),
            long(layout.k_stride),
            long(rows),
            long(k),
            planes.argument(),
            exponents.argument(),
        ];
        let grid = [blocks(rows, QUANTISE_ROWS), blocks(k.div_ceil(BLOCK), 1), 1];
        self.launch(&source(bits), "quantise", grid, THREADS, &arguments)
    }

    /// C = A · Bᵀ of packed operands; `c` is the address of \[rows of a, rows of b\].
    ///
    /// # Errors
    /// The machine's.
    ///
    /// # Panics
    /// If the operands' terms or bits differ.
    pub fn packed_product(&self, a: &Packed, b: &Packed, c: u64, accumulate: bool) -> Result<(), Error> {
        assert_eq!((a.k, a.bits), (b.k, b.bits), "operands of one product");
        let (m, n, k_blocks) = (a.rows, b.rows, a.k.div_ceil(BLOCK));
        if m * n == 0 {
            return Ok(());
        }
        let (tile_m, tile_n) = tile(a.bits);
        let tiles = m.div_ceil(tile_m) * n.div_ceil(tile_n);
        let slices = self.slices(tiles, k_blocks, m * n);
        let slice_blocks = k_blocks.div_ceil(slices);
        let run = |partial: Argument| {
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
                partial,
                word(slice_blocks),
            ];
            let grid = [blocks(tiles, 1), 1, blocks(k_blocks.div_ceil(slice_blocks.max(1)).max(1), 1)];
            self.launch(&source(a.bits), "exact_product", grid, THREADS, &arguments)
        };
        if slices == 1 {
            return run(Argument::Address(0));
        }
        self.with_partial(k_blocks * m * n, |partial| {
            run(partial.argument())?;
            self.join(partial, c, m * n, k_blocks, accumulate)
        })
    }

    /// The exact product of two tensors, quantised on the way; addresses as for [`Cuda::product`].
    ///
    /// # Errors
    /// The machine's.
    pub fn exact_product(
        &self,
        bits: Bits,
        kernel: &ProductKernel,
        a: u64,
        b: u64,
        c: u64,
    ) -> Result<(), Error> {
        let a = self.quantise(bits, a, kernel.a, kernel.m, kernel.k)?;
        let b = self.quantise(bits, b, kernel.b, kernel.n, kernel.k)?;
        self.packed_product(&a, &b, c, kernel.accumulate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Values;
    use samebit_num::fold::exact_product;

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

    /// Integers kept, and the rounding of this module, give what the reference gives element by element.
    #[test]
    fn the_definition_is_that_of_num() {
        for (seed, bits) in (0..12).zip(Bits::ALL.into_iter().cycle()) {
            let mut values = match seed % 3 {
                0 => Values::with_edges(seed, 60),
                _ => Values::scaled((seed * 23) as u32),
            };
            let k = 1 + values.below(600);
            let (a, b) = (values.words(k), values.words(k));
            let layout = Layout { offset: 0, row_stride: k, k_stride: 1 };
            let kernel = ProductKernel { m: 1, n: 1, k, a: layout, b: layout, accumulate: false };
            let mut found = [7];
            define(bits, &kernel, &a, &b, &mut found);
            let factors: Vec<_> = a.iter().zip(&b).map(|(&a, &b)| Some((Binary32(a), Binary32(b)))).collect();
            let expected = exact_product(&mut Soft, bits, &factors);
            assert_eq!(found[0], Soft.bits(expected), "{bits:?}, seed {seed}, {k} terms");
        }
    }
}
