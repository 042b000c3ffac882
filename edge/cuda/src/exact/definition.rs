//! The definition of the exact product in integers, without floats: kernels are judged against it.

use samebit_num::fold::{BLOCK, Bits, quantise};
use samebit_num::{Arith, Binary32, CANONICAL_NAN, Soft};
use samebit_ops::product::{Layout, ProductKernel};
use std::num::NonZero;

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
    let element = |a: &[Block], b: &[Block], word: &mut u32| {
        let mut total = Binary32(if kernel.accumulate { *word } else { 0 });
        for (a, b) in a.iter().zip(b) {
            total = Soft.add(total, Binary32(block_term(a, b)));
        }
        *word = Soft.bits(total);
    };
    let c = &mut c[..kernel.m * kernel.n];
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let (n, share) = (kernel.n.max(1), kernel.m.div_ceil(threads).max(1));
    std::thread::scope(|scope| {
        for (a, c) in a.chunks(share).zip(c.chunks_mut(share * n)) {
            let (b, element) = (&b, &element);
            scope.spawn(move || {
                for (a, c) in a.iter().zip(c.chunks_mut(n)) {
                    c.iter_mut().zip(b).for_each(|(word, b)| element(a, b, word));
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Values;
    use samebit_num::fold::{Numerics, exact_product};

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
            let kernel = ProductKernel {
                numerics: Numerics::Exact(bits),
                m: 1,
                n: 1,
                k,
                a: layout,
                b: layout,
                accumulate: false,
            };
            let mut found = [7];
            define(bits, &kernel, &a, &b, &mut found);
            let factors: Vec<_> = a.iter().zip(&b).map(|(&a, &b)| Some((Binary32(a), Binary32(b)))).collect();
            let expected = exact_product(&mut Soft, bits, &factors);
            assert_eq!(found[0], Soft.bits(expected), "{bits:?}, seed {seed}, {k} terms");
        }
    }
}
