//! The register tile: rows of A by two vectors of rows of B, block by block.

use std::ops::Range;

use samebit_num::Arith;
use samebit_num::fold::{BLOCK, Bits};

use super::packed::{Block, Format, PanelBlocks};
use super::quantise::DIGIT_BITS;
use crate::marks::mark;
use crate::product::tile_rows;
use crate::simd::{DotKernel, Dots, Integers, Vector};

/// Vectors of columns.
const VECTORS: usize = 2;

/// Bits of the low part of a sum that is too long for 32 bits: high·2^24 + low, both floats without rounding.
const LOW_BITS: u32 = 24;

/// One tile of C over some blocks.
pub(super) struct Tile<'t, 'c> {
    /// How A is packed.
    pub format: Format,
    pub a: PanelBlocks<'t>,
    pub b: PanelBlocks<'t>,
    /// Terms of the blocks: only the last may be short.
    pub terms: usize,
    /// Rows of C.
    pub rows: &'t mut [&'c mut [f32]],
    /// Columns of the tile in the rows.
    pub columns: Range<usize>,
    /// Continue the totals that C holds.
    pub continues: bool,
}

impl Tile<'_, '_> {
    /// Computes the tile with the smallest kernel that it fits: rows that A does not have are zeros in its panel.
    #[inline(always)]
    pub fn compute<D: Dots>(self, dots: D) {
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match self.rows.len() {
                    $(rows if rows <= $rows && const { $rows <= tile_rows(D::ISA.base()) } => {
                        if const { D::ISA.has_bytes() } && self.format.is_bytes() {
                            dots.call(Registers::<$rows, true>(self));
                        } else {
                            dots.call(Registers::<$rows, false>(self));
                        }
                    })*
                    rows => unreachable!("a tile of {rows} rows"),
                }
            };
        }
        by_rows!(1 2 4 6 8 10 12 13 14);
    }
}

/// The 32-bit sums of a tile.
type Sums<D, const R: usize> = [[Integers<D>; VECTORS]; R];

/// A tile of up to `R` rows, of factors that are bytes or words.
struct Registers<'t, 'c, const R: usize, const BYTES: bool>(Tile<'t, 'c>);

impl<const R: usize, const BYTES: bool> DotKernel for Registers<'_, '_, R, BYTES> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dots>(mut self, dots: D) {
        let count = self.0.terms.div_ceil(BLOCK);
        let (mut a_start, mut b_start) = (0, 0);
        for index in 0..count {
            let terms = (self.0.terms - index * BLOCK).min(BLOCK);
            let row_words = self.0.format.row_words(terms);
            let (a_end, b_end) =
                (a_start + row_words * left_stride::<D>(), b_start + row_words * right_stride::<D>());
            let words = (&self.0.a.words[a_start..a_end], &self.0.b.words[b_start..b_end]);
            self.block(dots, index, words, index + 1 == count);
            (a_start, b_start) = (a_end, b_end);
        }
    }
}

#[inline(always)]
fn left_stride<D: Dots>() -> usize {
    tile_rows(D::ISA.base()).next_multiple_of(<D::Machine as Vector>::LANES)
}

#[inline(always)]
fn right_stride<D: Dots>() -> usize {
    VECTORS * <D::Machine as Vector>::LANES
}

/// A part of a block: words of both operands, and what its sum is multiplied by, as a power of two.
type Piece<'w> = (&'w [u32], &'w [u32], u32);

impl<const R: usize, const BYTES: bool> Registers<'_, '_, R, BYTES> {
    /// One block into the totals.
    #[inline(always)]
    fn block<D: Dots>(&mut self, dots: D, index: usize, (a, b): (&[u32], &[u32]), is_last: bool) {
        let blocks = (&self.0.a.blocks[index], &self.0.b.blocks[index]);
        let is_in_range = exponents_in_range(blocks);
        let piece_terms = if BYTES { BLOCK } else { piece_terms(self.0.format.bits, blocks) };
        if piece_terms == BLOCK && self.0.format.bits != Bits::TwentyOne {
            let start = self.offsets(dots, index);
            let sums = Self::sums(dots, a, b, start);
            if is_in_range {
                self.add_terms(dots, index, is_last, |dots, r, j| dots.machine().from_int(sums[r][j]));
            } else {
                let zero = dots.machine().iconstant(0);
                self.add_terms_slowly(dots, index, is_last, &[[zero; VECTORS]; R], &sums);
            }
            return;
        }
        let [high, low] = if self.0.format.bits == Bits::TwentyOne {
            mark("exact: digits");
            let [(a_high, a_low), (b_high, b_low)] = [a, b].map(|words| words.split_at(words.len() / 2));
            let middle = DIGIT_BITS;
            let pieces: [Piece<'_>; 4] = [
                (a_high, b_high, 2 * DIGIT_BITS),
                (a_high, b_low, middle),
                (a_low, b_high, middle),
                (a_low, b_low, 0),
            ];
            Self::pieces(dots, pieces.into_iter())
        } else {
            mark(if piece_terms == BLOCK / 2 { "exact: two pieces" } else { "exact: eight pieces" });
            let a = a.chunks(piece_terms / 2 * left_stride::<D>());
            let b = b.chunks(piece_terms / 2 * right_stride::<D>());
            Self::pieces(dots, a.zip(b).map(|(a, b)| (a, b, 0)))
        };
        if is_in_range {
            self.add_terms(dots, index, is_last, |dots, r, j| {
                let mut machine = dots.machine();
                let (high, low) = (machine.from_int(high[r][j]), machine.from_int(low[r][j]));
                let unit = machine.splat((1 << LOW_BITS) as f32);
                machine.fma(high, unit, low)
            });
        } else {
            self.add_terms_slowly(dots, index, is_last, &high, &low);
        }
    }

    /// What the sums start from.
    #[inline(always)]
    fn offsets<D: Dots>(&self, dots: D, index: usize) -> Sums<D, R> {
        let mut machine = dots.machine();
        let mut start = [[machine.iconstant(0); VECTORS]; R];
        if BYTES {
            let offsets = &self.0.a.offsets[index * left_stride::<D>()..];
            for (start, &offset) in start.iter_mut().zip(&offsets[..R]) {
                *start = [machine.iconstant(offset); VECTORS];
            }
        }
        start
    }

    /// The sums of products, modulo 2^32.
    #[inline(always)]
    fn sums<D: Dots>(dots: D, a: &[u32], b: &[u32], start: Sums<D, R>) -> Sums<D, R> {
        let mut machine = dots.machine();
        let mut sums = start;
        for (a, b) in a.chunks_exact(left_stride::<D>()).zip(b.chunks_exact(right_stride::<D>())) {
            let right: [Integers<D>; VECTORS] =
                std::array::from_fn(|j| machine.load_bits(&b[j * <D::Machine as Vector>::LANES..]));
            for (sums, &a) in sums.iter_mut().zip(a) {
                let left = machine.iconstant(a);
                for (sum, &right) in sums.iter_mut().zip(&right) {
                    *sum = if BYTES { dots.bytes(*sum, right, left) } else { dots.words(*sum, right, left) };
                }
            }
        }
        sums
    }

    /// Pieces added up: high·2^24 + low, with 0 ≤ low < 2^24.
    #[inline(always)]
    fn pieces<'w, D: Dots>(dots: D, pieces: impl Iterator<Item = Piece<'w>>) -> [Sums<D, R>; 2] {
        let mut machine = dots.machine();
        let zero = [[machine.iconstant(0); VECTORS]; R];
        let [mut high, mut low] = [zero; 2];
        for (a, b, shift) in pieces {
            let sums = Self::sums(dots, a, b, zero);
            let low_part = machine.iconstant((1 << (LOW_BITS - shift)) - 1);
            for r in 0..R {
                for j in 0..VECTORS {
                    let sum_high = machine.sar(sums[r][j], LOW_BITS - shift);
                    let sum_low = machine.and(sums[r][j], low_part);
                    let sum_low = machine.shl(sum_low, shift);
                    high[r][j] = machine.iadd(high[r][j], sum_high);
                    low[r][j] = machine.iadd(low[r][j], sum_low);
                }
            }
        }
        let low_part = machine.iconstant((1 << LOW_BITS) - 1);
        for r in 0..R {
            for j in 0..VECTORS {
                let carry = machine.shr(low[r][j], LOW_BITS);
                high[r][j] = machine.iadd(high[r][j], carry);
                low[r][j] = machine.and(low[r][j], low_part);
            }
        }
        [high, low]
    }

    /// total = total + S·2^(ea + eb), of S rounded to a float.
    #[inline(always)]
    fn add_terms<D: Dots>(
        &mut self,
        dots: D,
        index: usize,
        is_last: bool,
        rounded: impl Fn(D, usize, usize) -> <D::Machine as Arith>::F,
    ) {
        let mut machine = dots.machine();
        let right = &self.0.b.scales[index * right_stride::<D>()..];
        let right: [_; VECTORS] =
            std::array::from_fn(|j| machine.load(&right[j * <D::Machine as Vector>::LANES..]));
        let left = &self.0.a.scales[index * left_stride::<D>()..][..R];
        for (r, (row, &left)) in self.0.rows.iter_mut().zip(left).enumerate() {
            let left = machine.splat(left);
            for (j, part) in row[self.0.columns.clone()]
                .chunks_mut(<D::Machine as Vector>::LANES)
                .enumerate()
                .take(VECTORS)
            {
                let scale = machine.mul(left, right[j]);
                let total =
                    if index > 0 || self.0.continues { machine.load_part(part) } else { machine.splat(0.0) };
                let total = machine.fma(rounded(dots, r, j), scale, total);
                let total = if is_last { machine.canonical(total) } else { total };
                machine.store_part(part, total);
            }
        }
    }

    /// The same where a term may be subnormal or too great: each is rounded once, by itself.
    #[inline(always)]
    fn add_terms_slowly<D: Dots>(
        &mut self,
        dots: D,
        index: usize,
        is_last: bool,
        high: &Sums<D, R>,
        low: &Sums<D, R>,
    ) {
        let machine = dots.machine();
        let lanes = <D::Machine as Vector>::LANES;
        let scales =
            (&self.0.a.scales[index * left_stride::<D>()..], &self.0.b.scales[index * right_stride::<D>()..]);
        let starts_over = index == 0 && !self.0.continues;
        for (r, row) in self.0.rows.iter_mut().enumerate() {
            for (j, part) in row[self.0.columns.clone()].chunks_mut(lanes).enumerate() {
                let (mut high_lanes, mut low_lanes) = ([0; 16], [0; 16]);
                machine.store_bits(&mut high_lanes, high[r][j]);
                machine.store_bits(&mut low_lanes, low[r][j]);
                let scales = (scales.0[r], &scales.1[j * lanes..]);
                add_slow_terms(part, starts_over, is_last, scales, (&high_lanes, &low_lanes));
            }
        }
    }
}

/// Terms that are rounded one by one.
#[inline(never)]
fn add_slow_terms(
    totals: &mut [f32],
    starts_over: bool,
    is_last: bool,
    (left, right): (f32, &[f32]),
    (high, low): (&[u32; 16], &[u32; 16]),
) {
    mark("exact: terms out of range");
    for (lane, total) in totals.iter_mut().enumerate() {
        let sum = (i64::from(high[lane].cast_signed()) << LOW_BITS) + i64::from(low[lane].cast_signed());
        // At most 48 bits times a power of two between 2^−252 and 2^244: exact, so that the conversion alone rounds.
        let term = (sum as f64 * f64::from(left) * f64::from(right[lane])) as f32;
        let before = if starts_over { 0.0 } else { *total };
        let after = before + term;
        *total = if is_last && after.is_nan() { f32::from_bits(crate::simd::NAN_BITS) } else { after };
    }
}

/// Whether S may be rounded before it is scaled, and the term be added in the same instruction (arithmetic.md §3).
#[inline(always)]
fn exponents_in_range((a, b): (&Block, &Block)) -> bool {
    a.least_exponent + b.least_exponent >= -126 && a.greatest_exponent + b.greatest_exponent <= 80
}

/// Terms of which every sum fits 31 bits: |Σ qa·qb|² ≤ Σ qa² · Σ qb².
#[inline(always)]
fn piece_terms(bits: Bits, (a, b): (&Block, &Block)) -> usize {
    const LIMIT: f64 = (1u64 << 62) as f64;
    if bits != Bits::Fourteen || f64::from(a.norm) * f64::from(b.norm) < LIMIT {
        return BLOCK;
    }
    // 32 products of 8191² are less than 2^31.
    if f64::from(a.half_norm) * f64::from(b.half_norm) < LIMIT { BLOCK / 2 } else { BLOCK / 8 }
}
