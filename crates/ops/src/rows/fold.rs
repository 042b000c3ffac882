//! The blocks of folds (docs/spec/arithmetic.md §3) on vector machines.

use samebit_num::{Arith, Native};

use super::interpret::Words;
use crate::simd::{Kernel, Vector};

/// Terms of a block.
pub(super) const BLOCK: usize = 256;
/// Lanes of an ordered sum.
const SUM_LANES: usize = 16;
/// Rows whose ordered products run side by side, because each is one long chain.
pub(super) const PRODUCT_ROWS: usize = 16;

/// How far the words move from column to column: not at all if there is one vector.
#[inline(always)]
fn step<V: Vector>(words: Words<'_>) -> usize {
    usize::from(words.len() != V::LANES)
}

/// The ordered sum of one block of `count` terms.
pub(super) struct SumBlock<'a> {
    pub(super) terms: Words<'a>,
    pub(super) count: usize,
}

impl Kernel for SumBlock<'_> {
    type Output = f32;

    /// A lane is never −0, so adding +0 where a short block has no term changes nothing.
    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) -> f32 {
        let SumBlock { terms: words, count } = self;
        let step = step::<V>(words);
        let mut lanes = [0f32; SUM_LANES];
        let mut first = 0;
        while first < SUM_LANES {
            let mut sum = machine.splat(0.0);
            let mut at = first;
            while at + V::LANES <= count {
                let terms = machine.load_bits(&words[at * step..]);
                let terms = machine.float(terms);
                sum = machine.add(sum, terms);
                at += SUM_LANES;
            }
            if at < count {
                let terms = machine.load_bits_part(&words[at * step..][..count - at]);
                let terms = machine.float(terms);
                sum = machine.add(sum, terms);
            }
            machine.store(&mut lanes[first..], sum);
            first += V::LANES;
        }
        for half in [8, 4, 2, 1] {
            for lane in 0..half {
                lanes[lane] += lanes[lane + half];
            }
        }
        lanes[0]
    }
}

/// The greatest of `count` terms and −∞.
pub(super) struct MaxBlock<'a> {
    pub(super) terms: Words<'a>,
    pub(super) count: usize,
}

impl Kernel for MaxBlock<'_> {
    type Output = f32;

    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) -> f32 {
        let MaxBlock { terms: words, count } = self;
        let step = step::<V>(words);
        let mut greatest = [machine.splat(f32::NEG_INFINITY); 4];
        let mut at = 0;
        while at + 4 * V::LANES <= count {
            let mut part = 0;
            while part < 4 {
                let terms = machine.load_bits(&words[(at + part * V::LANES) * step..]);
                let terms = machine.float(terms);
                greatest[part] = machine.max(greatest[part], terms);
                part += 1;
            }
            at += 4 * V::LANES;
        }
        while at + V::LANES <= count {
            let terms = machine.load_bits(&words[at * step..]);
            let terms = machine.float(terms);
            greatest[0] = machine.max(greatest[0], terms);
            at += V::LANES;
        }
        let low = machine.max(greatest[0], greatest[1]);
        let high = machine.max(greatest[2], greatest[3]);
        let both = machine.max(low, high);
        let mut lanes = [f32::NEG_INFINITY; SUM_LANES];
        machine.store(&mut lanes, both);
        let rest = (at..count).map(|term| f32::from_bits(words[term * step]));
        lanes.into_iter().chain(rest).fold(f32::NEG_INFINITY, |a, b| Native.max(a, b))
    }
}

/// Copies terms to a row of a tile, as floats.
pub(super) struct TileRow<'a> {
    pub(super) terms: Words<'a>,
    pub(super) row: &'a mut [f32],
}

impl Kernel for TileRow<'_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) {
        let step = step::<V>(self.terms);
        let mut at = 0;
        while at < self.row.len() {
            let words = machine.load_bits(&self.terms[at * step..]);
            let terms = machine.float(words);
            machine.store(&mut self.row[at..], terms);
            at += V::LANES;
        }
    }
}

/// A block of the factors of [`PRODUCT_ROWS`] rows, row after row.
pub(super) type Tile = [f32; PRODUCT_ROWS * BLOCK];

/// The ordered products of `count` terms of each of the tile's rows.
pub(super) struct ProductBlock<'a> {
    pub(super) left: &'a Tile,
    pub(super) right: &'a Tile,
    pub(super) count: usize,
    pub(super) results: &'a mut [f32; PRODUCT_ROWS],
}

impl Kernel for ProductBlock<'_> {
    type Output = ();

    /// Lanes are rows: squares of the tile are transposed, then every column is one step of all the chains.
    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) {
        let ProductBlock { left, right, count, results } = self;
        let mut left_columns = [0f32; SUM_LANES * SUM_LANES];
        let mut right_columns = [0f32; SUM_LANES * SUM_LANES];
        let mut first = 0;
        while first < PRODUCT_ROWS {
            let mut sum = machine.splat(0.0);
            let mut at = 0;
            while at < count {
                let start = first * BLOCK + at;
                machine.transpose(&left[start..], BLOCK, V::LANES, &mut left_columns, V::LANES);
                machine.transpose(&right[start..], BLOCK, V::LANES, &mut right_columns, V::LANES);
                let columns = V::LANES.min(count - at);
                let mut column = 0;
                while column < columns {
                    let a = machine.load(&left_columns[column * V::LANES..]);
                    let b = machine.load(&right_columns[column * V::LANES..]);
                    sum = machine.fma(a, b, sum);
                    column += 1;
                }
                at += V::LANES;
            }
            machine.store(&mut results[first..], sum);
            first += V::LANES;
        }
    }
}
