//! Exact products (docs/spec/arithmetic.md §3), in plain integers.
//!
//! ```text
//! e   the least exponent ≥ −126 with max|x| ≤ (2^(B−1) − 1)·2^e, for each operand's block
//! q   x·2^−e, rounded to nearest even
//! S   Σ qa·qb, exact in 64 bits: 256 products of 20 bits each
//! ```
//!
//! No order of the terms can be seen in S, and only the block's term S·2^(ea + eb) is rounded, once.

use super::{BLOCK, product_block};
use crate::CANONICAL_NAN;
use crate::arith::Arith;
use crate::soft;

/// How many bits a quantised factor has, its sign included: the profiles `exact8`, `exact14`, `exact21`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Bits {
    /// 8 bits: the accuracy of bytes with a scale a block.
    Eight,
    /// 14 bits: a little better than f16.
    Fourteen,
    /// 21 bits: nearly f32.
    TwentyOne,
}

/// The least exponent of a scale: 2^126 is the greatest power by which a float can be multiplied to undo it.
pub const LEAST_EXPONENT: i32 = -126;

/// Bits of a binary32's significand that are stored.
const FRACTION_BITS: u32 = 23;
const INFINITY: u32 = 0x7f80_0000;
const SIGN: u32 = 0x8000_0000;

impl Bits {
    /// Every width, the smallest first.
    pub const ALL: [Bits; 3] = [Bits::Eight, Bits::Fourteen, Bits::TwentyOne];

    /// B, the sign included.
    #[must_use]
    pub const fn count(self) -> u32 {
        match self {
            Bits::Eight => 8,
            Bits::Fourteen => 14,
            Bits::TwentyOne => 21,
        }
    }

    /// The greatest magnitude of a quantised factor: 2^(B−1) − 1.
    #[must_use]
    pub const fn limit(self) -> i32 {
        (1 << (self.count() - 1)) - 1
    }

    /// The exponent of a block whose greatest magnitude has the bits `greatest`; `None` if that is an infinity or NaN.
    ///
    /// The limit·2^e has B − 1 leading ones, so that a greater fraction carries into the next exponent.
    #[inline]
    #[must_use]
    pub const fn exponent(self, greatest: u32) -> Option<i32> {
        if greatest & !SIGN >= INFINITY {
            return None;
        }
        let above_limit = (1 << (FRACTION_BITS + 2 - self.count())) - 1;
        let biased = ((greatest & !SIGN) + above_limit) >> FRACTION_BITS;
        let exponent = biased.cast_signed() - 127 - (self.count().cast_signed() - 2);
        Some(if exponent < LEAST_EXPONENT { LEAST_EXPONENT } else { exponent })
    }
}

/// x·2^−e rounded to nearest even, of a finite x with these bits. Fits [`Bits::limit`] if e is the exponent of a block that holds x.
#[must_use]
pub fn quantise(bits: u32, exponent: i32) -> i32 {
    assert!(bits & !SIGN < INFINITY, "{bits:#010x} is no finite number");
    let biased = (bits & INFINITY) >> FRACTION_BITS;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    let significand = u64::from(if biased == 0 { fraction } else { fraction | 1 << FRACTION_BITS });
    // x = ± significand · 2^place.
    let place = biased.max(1).cast_signed() - 150;
    let magnitude = match exponent - place {
        shift @ ..=0 => significand << -shift,
        shift @ 1..=25 => {
            let half = 1 << (shift - 1);
            let kept = significand >> shift;
            let rest = significand & ((1 << shift) - 1);
            kept + u64::from(rest > half || (rest == half && kept & 1 == 1))
        }
        // A significand of 24 bits is less than half of a unit.
        _ => 0,
    };
    let magnitude = i32::try_from(magnitude).expect("the exponent is that of a block that holds the number");
    if bits & SIGN == 0 { magnitude } else { -magnitude }
}

/// The result of one block of an exact product; `None` is a term whose predicate is false.
///
/// A block that a predicate cuts is folded as an ordered product, so that a scale never sees a masked value.
///
/// # Panics
/// If there are more than 256 terms.
pub fn exact_block<A: Arith<U = u32>>(
    a: &mut A,
    bits: Bits,
    factors: impl IntoIterator<Item = Option<(A::F, A::F)>>,
) -> A::F {
    let factors: Vec<_> = factors.into_iter().take(BLOCK + 1).collect();
    assert!(factors.len() <= BLOCK, "a block has at most {BLOCK} terms");
    let Some(whole) = factors.iter().copied().collect::<Option<Vec<_>>>() else {
        return product_block(a, factors);
    };
    let words: Vec<(u32, u32)> = whole.into_iter().map(|(x, y)| (a.bits(x), a.bits(y))).collect();
    a.constant(exact_term(bits, &words))
}

/// The term of a block of at most 256 pairs of floats, all as bits.
fn exact_term(bits: Bits, words: &[(u32, u32)]) -> u32 {
    let exponent = |side: fn(&(u32, u32)) -> u32| {
        let greatest = words.iter().map(|pair| side(pair) & !SIGN).max().unwrap_or(0);
        bits.exponent(greatest)
    };
    let (Some(left), Some(right)) = (exponent(|pair| pair.0), exponent(|pair| pair.1)) else {
        return CANONICAL_NAN;
    };
    let factor = |word, exponent| i64::from(quantise(word, exponent));
    let sum: i64 = words.iter().map(|&(x, y)| factor(x, left) * factor(y, right)).sum();
    soft::rounded(sum < 0, u128::from(sum.unsigned_abs()), left + right)
}

/// The value of a whole exact product over k = 0, 1, …
pub fn exact_product<A: Arith<U = u32>>(a: &mut A, bits: Bits, factors: &[Option<(A::F, A::F)>]) -> A::F {
    super::totals(a, super::Kind::Product, factors, |a, block| exact_block(a, bits, block))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Binary32, Native, Soft};

    /// The least exponent by trying them all, with the limit and the magnitude as integers times 2^−276.
    fn exponent_by_search(bits: Bits, greatest: u32) -> i32 {
        let place = (greatest >> FRACTION_BITS).max(1).cast_signed() - 150;
        let fraction = greatest & 0x7f_ffff;
        let significand =
            u128::from(if greatest >> FRACTION_BITS == 0 { fraction } else { fraction | 1 << 23 });
        (LEAST_EXPONENT..)
            .find(|&exponent| {
                let limit = bits.limit() as u128;
                match exponent - place {
                    shift @ 0..=90 => significand <= limit << shift,
                    shift @ -90..0 => significand << -shift <= limit,
                    shift => shift > 0,
                }
            })
            .expect("a float is less than 2^128")
    }

    #[test]
    fn the_exponent_is_the_least_that_fits() {
        for bits in Bits::ALL {
            assert_eq!(bits.exponent(INFINITY), None);
            assert_eq!(bits.exponent(0xffc0_0000), None);
            for biased in 0..255u32 {
                let ones = (1 << (bits.count() - 2)) - 1;
                let edge = ones << (FRACTION_BITS + 2 - bits.count());
                for fraction in [0, 1, edge - 1, edge, edge + 1, 0x7f_ffff] {
                    let greatest = biased << FRACTION_BITS | fraction;
                    let expected = exponent_by_search(bits, greatest);
                    assert_eq!(bits.exponent(greatest), Some(expected), "{bits:?} {greatest:#010x}");
                    assert!(quantise(greatest, expected) <= bits.limit(), "{bits:?} {greatest:#010x}");
                }
            }
        }
    }

    #[test]
    fn factors_round_to_nearest_even() {
        let quantised = |x: f32| quantise(x.to_bits(), 0);
        assert_eq!([0.5, 1.5, 2.5, -0.5, -1.5, -2.5].map(quantised), [0, 2, 2, 0, -2, -2]);
        assert_eq!([0.500_000_06, -0.50001, 1.499_999_9, 126.5, 127.5].map(quantised), [1, -1, 1, 126, 128]);
        assert_eq!([0.0, -0.0, f32::from_bits(1), 1e-30].map(quantised), [0; 4]);
        assert_eq!(quantise(0x0040_0000, LEAST_EXPONENT), 0, "half of the least scale");
        assert_eq!(quantise(0x0040_0001, LEAST_EXPONENT), 1);
        assert_eq!(quantise(0x8060_0000, LEAST_EXPONENT), -1);
    }

    #[test]
    fn small_integers_are_products_of_integers() {
        let factors: Vec<_> = (0..100).map(|k| Some(((k % 11 - 5) as f32, (k % 7 - 3) as f32))).collect();
        let expected: i32 = (0..100).map(|k| (k % 11 - 5) * (k % 7 - 3)).sum();
        for bits in Bits::ALL {
            // Few bits and one scale: nothing is rounded.
            let value = exact_product(&mut Native, bits, &factors);
            assert_eq!(value, expected as f32, "{bits:?}");
        }
    }

    #[test]
    fn zeros_infinities_and_cut_blocks() {
        for bits in Bits::ALL {
            let block = |pairs: &[(f32, f32)]| {
                exact_block(&mut Native, bits, pairs.iter().map(|&pair| Some(pair))).to_bits()
            };
            assert_eq!(block(&[(-0.0, 3.0), (0.0, -5.0)]), 0);
            assert_eq!(block(&[(-1.0, 0.0)]), 0);
            assert_eq!(block(&[]), 0);
            assert_eq!(block(&[(f32::INFINITY, 0.0)]), CANONICAL_NAN);
            assert_eq!(block(&[(1.0, 1.0), (0.0, f32::NEG_INFINITY)]), CANONICAL_NAN);
            assert_eq!(block(&[(f32::NAN, 1.0)]), CANONICAL_NAN);
            assert_eq!(block(&[(f32::MAX, f32::MAX); 3]), f32::INFINITY.to_bits());
            // The greatest float is rounded up to 2^128: its quantised factor is half of a power of two.
            assert_eq!(block(&[(f32::MAX, f32::MIN_POSITIVE)]), 4f32.to_bits());
            // Terms that a predicate skips do not reach the scale: 0.1 is not rounded to the bits of a factor.
            let cut = [None, Some((0.1, 1.0))];
            assert_eq!(exact_block(&mut Native, bits, cut), 0.1);
            let soft =
                cut.map(|pair| pair.map(|(x, y): (f32, f32)| (Binary32(x.to_bits()), Binary32(y.to_bits()))));
            assert_eq!(exact_block(&mut Soft, bits, soft).0, 0.1f32.to_bits());
        }
    }

    #[test]
    fn one_rounding_into_the_subnormals() {
        // limit · limit · 2^−140, and the limit's square is no power of two: the least places are rounded once.
        for bits in Bits::ALL {
            let x = f32::from_bits(57 << FRACTION_BITS) * bits.limit() as f32;
            let exponent = bits.exponent(x.to_bits()).expect("finite");
            assert_eq!(exponent, -70);
            let square = f64::from(bits.limit()) * f64::from(bits.limit());
            let expected = (square * (-140f64).exp2()) as f32;
            assert_eq!(exact_block(&mut Native, bits, [Some((x, x))]).to_bits(), expected.to_bits());
        }
    }
}
