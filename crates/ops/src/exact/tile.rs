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

/// Bits of the low part of a sum of many pieces: high·2^24 + low, both floats without rounding.
const LOW_BITS: u32 = 24;

/// Bits of the low parts of two sums: added, they are still a float without rounding.
const LOW_BITS_OF_TWO: u32 = 23;

/// Most pieces of a block.
const PIECE_LIMIT: usize = 8;

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
        by_rows!(1 2 4 6 8 11 13 14);
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
        let bits = if BYTES { Bits::Eight } else { self.0.format.bits };
        let piece_terms = piece_terms(bits, blocks);
        let ([high, low], low_bits) = if bits == Bits::TwentyOne || piece_terms < BLOCK / 2 {
            let (pieces, count) = if bits == Bits::TwentyOne {
                digits(a, b)
            } else {
                mark(if piece_terms == BLOCK / 4 { "exact: four pieces" } else { "exact: eight pieces" });
                pieces::<D>(a, b, piece_terms)
            };
            (Self::long_sums(dots, &pieces[..count]), LOW_BITS)
        } else {
            let (pieces, count) = pieces::<D>(a, b, piece_terms);
            let start = self.offsets(dots, index);
            let (mut first, mut sums) = (start, start);
            for (i, &(a, b, _)) in pieces[..count].iter().enumerate() {
                if i > 0 {
                    mark("exact: two pieces");
                    first = sums;
                }
                sums = Self::sums(dots, a, b, start);
            }
            if count == 1 && is_in_range {
                self.add_terms(dots, index, is_last, |dots, r, j| dots.machine().from_int(sums[r][j]));
                return;
            }
            let first = if count > 1 { first } else { Self::zeros(dots) };
            (Self::both(dots, first, sums), LOW_BITS_OF_TWO)
        };
        if is_in_range {
            self.add_terms(dots, index, is_last, |dots, r, j| {
                let mut machine = dots.machine();
                let (high, low) = (machine.from_int(high[r][j]), machine.from_int(low[r][j]));
                let unit = machine.splat((1 << low_bits) as f32);
                machine.fma(high, unit, low)
            });
        } else {
            self.add_terms_slowly(dots, index, is_last, (&high, &low, low_bits));
        }
    }

    #[inline(always)]
    fn zeros<D: Dots>(dots: D) -> Sums<D, R> {
        [[dots.machine().iconstant(0); VECTORS]; R]
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

    /// The sum of two: high·2^LOW_BITS_OF_TWO + low, low not negative.
    #[inline(always)]
    fn both<D: Dots>(dots: D, first: Sums<D, R>, second: Sums<D, R>) -> [Sums<D, R>; 2] {
        let mut machine = dots.machine();
        let low_part = machine.iconstant((1 << LOW_BITS_OF_TWO) - 1);
        let [mut high, mut low] = [Self::zeros(dots); 2];
        for r in 0..R {
            for j in 0..VECTORS {
                let parts = [first[r][j], second[r][j]];
                let [a, b] = parts.map(|sum| machine.sar(sum, LOW_BITS_OF_TWO));
                high[r][j] = machine.iadd(a, b);
                let [a, b] = parts.map(|sum| machine.and(sum, low_part));
                low[r][j] = machine.iadd(a, b);
            }
        }
        [high, low]
    }

    /// Pieces added up: high·2^LOW_BITS + low, 0 ≤ low < 2^LOW_BITS.
    #[inline(always)]
    fn long_sums<D: Dots>(dots: D, pieces: &[Piece<'_>]) -> [Sums<D, R>; 2] {
        let mut machine = dots.machine();
        let [mut high, mut low] = [Self::zeros(dots); 2];
        for &(a, b, shift) in pieces {
            let sums = Self::sums(dots, a, b, Self::zeros(dots));
            for r in 0..R {
                for j in 0..VECTORS {
                    let (part, whole) = split(dots, sums[r][j], shift);
                    high[r][j] = machine.iadd(high[r][j], whole);
                    low[r][j] = machine.iadd(low[r][j], part);
                }
            }
        }
        for r in 0..R {
            for j in 0..VECTORS {
                let (part, carry) = split(dots, low[r][j], 0);
                (high[r][j], low[r][j]) = (machine.iadd(high[r][j], carry), part);
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
        (high, low, low_bits): (&Sums<D, R>, &Sums<D, R>, u32),
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
                add_slow_terms(part, starts_over, is_last, scales, (&high_lanes, &low_lanes, low_bits));
            }
        }
    }
}

/// sum·2^shift = whole·2^LOW_BITS + part.
#[inline(always)]
fn split<D: Dots>(dots: D, sum: Integers<D>, shift: u32) -> (Integers<D>, Integers<D>) {
    let mut machine = dots.machine();
    let low_part = machine.iconstant((1 << (LOW_BITS - shift)) - 1);
    let part = machine.and(sum, low_part);
    (machine.shl(part, shift), machine.sar(sum, LOW_BITS - shift))
}

/// A block's words cut into pieces of this many terms.
#[inline(always)]
fn pieces<'w, D: Dots>(a: &'w [u32], b: &'w [u32], terms: usize) -> ([Piece<'w>; PIECE_LIMIT], usize) {
    let mut pieces: [Piece<'_>; PIECE_LIMIT] = [(&[], &[], 0); PIECE_LIMIT];
    if terms == BLOCK {
        pieces[0] = (a, b, 0);
        return (pieces, 1);
    }
    let both = a.chunks(terms / 2 * left_stride::<D>()).zip(b.chunks(terms / 2 * right_stride::<D>()));
    let mut count = 0;
    for (piece, (a, b)) in pieces.iter_mut().zip(both) {
        *piece = (a, b, 0);
        count += 1;
    }
    (pieces, count)
}

/// The products of high and low digits.
#[inline(always)]
fn digits<'w>(a: &'w [u32], b: &'w [u32]) -> ([Piece<'w>; PIECE_LIMIT], usize) {
    mark("exact: digits");
    let [(a_high, a_low), (b_high, b_low)] = [a, b].map(|words| words.split_at(words.len() / 2));
    let mut pieces: [Piece<'_>; PIECE_LIMIT] = [(&[], &[], 0); PIECE_LIMIT];
    pieces[0] = (a_high, b_high, 2 * DIGIT_BITS);
    pieces[1] = (a_high, b_low, DIGIT_BITS);
    pieces[2] = (a_low, b_high, DIGIT_BITS);
    pieces[3] = (a_low, b_low, 0);
    (pieces, 4)
}

/// Terms that are rounded one by one.
#[inline(never)]
fn add_slow_terms(
    totals: &mut [f32],
    starts_over: bool,
    is_last: bool,
    (left, right): (f32, &[f32]),
    (high, low, low_bits): (&[u32; 16], &[u32; 16], u32),
) {
    mark("exact: terms out of range");
    for (lane, total) in totals.iter_mut().enumerate() {
        let sum = (i64::from(high[lane].cast_signed()) << low_bits) + i64::from(low[lane].cast_signed());
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
    if bits != Bits::Fourteen {
        return BLOCK;
    }
    let fits = |&(i, _): &(usize, usize)| f64::from(a.norms[i]) * f64::from(b.norms[i]) < LIMIT;
    let sizes = [BLOCK, BLOCK / 2, BLOCK / 4].into_iter().enumerate();
    // 32 products of 8191² are less than 2^31.
    sizes.into_iter().find(fits).map_or(BLOCK / 8, |(_, terms)| terms)
}
