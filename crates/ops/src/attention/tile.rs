//! The two register tiles of attention.
//!
//! ```text
//! Scores     target[r, j]  = (Σ_d a[r, d] · b[j, d]) · factor     R rows × 2 vectors of keys, d rising
//! Weighted   target[i, c] += Σ_k weight[i, k] · value[k, c]       R rows × N vectors of columns, k rising
//! ```
//! Both are ordered products: one accumulator for an element, one fused multiply-add for a term, in the fold's order.
//!
//! Loops over registers count: behind some iterators the compiler leaves the registers in memory. For the same reason nothing
//! here is a closure: a closure that is not inlined does not have the machine's instructions.
#![allow(clippy::needless_range_loop)]

use crate::simd::{Isa, Kernel, Vector};
use samebit_num::fold::BLOCK;

/// Vectors in a panel of keys.
const PANEL_VECTORS: usize = 2;

/// Keys in a panel.
pub(super) const fn panel_keys<V: Vector>() -> usize {
    PANEL_VECTORS * V::LANES
}

/// Rows of both tiles.
pub(super) const fn tile_rows<V: Vector>() -> usize {
    match V::ISA {
        Isa::Scalar => 4,
        Isa::Avx2 | Isa::Avx512 => 6,
    }
}

/// Scores of a tile of rows and a panel of keys.
pub(super) struct Scores<'a> {
    /// Packed rows: term d of row r at `d · tile_rows + r`.
    pub rows: &'a [f32],
    /// Packed keys: term d of key j at `d · panel_keys + j`.
    pub keys: &'a [f32],
    /// Multiplied to the ordered product.
    pub factor: f32,
    /// Score (r, j) is written to `r · stride + j`.
    pub target: &'a mut [f32],
    /// Between rows of the target.
    pub stride: usize,
    /// Whether the second vector of keys is wanted.
    pub whole: bool,
}

impl Scores<'_> {
    #[inline(always)]
    pub fn compute<V: Vector>(self, machine: V) {
        match (V::ISA, self.whole) {
            (Isa::Scalar, true) => machine.call(ScoreRegisters::<4, 2>(self)),
            (Isa::Scalar, false) => machine.call(ScoreRegisters::<4, 1>(self)),
            (Isa::Avx2 | Isa::Avx512, true) => machine.call(ScoreRegisters::<6, 2>(self)),
            (Isa::Avx2 | Isa::Avx512, false) => machine.call(ScoreRegisters::<6, 1>(self)),
        }
    }
}

struct ScoreRegisters<'a, const R: usize, const N: usize>(Scores<'a>);

impl<const R: usize, const N: usize> Kernel for ScoreRegisters<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) {
        assert_eq!(R, tile_rows::<V>());
        let Scores { rows, keys, factor, target, stride, .. } = self.0;
        let mut totals = [[machine.splat(0.0); N]; R];
        for (rows, keys) in rows.chunks(BLOCK * R).zip(keys.chunks(BLOCK * panel_keys::<V>())) {
            let mut block = [[machine.splat(0.0); N]; R];
            for (rows, keys) in rows.chunks_exact(R).zip(keys.chunks_exact(panel_keys::<V>())) {
                let keys: [V::F; N] = load_vectors(machine, keys);
                for i in 0..R {
                    multiply_add(machine, &mut block[i], rows[i], &keys);
                }
            }
            add_tiles(machine, &mut totals, &block);
        }
        let factor = machine.splat(factor);
        for i in 0..R {
            let target = &mut target[i * stride..][..N * V::LANES];
            for n in 0..N {
                let score = machine.mul(totals[i][n], factor);
                machine.store(&mut target[n * V::LANES..], score);
            }
        }
    }
}

/// The terms that a row of a tile takes: those with j ≤ t.
#[derive(Clone, Copy)]
pub(super) enum Taken {
    /// Rows are queries, terms are keys: row i takes the terms k < count + i.
    First(isize),
    /// Rows are keys, terms are queries: row i takes the terms k ≥ start + i.
    From(isize),
}

impl Taken {
    #[inline(always)]
    fn takes(self, row: usize, term: usize) -> bool {
        match self {
            Self::First(count) => (term as isize) < count + row as isize,
            Self::From(start) => term as isize >= start + row as isize,
        }
    }

    /// Where the terms that all rows take start and end, and where those that some take end.
    #[inline(always)]
    fn ranges(self, rows: usize, terms: usize) -> [usize; 3] {
        let inside = |bound: isize| bound.clamp(0, terms as isize) as usize;
        match self {
            Self::First(count) => [0, inside(count), inside(count + rows as isize - 1)],
            Self::From(start) => [inside(start + rows as isize - 1), terms, terms],
        }
    }

    /// The first term that a row takes.
    #[inline(always)]
    fn first(self) -> usize {
        match self {
            Self::First(_) => 0,
            Self::From(start) => start.max(0) as usize,
        }
    }
}

/// Where weight (row i, term k) of a [`Weighted`] is.
#[derive(Clone, Copy)]
pub(super) enum Weights<'a> {
    /// At `i · stride + k`.
    Rows(&'a [f32], usize),
    /// At `k · stride + i`.
    Columns(&'a [f32], usize),
}

/// What a [`Weighted`] makes of its target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// An open block of the fold: the terms continue it.
    Open,
    /// A running total: the terms are a whole block.
    Total,
}

/// A tile of rows of ordered products of weights and values.
pub(super) struct Weighted<'a> {
    pub weights: Weights<'a>,
    /// Value (k, c) at `k · columns + c`.
    pub values: &'a [f32],
    /// Columns of values and target, whole vectors.
    pub columns: usize,
    pub terms: usize,
    pub taken: Taken,
    pub mode: Target,
    /// Row i at `i · columns`.
    pub target: &'a mut [f32],
}

impl Weighted<'_> {
    #[inline(always)]
    pub fn compute<V: Vector>(mut self, machine: V) {
        let vectors = self.columns / V::LANES;
        let widest = match V::ISA {
            Isa::Avx512 => 4,
            Isa::Scalar | Isa::Avx2 => 2,
        };
        let mut done = 0;
        while done < vectors {
            let column = done * V::LANES;
            let width = (vectors - done).min(widest);
            match V::ISA {
                Isa::Scalar => self.by_width::<V, 4>(machine, column, width),
                Isa::Avx2 | Isa::Avx512 => self.by_width::<V, 6>(machine, column, width),
            }
            done += width;
        }
    }

    #[inline(always)]
    fn by_width<V: Vector, const R: usize>(&mut self, machine: V, column: usize, width: usize) {
        let tile = Weighted { target: &mut *self.target, ..*self };
        match width {
            1 => machine.call(WeightedRegisters::<R, 1> { tile, column }),
            2 => machine.call(WeightedRegisters::<R, 2> { tile, column }),
            3 => machine.call(WeightedRegisters::<R, 3> { tile, column }),
            4 => machine.call(WeightedRegisters::<R, 4> { tile, column }),
            _ => unreachable!("a tile of {width} vectors"),
        }
    }
}

/// The weights of a tile of rows.
trait TileWeights: Copy {
    /// Of row i and term k.
    fn at(&self, row: usize, term: usize) -> f32;
}

/// Weights that lie along the terms: a slice for each row, all of the same length.
#[derive(Clone, Copy)]
struct RowWeights<'a, const R: usize>([&'a [f32]; R]);

impl<'a, const R: usize> RowWeights<'a, R> {
    #[inline(always)]
    fn new(weights: &'a [f32], stride: usize, terms: usize) -> Self {
        let mut rows = [&weights[..0]; R];
        for i in 0..R {
            rows[i] = &weights[i * stride..][..terms];
        }
        Self(rows)
    }
}

impl<const R: usize> TileWeights for RowWeights<'_, R> {
    #[inline(always)]
    fn at(&self, row: usize, term: usize) -> f32 {
        self.0[row][term]
    }
}

/// Weights that lie along the rows.
#[derive(Clone, Copy)]
struct ColumnWeights<'a, const R: usize> {
    weights: &'a [f32],
    stride: usize,
}

impl<const R: usize> TileWeights for ColumnWeights<'_, R> {
    #[inline(always)]
    fn at(&self, row: usize, term: usize) -> f32 {
        self.weights[term * self.stride..][..R][row]
    }
}

struct WeightedRegisters<'a, const R: usize, const N: usize> {
    tile: Weighted<'a>,
    column: usize,
}

impl<const R: usize, const N: usize> Kernel for WeightedRegisters<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        assert_eq!(R, tile_rows::<V>());
        match self.tile.weights {
            Weights::Rows(weights, stride) => {
                self.fold(machine, RowWeights::<R>::new(weights, stride, self.tile.terms));
            }
            Weights::Columns(weights, stride) => self.fold(machine, ColumnWeights::<R> { weights, stride }),
        }
    }
}

impl<const R: usize, const N: usize> WeightedRegisters<'_, R, N> {
    /// Terms that only some rows take come before and after those that all take.
    #[inline(always)]
    fn fold<V: Vector>(&mut self, mut machine: V, weights: impl TileWeights) {
        let Weighted { columns, terms, taken, mode, .. } = self.tile;
        let mut sums = match mode {
            Target::Open => self.load(machine),
            Target::Total => [[machine.splat(0.0); N]; R],
        };
        let [before, all, after] = taken.ranges(R, terms);
        self.some(machine, &mut sums, weights, taken.first()..before);
        for k in before..all {
            let value: [V::F; N] = load_vectors(machine, self.value::<V>(k, columns));
            for i in 0..R {
                multiply_add(machine, &mut sums[i], weights.at(i, k), &value);
            }
        }
        self.some(machine, &mut sums, weights, all..after);
        if mode == Target::Total {
            let mut totals = self.load(machine);
            add_tiles(machine, &mut totals, &sums);
            sums = totals;
        }
        self.store(machine, sums);
    }

    /// Terms that each row takes or skips.
    #[inline(always)]
    fn some<V: Vector>(
        &self,
        machine: V,
        sums: &mut [[V::F; N]; R],
        weights: impl TileWeights,
        terms: std::ops::Range<usize>,
    ) {
        for k in terms {
            let value: [V::F; N] = load_vectors(machine, self.value::<V>(k, self.tile.columns));
            for i in 0..R {
                if self.tile.taken.takes(i, k) {
                    multiply_add(machine, &mut sums[i], weights.at(i, k), &value);
                }
            }
        }
    }

    /// The vectors of term k.
    #[inline(always)]
    fn value<V: Vector>(&self, k: usize, columns: usize) -> &[f32] {
        &self.tile.values[k * columns + self.column..][..N * V::LANES]
    }

    #[inline(always)]
    fn load<V: Vector>(&self, machine: V) -> [[V::F; N]; R] {
        let mut sums = [[machine.splat(0.0); N]; R];
        for i in 0..R {
            let row = &self.tile.target[i * self.tile.columns + self.column..][..N * V::LANES];
            sums[i] = load_vectors(machine, row);
        }
        sums
    }

    #[inline(always)]
    fn store<V: Vector>(&mut self, machine: V, sums: [[V::F; N]; R]) {
        for i in 0..R {
            let row = &mut self.tile.target[i * self.tile.columns + self.column..][..N * V::LANES];
            for n in 0..N {
                machine.store(&mut row[n * V::LANES..], sums[i][n]);
            }
        }
    }
}

#[inline(always)]
fn load_vectors<V: Vector, const N: usize>(machine: V, source: &[f32]) -> [V::F; N] {
    let source = &source[..N * V::LANES];
    let mut vectors = [machine.splat(0.0); N];
    for n in 0..N {
        vectors[n] = machine.load(&source[n * V::LANES..]);
    }
    vectors
}

/// One term for a row of a tile: `sums[n] += weight · value[n]`, rounded once.
#[inline(always)]
fn multiply_add<V: Vector, const N: usize>(
    mut machine: V,
    sums: &mut [V::F; N],
    weight: f32,
    value: &[V::F; N],
) {
    let weight = machine.splat(weight);
    for n in 0..N {
        sums[n] = machine.fma(weight, value[n], sums[n]);
    }
}

/// `totals += blocks`, element by element.
#[inline(always)]
fn add_tiles<V: Vector, const R: usize, const N: usize>(
    mut machine: V,
    totals: &mut [[V::F; N]; R],
    blocks: &[[V::F; N]; R],
) {
    for i in 0..R {
        for n in 0..N {
            totals[i][n] = machine.add(totals[i][n], blocks[i][n]);
        }
    }
}
