//! Quantising: scales from the greatest magnitudes, factors to nearest even, packed as it goes.

use std::cell::Cell;
use std::ops::Range;

use samebit_num::Arith;
use samebit_num::fold::{BLOCK, Bits};

use super::packed::{Block, Format, Side};
use crate::product::{Matrix, PackPanel};
use crate::simd::{Aligned, DotKernel, Dots, Integers, NAN_BITS, Vector};

const INFINITY: u32 = 0x7f80_0000;
const ONE: u32 = 0x3f80_0000;
const FRACTION_BITS: u32 = 23;

/// Most lanes of a machine.
const LANES_LIMIT: usize = 16;

/// How much a norm, which is added up in floats, may be too small.
const NORM_SLACK: f32 = 1.001;

/// Σ q² of each row: of the block, of the greater half, of the greatest quarter.
type Norms<D> = [<<D as Dots>::Machine as Arith>::F; 3];

/// Quantises a panel, block by block.
pub(super) struct QuantisePanel<'a, 't> {
    pub format: Format,
    pub matrix: Matrix<'a>,
    pub rows: Range<usize>,
    pub words: &'t mut [u32],
    pub scales: &'t mut [f32],
    pub offsets: &'t mut [u32],
    pub blocks: &'t mut [Block],
}

thread_local! {
    static FACTORS: Cell<Option<Aligned>> = const { Cell::new(None) };
}

impl DotKernel for QuantisePanel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dots>(self, dots: D) {
        let Self { format, matrix, rows, words, scales, offsets, blocks } = self;
        let stride = format.stride();
        assert!(rows.len() <= stride);
        let lanes = <D::Machine as Vector>::LANES;
        let mut memory = FACTORS.take().unwrap_or_default();
        memory.resize(BLOCK * lanes);
        let mut rest = words;
        let per_block = scales.chunks_exact_mut(stride).zip(offsets.chunks_exact_mut(stride)).zip(blocks);
        for (index, ((scales, offsets), block)) in per_block.enumerate() {
            let terms = index * BLOCK..matrix.columns.min((index + 1) * BLOCK);
            let count = terms.len().next_multiple_of(format.word_terms());
            let words =
                rest.split_off_mut(..format.row_words(terms.len()) * stride).expect("room for the block");
            *block = Block::NONE;
            for at in (0..stride).step_by(lanes) {
                // A vector of rows at a time: its floats stay in the first-level cache until they are words.
                let rows = (rows.start + at).min(rows.end)..(rows.start + at + lanes).min(rows.end);
                let (whole, padding) = memory[..count * lanes].split_at_mut(terms.len() * lanes);
                dots.machine().call(PackPanel {
                    matrix,
                    rows,
                    terms: terms.clone(),
                    width: lanes,
                    target: whole,
                });
                padding.fill(0.0);
                let factors = &memory[..count * lanes];
                Rows {
                    format,
                    at,
                    factors,
                    words: &mut *words,
                    scales: &mut *scales,
                    offsets: &mut *offsets,
                }
                .quantise(dots, block);
            }
        }
        FACTORS.set(Some(memory));
    }
}

/// A vector of rows, from `at` on, of a block of a panel: `factors[k·LANES + row]`, as floats.
struct Rows<'t> {
    format: Format,
    at: usize,
    factors: &'t [f32],
    words: &'t mut [u32],
    scales: &'t mut [f32],
    offsets: &'t mut [u32],
}

impl Rows<'_> {
    /// Quantises them, and tells `block` of them.
    #[inline(always)]
    fn quantise<D: Dots>(mut self, dots: D, block: &mut Block) {
        let (machine, lanes) = (dots.machine(), <D::Machine as Vector>::LANES);
        let (mut greatest, mut norms) = ([0u32; LANES_LIMIT], [[0f32; LANES_LIMIT]; 3]);
        let magnitude = self.greatest_magnitude(dots);
        machine.store_bits(&mut greatest, magnitude);
        let inverse = self.scale(dots, magnitude);
        let parts = match (self.format.bits, self.format.side) {
            (Bits::Eight, Side::Left) if self.format.is_bytes() => self.bytes::<D, true>(dots, inverse),
            (Bits::Eight, Side::Right) if self.format.is_bytes() => self.bytes::<D, false>(dots, inverse),
            (Bits::Eight, _) => self.words::<D, false>(dots, inverse),
            (Bits::Fourteen, _) => self.words::<D, true>(dots, inverse),
            (Bits::TwentyOne, _) => self.digits(dots, inverse),
        };
        for (norms, part) in norms.iter_mut().zip(parts) {
            machine.store(norms, part);
        }
        for (row, &scale) in self.scales[self.at..self.at + lanes].iter().enumerate() {
            if (1..INFINITY).contains(&greatest[row]) {
                let exponent = (scale.to_bits() >> FRACTION_BITS).cast_signed() - 127;
                block.least_exponent = block.least_exponent.min(exponent);
                block.greatest_exponent = block.greatest_exponent.max(exponent);
                for (greatest, norms) in block.norms.iter_mut().zip(&norms) {
                    *greatest = greatest.max(NORM_SLACK * norms[row]);
                }
            }
        }
    }

    /// The bits of the greatest magnitude of each row.
    #[inline(always)]
    fn greatest_magnitude<D: Dots>(&self, dots: D) -> Integers<D> {
        let mut machine = dots.machine();
        let mut greatest = machine.iconstant(0);
        let magnitude = machine.iconstant(0x7fff_ffff);
        let bits: &[u32] = bytemuck::cast_slice(self.factors);
        for term in bits.chunks_exact(<D::Machine as Vector>::LANES) {
            let word = machine.load_bits(term);
            let word = machine.and(word, magnitude);
            let less = machine.ilt(greatest, word);
            greatest = machine.iselect(less, word, greatest);
        }
        greatest
    }

    /// Stores the scales, and gives the factors that undo them.
    ///
    /// A row with an infinity or NaN has the scale NaN, which every term of it becomes; its inverse is 0, which makes its factors 0 or
    /// 0x80000000. A row of zeros has the scale 1, which no range of exponents minds.
    #[inline(always)]
    fn scale<D: Dots>(&mut self, dots: D, greatest: Integers<D>) -> <D::Machine as Arith>::F {
        let mut machine = dots.machine();
        let count = self.format.bits.count();
        let above_limit = machine.iconstant((1 << (FRACTION_BITS + 2 - count)) - 1);
        let sum = machine.iadd(greatest, above_limit);
        let biased = machine.shr(sum, FRACTION_BITS);
        // The scale's own exponent field: 1 stands for 2^−126.
        let (one, drop) = (machine.iconstant(1), machine.iconstant(count - 2));
        let least = machine.iconstant(count - 1);
        let is_least = machine.ilt(biased, least);
        let dropped = machine.isub(biased, drop);
        let field = machine.iselect(is_least, one, dropped);
        let both = machine.iconstant(254);
        let inverse_field = machine.isub(both, field);
        let (scale, inverse) = (machine.shl(field, FRACTION_BITS), machine.shl(inverse_field, FRACTION_BITS));
        let (infinity, zero) = (machine.iconstant(INFINITY), machine.iconstant(0));
        let (nan, unit) = (machine.iconstant(NAN_BITS), machine.iconstant(ONE));
        let is_finite = machine.ilt(greatest, infinity);
        let is_zero = machine.ieq(greatest, zero);
        let scale = machine.iselect(is_finite, scale, nan);
        let scale = machine.iselect(is_zero, unit, scale);
        let inverse = machine.iselect(is_finite, inverse, zero);
        let scale = machine.float(scale);
        machine.store(&mut self.scales[self.at..], scale);
        machine.float(inverse)
    }

    /// One row's factor of one term, as an integer.
    #[inline(always)]
    fn factor<D: Dots>(dots: D, term: &[f32], inverse: <D::Machine as Arith>::F) -> Integers<D> {
        let mut machine = dots.machine();
        let x = machine.load(term);
        let scaled = machine.mul(x, inverse);
        machine.to_int(scaled)
    }

    /// Two factors a word; norms if `NORMS`.
    #[inline(always)]
    fn words<D: Dots, const NORMS: bool>(&mut self, dots: D, inverse: <D::Machine as Arith>::F) -> Norms<D> {
        let (mut machine, stride, at) = (dots.machine(), self.format.stride(), self.at);
        let lanes = <D::Machine as Vector>::LANES;
        let mut quarters = [machine.splat(0.0); 4];
        let low_half = machine.iconstant(0xffff);
        let parts = self.words.chunks_mut(BLOCK / 8 * stride).zip(self.factors.chunks(BLOCK / 4 * lanes));
        for ((words, factors), norm) in parts.zip(&mut quarters) {
            for (words, terms) in words.chunks_exact_mut(stride).zip(factors.chunks_exact(2 * lanes)) {
                let first = Self::factor(dots, terms, inverse);
                let second = Self::factor(dots, &terms[lanes..], inverse);
                let (low, high) = (machine.and(first, low_half), machine.shl(second, 16));
                let word = machine.or(low, high);
                machine.store_bits(&mut words[at..], word);
                if NORMS {
                    for factor in [first, second] {
                        let factor = machine.from_int(factor);
                        *norm = machine.fma(factor, factor, *norm);
                    }
                }
            }
        }
        let halves = [machine.add(quarters[0], quarters[1]), machine.add(quarters[2], quarters[3])];
        let pairs = [machine.max(quarters[0], quarters[1]), machine.max(quarters[2], quarters[3])];
        [
            machine.add(halves[0], halves[1]),
            machine.max(halves[0], halves[1]),
            machine.max(pairs[0], pairs[1]),
        ]
    }

    /// The digits of 21 bits: the high ones of the whole block, then the low ones, which are not negative.
    #[inline(always)]
    fn digits<D: Dots>(&mut self, dots: D, inverse: <D::Machine as Arith>::F) -> Norms<D> {
        let (mut machine, stride, at) = (dots.machine(), self.format.stride(), self.at);
        let lanes = <D::Machine as Vector>::LANES;
        let half = self.words.len() / 2;
        let (high, low) = self.words.split_at_mut(half);
        let (low_half, low_digit) = (machine.iconstant(0xffff), machine.iconstant((1 << DIGIT_BITS) - 1));
        let words = high.chunks_exact_mut(stride).zip(low.chunks_exact_mut(stride));
        for ((high, low), terms) in words.zip(self.factors.chunks_exact(2 * lanes)) {
            let first = Self::factor(dots, terms, inverse);
            let second = Self::factor(dots, &terms[lanes..], inverse);
            let (first_high, second_high) = (machine.sar(first, DIGIT_BITS), machine.sar(second, DIGIT_BITS));
            let (first_high, second_high) = (machine.and(first_high, low_half), machine.shl(second_high, 16));
            let (first_low, second_low) = (machine.and(first, low_digit), machine.and(second, low_digit));
            let second_low = machine.shl(second_low, 16);
            let (high_word, low_word) =
                (machine.or(first_high, second_high), machine.or(first_low, second_low));
            machine.store_bits(&mut high[at..], high_word);
            machine.store_bits(&mut low[at..], low_word);
        }
        [machine.splat(0.0); 3]
    }

    /// Four factors a word. The instruction takes one operand as unsigned: B's factors have 128 added, and the sums of A's rows start
    /// with what takes it away.
    #[inline(always)]
    fn bytes<D: Dots, const LEFT: bool>(&mut self, dots: D, inverse: <D::Machine as Arith>::F) -> Norms<D> {
        let (mut machine, stride, at) = (dots.machine(), self.format.stride(), self.at);
        let lanes = <D::Machine as Vector>::LANES;
        let (byte, flipped) = (machine.iconstant(0xff), machine.iconstant(0x8080_8080));
        let mut sum = machine.iconstant(0);
        for (words, terms) in self.words.chunks_exact_mut(stride).zip(self.factors.chunks_exact(4 * lanes)) {
            let mut word = machine.iconstant(0);
            for (position, term) in terms.chunks_exact(lanes).enumerate() {
                let factor = Self::factor(dots, term, inverse);
                if LEFT {
                    sum = machine.iadd(sum, factor);
                }
                let factor = machine.and(factor, byte);
                let factor = machine.shl(factor, 8 * position as u32);
                word = machine.or(word, factor);
            }
            if !LEFT {
                word = machine.xor(word, flipped);
            }
            machine.store_bits(&mut words[at..], word);
        }
        if LEFT {
            let (zero, sum) = (machine.iconstant(0), machine.shl(sum, 7));
            let offset = machine.isub(zero, sum);
            machine.store_bits(&mut self.offsets[at..], offset);
        }
        [machine.splat(0.0); 3]
    }
}

/// Bits of the low digit of a factor of 21 bits.
pub(super) const DIGIT_BITS: u32 = 11;
