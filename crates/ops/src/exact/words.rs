//! Words: factors of neighbouring places, packed as an instruction takes them.

use samebit_num::Arith;

use crate::simd::{Dots, Integers};

/// Bits of the low digit of a factor of 21 bits.
pub(super) const DIGIT_BITS: u32 = 11;

/// How the factors of a row become words.
pub(super) trait Pack {
    /// Neighbouring factors in a word.
    const TERMS: usize;
    /// Words that a word's terms need.
    const PLANES: usize = 1;
    /// Whether the tile wants to know Σ q² of a row.
    const NORMS: bool = false;
    /// Whether the tile wants to know −128·Σ q of a left row.
    const OFFSETS: bool = false;

    /// A word for each plane, of [`Self::TERMS`] factors.
    fn words<D: Dots>(dots: D, factors: [Integers<D>; 4], left: bool) -> [Integers<D>; 2];
}

/// Two factors in a word.
pub(super) struct Words;

impl Pack for Words {
    const TERMS: usize = 2;

    #[inline(always)]
    fn words<D: Dots>(dots: D, [first, second, ..]: [Integers<D>; 4], _: bool) -> [Integers<D>; 2] {
        let mut machine = dots.machine();
        let low_half = machine.iconstant(0xffff);
        let (low, high) = (machine.and(first, low_half), machine.shl(second, 16));
        [machine.or(low, high); 2]
    }
}

/// The same with norms.
pub(super) struct NormedWords;

impl Pack for NormedWords {
    const TERMS: usize = 2;
    const NORMS: bool = true;

    #[inline(always)]
    fn words<D: Dots>(dots: D, factors: [Integers<D>; 4], left: bool) -> [Integers<D>; 2] {
        Words::words(dots, factors, left)
    }
}

/// Two digits of two factors: the high ones, then the low ones, which are not negative.
pub(super) struct Digits;

impl Pack for Digits {
    const TERMS: usize = 2;
    const PLANES: usize = 2;

    #[inline(always)]
    fn words<D: Dots>(dots: D, [first, second, ..]: [Integers<D>; 4], left: bool) -> [Integers<D>; 2] {
        let mut machine = dots.machine();
        let low_digit = machine.iconstant((1 << DIGIT_BITS) - 1);
        let high = [first, second, first, second].map(|factor| machine.sar(factor, DIGIT_BITS));
        let low = [first, second, first, second].map(|factor| machine.and(factor, low_digit));
        [Words::words(dots, high, left)[0], Words::words(dots, low, left)[0]]
    }
}

/// Four factors in a word. The instruction takes one operand as unsigned: B's factors have 128 added, and the sums of A's rows start
/// with what takes it away.
pub(super) struct Bytes;

impl Pack for Bytes {
    const TERMS: usize = 4;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn words<D: Dots>(dots: D, factors: [Integers<D>; 4], left: bool) -> [Integers<D>; 2] {
        let mut machine = dots.machine();
        let (byte, flipped) = (machine.iconstant(0xff), machine.iconstant(0x8080_8080));
        let mut word = machine.shl(factors[3], 24);
        for (position, &factor) in factors[..3].iter().enumerate() {
            let factor = machine.and(factor, byte);
            let factor = machine.shl(factor, 8 * position as u32);
            word = machine.or(word, factor);
        }
        [if left { word } else { machine.xor(word, flipped) }; 2]
    }
}
