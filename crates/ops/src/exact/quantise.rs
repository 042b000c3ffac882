//! Quantising: scales from the greatest magnitudes, factors to nearest even, packed as it goes.
//!
//! ```text
//! a vector of rows × a block of terms
//!   greatest magnitude of each row → scale, inverse
//!   for each group of terms, a square of LANES × LANES words:
//!     terms that are consecutive in memory     square[row][word]
//!     others, brought into the caches first    square[word][row]
//!   which a left panel takes as square[row][word], a right one as square[word][row]: transposed where it is not what there is
//! ```

use std::cell::Cell;
use std::ops::Range;

use samebit_num::Arith;
use samebit_num::fold::{BLOCK, Bits};

use super::packed::{Block, Format, Side};
use super::words::{Bytes, Digits, NormedWords, Pack, Words};
use crate::product::{Matrix, PackPanel};
use crate::simd::{Aligned, DotKernel, Dots, Integers, NAN_BITS, Vector};

const INFINITY: u32 = 0x7f80_0000;
const ONE: u32 = 0x3f80_0000;
const FRACTION_BITS: u32 = 23;

/// Most lanes of a machine.
const LANES_LIMIT: usize = 16;

/// Words of a square.
const SQUARE: usize = LANES_LIMIT * LANES_LIMIT;

/// Terms whose squares are added up in integers: 32 · 8191² is less than 2^31.
const SUM_TERMS: usize = BLOCK / SUMS;

/// Sums of a row.
const SUMS: usize = 8;

/// How much a norm, which is added up in floats, may be too small.
const NORM_SLACK: f32 = 1.001;

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
    static MEMORY: Cell<Option<Aligned>> = const { Cell::new(None) };
}

impl DotKernel for QuantisePanel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dots>(self, dots: D) {
        match (self.format.bits, self.format.side) {
            (Bits::Eight, Side::Left) if self.format.is_bytes() => self.by_terms::<D, Bytes, true>(dots),
            (Bits::Eight, Side::Right) if self.format.is_bytes() => self.by_terms::<D, Bytes, false>(dots),
            (Bits::Eight, Side::Left) => self.by_terms::<D, Words, true>(dots),
            (Bits::Eight, Side::Right) => self.by_terms::<D, Words, false>(dots),
            (Bits::Fourteen, Side::Left) => self.by_terms::<D, NormedWords, true>(dots),
            (Bits::Fourteen, Side::Right) => self.by_terms::<D, NormedWords, false>(dots),
            (Bits::TwentyOne, Side::Left) => self.by_terms::<D, Digits, true>(dots),
            (Bits::TwentyOne, Side::Right) => self.by_terms::<D, Digits, false>(dots),
        }
    }
}

impl QuantisePanel<'_, '_> {
    #[inline(always)]
    fn by_terms<D: Dots, P: Pack, const LEFT: bool>(self, dots: D) {
        if self.matrix.column_stride == 1 {
            dots.call(Panel::<P, LEFT, true>::new(self));
        } else {
            dots.call(Panel::<P, LEFT, false>::new(self));
        }
    }
}

/// A panel of one side and kind of packing, of an operand whose rows have consecutive terms or not.
struct Panel<'a, 't, P, const LEFT: bool, const CONSECUTIVE: bool> {
    panel: QuantisePanel<'a, 't>,
    pack: std::marker::PhantomData<P>,
}

impl<'a, 't, P, const LEFT: bool, const CONSECUTIVE: bool> Panel<'a, 't, P, LEFT, CONSECUTIVE> {
    fn new(panel: QuantisePanel<'a, 't>) -> Self {
        Self { panel, pack: std::marker::PhantomData }
    }
}

impl<P: Pack, const LEFT: bool, const CONSECUTIVE: bool> DotKernel for Panel<'_, '_, P, LEFT, CONSECUTIVE> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dots>(self, dots: D) {
        let QuantisePanel { format, matrix, rows, words, scales, offsets, blocks } = self.panel;
        let (stride, lanes) = (format.stride(), <D::Machine as Vector>::LANES);
        assert!(rows.len() <= stride);
        let mut memory = MEMORY.take().unwrap_or_default();
        memory.resize(BLOCK * lanes + (SUMS + 2) * SQUARE);
        let mut rest = words;
        let per_block = scales.chunks_exact_mut(stride).zip(offsets.chunks_exact_mut(stride)).zip(blocks);
        for (index, ((scales, offsets), block)) in per_block.enumerate() {
            let terms = index * BLOCK..matrix.columns.min((index + 1) * BLOCK);
            let words = rest.split_off_mut(..format.block_words(terms.len())).expect("room for the block");
            *block = Block::NONE;
            for at in (0..stride).step_by(lanes) {
                let rows = (rows.start + at).min(rows.end)..(rows.start + at + lanes).min(rows.end);
                let (factors, squares) = memory.split_at_mut(BLOCK * lanes);
                let (square, sums) = bytemuck::cast_slice_mut(squares).split_at_mut(2 * SQUARE);
                Rows::<P, LEFT, CONSECUTIVE> {
                    matrix,
                    rows,
                    terms: terms.clone(),
                    stride,
                    at,
                    words: &mut *words,
                    scales: &mut scales[at..at + lanes],
                    offsets: &mut offsets[at..at + lanes],
                    factors,
                    square,
                    sums,
                    pack: std::marker::PhantomData,
                }
                .quantise(dots, format.bits, block);
            }
        }
        MEMORY.set(Some(memory));
    }
}

/// A vector of rows of a block of a panel.
struct Rows<'a, 't, P, const LEFT: bool, const CONSECUTIVE: bool> {
    matrix: Matrix<'a>,
    rows: Range<usize>,
    terms: Range<usize>,
    /// Rows of the panel, and the first of these among them.
    stride: usize,
    at: usize,
    words: &'t mut [u32],
    scales: &'t mut [f32],
    offsets: &'t mut [u32],
    /// `factors[k·LANES + row]`, unless terms are consecutive.
    factors: &'t mut [f32],
    /// A square of words for each plane.
    square: &'t mut [u32],
    /// [`SUMS`] squares, of sums over the groups of [`SUM_TERMS`] terms.
    sums: &'t mut [u32],
    pack: std::marker::PhantomData<P>,
}

impl<P: Pack, const LEFT: bool, const CONSECUTIVE: bool> Rows<'_, '_, P, LEFT, CONSECUTIVE> {
    /// Quantises them, and tells `block` of them.
    #[inline(always)]
    fn quantise<D: Dots>(mut self, dots: D, bits: Bits, block: &mut Block) {
        let machine = dots.machine();
        let (mut greatest, mut inverses, mut norms) =
            ([0u32; LANES_LIMIT], [0f32; LANES_LIMIT], [[0f32; LANES_LIMIT]; 3]);
        if !CONSECUTIVE {
            self.fetch(dots);
        }
        let magnitude = self.greatest_magnitude(dots);
        machine.store_bits(&mut greatest, magnitude);
        let inverse = self.scale(dots, bits, magnitude);
        machine.store(&mut inverses, inverse);
        let group_terms = P::TERMS * <D::Machine as Vector>::LANES;
        for first in (0..self.terms.len()).step_by(group_terms) {
            self.group(dots, first, &inverses);
        }
        if P::NORMS {
            for (norms, part) in norms.iter_mut().zip(self.norms(dots)) {
                machine.store(norms, part);
            }
        }
        if P::OFFSETS && LEFT {
            self.offsets(dots);
        }
        for (row, &scale) in self.scales.iter().enumerate() {
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

    /// Brings the terms into the first-level cache, with zeros up to a whole group.
    #[inline(always)]
    fn fetch<D: Dots>(&mut self, dots: D) {
        let lanes = <D::Machine as Vector>::LANES;
        let count = self.terms.len();
        let all = count.next_multiple_of(P::TERMS * lanes) * lanes;
        let (target, padding) = self.factors[..all].split_at_mut(count * lanes);
        let (rows, terms) = (self.rows.clone(), self.terms.clone());
        dots.machine().call(PackPanel { matrix: self.matrix, rows, terms, width: lanes, target });
        padding.fill(0.0);
    }

    /// The bits of the greatest magnitude of each row.
    #[inline(always)]
    fn greatest_magnitude<D: Dots>(&mut self, dots: D) -> Integers<D> {
        let mut machine = dots.machine();
        let lanes = <D::Machine as Vector>::LANES;
        let magnitude = machine.iconstant(0x7fff_ffff);
        let mut greatest = machine.iconstant(0);
        if !CONSECUTIVE {
            for term in self.factors[..self.terms.len() * lanes].chunks_exact(lanes) {
                let word = machine.load_bits(bytemuck::cast_slice(term));
                let word = machine.and(word, magnitude);
                greatest = machine.greater(greatest, word);
            }
            return greatest;
        }
        for r in 0..self.rows.len() {
            let row = self.row(r);
            let vectors = row.chunks_exact(lanes);
            let rest = machine.load_bits_part(bytemuck::cast_slice(vectors.remainder()));
            let mut greatest = machine.and(rest, magnitude);
            for word in vectors {
                // Of the rows that come next: the processor does not fetch such short pieces ahead by itself.
                machine.prefetch_distant(word, lanes * self.matrix.row_stride);
                let word = machine.load_bits(bytemuck::cast_slice(word));
                let word = machine.and(word, magnitude);
                greatest = machine.greater(greatest, word);
            }
            machine.store_bits(&mut self.square[r * lanes..], greatest);
        }
        let square = transposed(dots, self.square, self.rows.len(), self.sums);
        for part in square.chunks_exact(lanes) {
            let part = machine.load_bits(part);
            greatest = machine.greater(greatest, part);
        }
        greatest
    }

    /// The terms of row `r` of these, where they are consecutive.
    #[inline(always)]
    fn row(&self, r: usize) -> &[f32] {
        &self.matrix.from(self.rows.start + r, self.terms.start)[..self.terms.len()]
    }

    /// Stores the scales, and gives the factors that undo them.
    ///
    /// A row with an infinity or NaN has the scale NaN, which every term of it becomes; its inverse is 0, which makes its factors 0 or
    /// 0x80000000. A row of zeros has the scale 1, which no range of exponents minds.
    #[inline(always)]
    fn scale<D: Dots>(&mut self, dots: D, bits: Bits, greatest: Integers<D>) -> <D::Machine as Arith>::F {
        let mut machine = dots.machine();
        let count = bits.count();
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
        machine.store(self.scales, scale);
        machine.float(inverse)
    }

    /// The group of terms from `first` on, counted from the block's start.
    #[inline(always)]
    fn group<D: Dots>(&mut self, dots: D, first: usize, inverses: &[f32; LANES_LIMIT]) {
        let (mut machine, lanes) = (dots.machine(), <D::Machine as Vector>::LANES);
        let word = first / P::TERMS;
        let (start, step) = if LEFT {
            let row_words = BLOCK / P::TERMS;
            (self.at * row_words + word, row_words)
        } else {
            (word * self.stride + self.at, self.stride)
        };
        let plane_words = self.words.len() / P::PLANES;
        let is_whole = first + P::TERMS * lanes <= self.terms.len();
        let vector = machine.load(inverses);
        let count = if CONSECUTIVE { self.rows.len() } else { lanes };
        for (i, &own) in inverses.iter().enumerate().take(count) {
            let inverse = if CONSECUTIVE { machine.splat(own) } else { vector };
            let mut factors = [machine.iconstant(0); 4];
            for (position, factor) in factors.iter_mut().enumerate().take(P::TERMS) {
                let term = first + position * lanes;
                let x = if !CONSECUTIVE {
                    machine.load(&self.factors[(term + i) * lanes..])
                } else if is_whole {
                    machine.load(&self.row(i)[term..])
                } else {
                    machine.load_part(self.row(i).get(term..).unwrap_or(&[]))
                };
                let scaled = machine.mul(x, inverse);
                *factor = machine.to_int(scaled);
            }
            let words = P::words(dots, factors, LEFT);
            for (plane, &word) in words.iter().enumerate().take(P::PLANES) {
                if CONSECUTIVE == LEFT {
                    machine.store_bits(&mut self.words[plane * plane_words + start + i * step..], word);
                } else {
                    machine.store_bits(&mut self.square[plane * SQUARE + i * lanes..], word);
                }
            }
            self.add_to_sums(dots, first, i, (factors, words[0]));
        }
        if CONSECUTIVE != LEFT {
            for plane in 0..P::PLANES {
                let source = bytemuck::cast_slice(&self.square[plane * SQUARE..][..lanes * lanes]);
                let target = bytemuck::cast_slice_mut(&mut self.words[plane * plane_words + start..]);
                machine.transpose(source, lanes, count, target, step);
            }
        }
    }

    /// What a tile wants to know of the rows.
    #[inline(always)]
    fn add_to_sums<D: Dots>(
        &mut self,
        dots: D,
        first: usize,
        i: usize,
        (factors, word): ([Integers<D>; 4], Integers<D>),
    ) {
        let (mut machine, lanes) = (dots.machine(), <D::Machine as Vector>::LANES);
        if P::NORMS {
            let sums = &mut self.sums[first / SUM_TERMS * SQUARE + i * lanes..];
            let opens = first.is_multiple_of(SUM_TERMS);
            let sum = if opens { machine.iconstant(0) } else { machine.load_bits(sums) };
            machine.store_bits(sums, dots.words(sum, word, word));
        }
        if P::OFFSETS && LEFT {
            let sums = &mut self.sums[i * lanes..];
            let mut sum = if first == 0 { machine.iconstant(0) } else { machine.load_bits(sums) };
            for factor in factors {
                sum = machine.iadd(sum, factor);
            }
            machine.store_bits(sums, sum);
        }
    }

    /// Σ q² of each row: of the block, of the greater half, of the greatest quarter.
    #[inline(always)]
    fn norms<D: Dots>(&mut self, dots: D) -> [<D::Machine as Arith>::F; 3] {
        const PER_QUARTER: usize = SUMS / 4;
        let (mut machine, lanes) = (dots.machine(), <D::Machine as Vector>::LANES);
        let count = if CONSECUTIVE { self.rows.len() } else { lanes };
        let used = self.terms.len().div_ceil(SUM_TERMS);
        let mut quarters = [machine.splat(0.0); 4];
        for (index, quarter) in quarters.iter_mut().enumerate() {
            let first = index * PER_QUARTER;
            for i in 0..if first < used { count } else { 0 } {
                let mut sum = machine.splat(0.0);
                for part in first..used.min(first + PER_QUARTER) {
                    let part = machine.load_bits(&self.sums[part * SQUARE + i * lanes..]);
                    let part = machine.from_int(part);
                    sum = machine.add(sum, part);
                }
                if CONSECUTIVE {
                    machine.store(bytemuck::cast_slice_mut(&mut self.square[i * lanes..]), sum);
                } else {
                    *quarter = machine.add(*quarter, sum);
                }
            }
            if CONSECUTIVE && first < used {
                // The quarter's own sums are read already.
                let sums = transposed(dots, self.square, count, &mut self.sums[first * SQUARE..]);
                for part in sums.chunks_exact(lanes) {
                    let part = machine.load(bytemuck::cast_slice(part));
                    *quarter = machine.add(*quarter, part);
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

    /// −128·Σ q of each row.
    #[inline(always)]
    fn offsets<D: Dots>(&mut self, dots: D) {
        let (mut machine, lanes) = (dots.machine(), <D::Machine as Vector>::LANES);
        let sums = if CONSECUTIVE {
            transposed(dots, self.sums, self.rows.len(), self.square)
        } else {
            &self.sums[..lanes * lanes]
        };
        let mut sum = machine.iconstant(0);
        for part in sums.chunks_exact(lanes) {
            let part = machine.load_bits(part);
            sum = machine.iadd(sum, part);
        }
        let (zero, sum) = (machine.iconstant(0), machine.shl(sum, 7));
        let offset = machine.isub(zero, sum);
        machine.store_bits(self.offsets, offset);
    }
}

/// The transpose of a square of which only the first `rows` rows are there, the others being zeros.
#[inline(always)]
fn transposed<'t, D: Dots>(dots: D, square: &[u32], rows: usize, target: &'t mut [u32]) -> &'t [u32] {
    let lanes = <D::Machine as Vector>::LANES;
    let target = &mut target[..lanes * lanes];
    let source = bytemuck::cast_slice(&square[..lanes * lanes]);
    dots.machine().transpose(source, lanes, rows, bytemuck::cast_slice_mut(target), lanes);
    target
}
