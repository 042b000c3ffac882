//! The register tile: rows of A by two vectors of rows of B, block by block.

use std::ops::Range;

use samebit_num::Arith;
use samebit_num::fold::{BLOCK, Bits};

use super::packed::{Block, Format, PanelBlocks};
use super::words::DIGIT_BITS;
use crate::marks::mark;
use crate::product::tile_rows;
use crate::simd::{DotKernel, Dots, Integers, Vector};

/// Vectors of columns.
const VECTORS: usize = 2;

/// Bits of the low part of a sum of many pieces: high·2^24 + low, both floats without rounding.
const LOW_BITS: u32 = 24;

/// Bits of the low parts of two sums: added, they are still a float without rounding.
const LOW_BITS_OF_TWO: u32 = 23;

/// Sums of less than this many bits, sign not counted, are small: those of half a block usually are, as their terms have either sign.
const SMALL_BITS: u32 = 29;

/// How many words ahead a tile asks for B. The processor fetches ahead by itself, but too late for what passes by this fast.
const AHEAD_WORDS: usize = 12;

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
    /// Computes the tile with the smallest kernel that it fits: what rows that A does not have yield is not written.
    #[inline(always)]
    pub fn compute<D: Dots>(self, dots: D) {
        macro_rules! by_rows {
            ($($rows:literal)*) => {
                match self.rows.len() {
                    $(rows if rows <= $rows && const { $rows <= tile_rows(D::ISA.base()) } => {
                        if const { D::ISA.has_bytes() } && self.format.is_bytes() {
                            dots.call(Registers::<$rows, BYTE_WORDS>(self));
                        } else {
                            dots.call(Registers::<$rows, { BLOCK / 2 }>(self));
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

/// Words of a row of A for a block of factors that are bytes.
const BYTE_WORDS: usize = BLOCK / 4;

/// A tile of up to `R` rows, for each of which a block of A has `W` words.
struct Registers<'t, 'c, const R: usize, const W: usize>(Tile<'t, 'c>);

impl<const R: usize, const W: usize> DotKernel for Registers<'_, '_, R, W> {
    type Output = ();

    #[inline(always)]
    fn run<D: Dots>(mut self, dots: D) {
        let count = self.0.terms.div_ceil(BLOCK);
        if self.0.continues || count > 1 {
            self.prefetch(dots);
        }
        let planes = self.0.format.planes();
        let (mut a, mut b) = (self.0.a.words, self.0.b.words);
        for index in 0..count {
            let terms = (self.0.terms - index * BLOCK).min(BLOCK);
            let words = self.0.format.row_words(terms);
            let block_a = a.split_off(..planes * W * left_stride::<D>()).expect("a block of A");
            let block_b = b.split_off(..planes * words * right_stride::<D>()).expect("a block of B");
            self.block(dots, index, Words { a: block_a, b: block_b }, words, index + 1 == count);
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

/// Words of both operands, each from the start of a plane on.
#[derive(Clone, Copy)]
struct Words<'w> {
    a: &'w [u32],
    b: &'w [u32],
}

/// Words for half of a block's terms, where there are two factors in each.
const HALF: usize = BLOCK / 4;

impl<const R: usize, const W: usize> Registers<'_, '_, R, W> {
    /// Factors are bytes.
    const BYTES: bool = W == BYTE_WORDS;

    /// One block, of `count` words for a row and plane, into the totals.
    #[inline(always)]
    fn block<D: Dots>(&mut self, dots: D, index: usize, words: Words<'_>, count: usize, is_last: bool) {
        let blocks = (&self.0.a.blocks[index], &self.0.b.blocks[index]);
        let is_in_range = exponents_in_range(blocks);
        let bits = if Self::BYTES { Bits::Eight } else { self.0.format.bits };
        let terms = piece_terms(bits, blocks);
        if bits == Bits::TwentyOne {
            let sums = Self::digits(dots, words, count);
            self.add_long(dots, index, is_last, is_in_range, &sums);
        } else if terms == BLOCK {
            let sums = Self::sums(dots, words, 0..count, self.offsets(dots, index));
            if is_in_range {
                self.add_terms(dots, index, is_last, |dots, r, j| dots.machine().from_int(sums[r][j]));
            } else {
                let sums = Self::long(dots, &sums);
                self.add_long(dots, index, is_last, is_in_range, &sums);
            }
        } else if terms == BLOCK / 2 && is_in_range {
            let half = count.min(HALF);
            let first = Self::sums(dots, words, 0..half, Self::zeros(dots));
            if leaves_room(blocks) && Self::is_small(dots, &first) {
                mark("exact: a half that leaves room");
                let sums = Self::sums(dots, words, half..count, first);
                self.add_terms(dots, index, is_last, |dots, r, j| dots.machine().from_int(sums[r][j]));
            } else {
                mark("exact: two pieces");
                let second = Self::sums(dots, words, half..count, Self::zeros(dots));
                self.add_terms(dots, index, is_last, |dots, r, j| both(dots, first[r][j], second[r][j]));
            }
        } else {
            match BLOCK / terms {
                2 => mark("exact: two pieces"),
                4 => mark("exact: four pieces"),
                _ => mark("exact: eight pieces"),
            }
            let sums = Self::pieces(dots, words, count, terms / 2);
            self.add_long(dots, index, is_last, is_in_range, &sums);
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
        if Self::BYTES {
            let offsets = &self.0.a.offsets[index * left_stride::<D>()..];
            for (start, &offset) in start.iter_mut().zip(&offsets[..R]) {
                *start = [machine.iconstant(offset); VECTORS];
            }
        }
        start
    }

    /// The sums of products, modulo 2^32.
    #[inline(always)]
    fn sums<D: Dots>(dots: D, words: Words<'_>, part: Range<usize>, start: Sums<D, R>) -> Sums<D, R> {
        let (mut machine, lanes) = (dots.machine(), <D::Machine as Vector>::LANES);
        let mut sums = start;
        let (rows, _) = words.a.as_chunks::<W>();
        let rows: &[[u32; W]; R] = rows.first_chunk().expect("a row for each of the tile");
        let right = &words.b[part.start * right_stride::<D>()..part.end * right_stride::<D>()];
        for (b, word) in right.chunks_exact(right_stride::<D>()).zip(part) {
            assert!(word < W);
            let mut right = [machine.iconstant(0); VECTORS];
            for (j, right) in right.iter_mut().enumerate() {
                machine.prefetch(bytemuck::cast_slice(b), (AHEAD_WORDS * VECTORS + j) * lanes);
                *right = machine.load_bits(&b[j * lanes..]);
            }
            for (sums, a) in sums.iter_mut().zip(rows) {
                let left = machine.iconstant(a[word]);
                for (sum, &right) in sums.iter_mut().zip(&right) {
                    *sum = if Self::BYTES {
                        dots.bytes(*sum, right, left)
                    } else {
                        dots.words(*sum, right, left)
                    };
                }
            }
        }
        sums
    }

    /// Asks for the tile's part of C, which is read after a block.
    #[inline(always)]
    fn prefetch<D: Dots>(&self, dots: D) {
        for row in self.0.rows.iter() {
            for j in 0..VECTORS {
                dots.machine().prefetch(row, self.0.columns.start + j * <D::Machine as Vector>::LANES);
            }
        }
    }

    /// Whether all sums are less than 2^SMALL_BITS, whatever their sign.
    #[inline(always)]
    fn is_small<D: Dots>(dots: D, sums: &Sums<D, R>) -> bool {
        let mut machine = dots.machine();
        let mut all = machine.iconstant(0);
        for sum in sums.as_flattened() {
            let sign = machine.sar(*sum, 31);
            let magnitude = machine.xor(*sum, sign);
            all = machine.or(all, magnitude);
        }
        let limit = machine.iconstant((1 << SMALL_BITS) - 1);
        let is_greater = machine.ilt(limit, all);
        !machine.any(is_greater)
    }

    /// Sums as high·2^LOW_BITS + low, 0 ≤ low < 2^LOW_BITS.
    #[inline(always)]
    fn long<D: Dots>(dots: D, sums: &Sums<D, R>) -> [Sums<D, R>; 2] {
        let mut all = [Self::zeros(dots); 2];
        Self::add_shifted(dots, &mut all, sums, 0);
        all
    }

    /// The sums of a block by pieces of this many words.
    #[inline(always)]
    fn pieces<D: Dots>(dots: D, words: Words<'_>, count: usize, piece: usize) -> [Sums<D, R>; 2] {
        let mut all = [Self::zeros(dots); 2];
        for start in (0..count).step_by(piece) {
            let sums = Self::sums(dots, words, start..count.min(start + piece), Self::zeros(dots));
            Self::add_shifted(dots, &mut all, &sums, 0);
        }
        Self::carry(dots, all)
    }

    /// The sums of the products of high and low digits.
    #[inline(always)]
    fn digits<D: Dots>(dots: D, words: Words<'_>, count: usize) -> [Sums<D, R>; 2] {
        mark("exact: digits");
        let mut all = [Self::zeros(dots); 2];
        let [(a_high, a_low), (b_high, b_low)] =
            [words.a, words.b].map(|words| words.split_at(words.len() / 2));
        for (a, b, shift) in [
            (a_high, b_high, 2 * DIGIT_BITS),
            (a_high, b_low, DIGIT_BITS),
            (a_low, b_high, DIGIT_BITS),
            (a_low, b_low, 0),
        ] {
            let sums = Self::sums(dots, Words { a, b }, 0..count, Self::zeros(dots));
            Self::add_shifted(dots, &mut all, &sums, shift);
        }
        Self::carry(dots, all)
    }

    /// high·2^LOW_BITS + low, and sums·2^shift beside it.
    #[inline(always)]
    fn add_shifted<D: Dots>(dots: D, [high, low]: &mut [Sums<D, R>; 2], sums: &Sums<D, R>, shift: u32) {
        let mut machine = dots.machine();
        for r in 0..R {
            for j in 0..VECTORS {
                let (part, whole) = split(dots, sums[r][j], shift);
                high[r][j] = machine.iadd(high[r][j], whole);
                low[r][j] = machine.iadd(low[r][j], part);
            }
        }
    }

    /// The same value with 0 ≤ low < 2^LOW_BITS.
    #[inline(always)]
    fn carry<D: Dots>(dots: D, [mut high, mut low]: [Sums<D, R>; 2]) -> [Sums<D, R>; 2] {
        let mut machine = dots.machine();
        for r in 0..R {
            for j in 0..VECTORS {
                let (part, carry) = split(dots, low[r][j], 0);
                (high[r][j], low[r][j]) = (machine.iadd(high[r][j], carry), part);
            }
        }
        [high, low]
    }

    /// total = total + S·2^(ea + eb), of S = high·2^LOW_BITS + low.
    #[inline(always)]
    fn add_long<D: Dots>(
        &mut self,
        dots: D,
        index: usize,
        is_last: bool,
        is_in_range: bool,
        sums: &[Sums<D, R>; 2],
    ) {
        if is_in_range {
            self.add_terms(dots, index, is_last, |dots, r, j| {
                rounded(dots, sums[0][r][j], sums[1][r][j], LOW_BITS)
            });
        } else {
            self.add_terms_slowly(dots, index, is_last, sums);
        }
    }

    /// total = total + S·2^(ea + eb), of S rounded to a float.
    #[inline(always)]
    fn add_terms<D: Dots>(
        &mut self,
        dots: D,
        index: usize,
        is_last: bool,
        sum: impl Fn(D, usize, usize) -> <D::Machine as Arith>::F,
    ) {
        let mut machine = dots.machine();
        let scales = &self.0.b.scales[index * right_stride::<D>()..];
        let mut right = [machine.splat(0.0); VECTORS];
        for (j, right) in right.iter_mut().enumerate() {
            *right = machine.load(&scales[j * <D::Machine as Vector>::LANES..]);
        }
        let left = &self.0.a.scales[index * left_stride::<D>()..][..R];
        let starts_over = index == 0 && !self.0.continues;
        let is_whole = self.0.columns.len() == right_stride::<D>();
        for (r, (row, &left)) in self.0.rows.iter_mut().zip(left).enumerate() {
            let left = machine.splat(left);
            let row = &mut row[self.0.columns.clone()];
            for (j, part) in row.chunks_mut(<D::Machine as Vector>::LANES).enumerate().take(VECTORS) {
                let scale = machine.mul(left, right[j]);
                let total = match (starts_over, is_whole) {
                    (true, _) => machine.splat(0.0),
                    (false, true) => machine.load(part),
                    (false, false) => machine.load_part(part),
                };
                let total = machine.fma(sum(dots, r, j), scale, total);
                let total = if is_last { machine.canonical(total) } else { total };
                if is_whole {
                    machine.store(part, total);
                } else {
                    machine.store_part(part, total);
                }
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
        [high, low]: &[Sums<D, R>; 2],
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

/// high·2^bits + low, rounded once: both are floats without rounding.
#[inline(always)]
fn rounded<D: Dots>(dots: D, high: Integers<D>, low: Integers<D>, bits: u32) -> <D::Machine as Arith>::F {
    let mut machine = dots.machine();
    let (high, low) = (machine.from_int(high), machine.from_int(low));
    let unit = machine.splat((1u32 << bits) as f32);
    machine.fma(high, unit, low)
}

/// The sum of two, rounded once.
#[inline(always)]
fn both<D: Dots>(dots: D, first: Integers<D>, second: Integers<D>) -> <D::Machine as Arith>::F {
    let mut machine = dots.machine();
    let low_part = machine.iconstant((1 << LOW_BITS_OF_TWO) - 1);
    let high = [first, second].map(|sum| machine.sar(sum, LOW_BITS_OF_TWO));
    let low = [first, second].map(|sum| machine.and(sum, low_part));
    let (high, low) = (machine.iadd(high[0], high[1]), machine.iadd(low[0], low[1]));
    rounded(dots, high, low, LOW_BITS_OF_TWO)
}

/// sum·2^shift = whole·2^LOW_BITS + part.
#[inline(always)]
fn split<D: Dots>(dots: D, sum: Integers<D>, shift: u32) -> (Integers<D>, Integers<D>) {
    let mut machine = dots.machine();
    let low_part = machine.iconstant((1 << (LOW_BITS - shift)) - 1);
    let part = machine.and(sum, low_part);
    (machine.shl(part, shift), machine.sar(sum, LOW_BITS - shift))
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

/// Whether half of a block fits 31 bits beside sums of less than 2^SMALL_BITS.
#[inline(always)]
fn leaves_room((a, b): (&Block, &Block)) -> bool {
    const ROOM: f64 = ((1u64 << 31) - (1 << SMALL_BITS)) as f64;
    f64::from(a.norms[1]) * f64::from(b.norms[1]) < ROOM * ROOM
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
