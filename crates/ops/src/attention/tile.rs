//! The two register tiles of attention.
//!
//! ```text
//! Scores     target[r, j]  = (Σ_d a[r, d] · b[j, d]) · factor     R rows × N vectors of keys, d rising
//! Weighted   target[i, c] += Σ_k weight[i, k] · value[k, c]       R rows × N vectors of columns, k rising
//! ```
//! Both are ordered products: one accumulator for an element, one fused multiply-add for a term, in the fold's order.
//!
//! Loops over registers count: behind some iterators the compiler leaves the registers in memory. For the same reason nothing
//! here is a closure: a closure that is not inlined does not have the machine's instructions.
#![allow(clippy::needless_range_loop)]

use crate::marks::mark;
use crate::simd::{Isa, Kernel, Vector};
use std::ops::Range;

use samebit_num::fold::BLOCK;

/// Vectors of keys in a panel, and of columns in the widest tile: what the registers hold beside a vector for each.
pub(super) const fn tile_vectors<V: Vector>() -> usize {
    match V::ISA {
        Isa::Scalar | Isa::Avx2 => 2,
        Isa::Avx512 => 4,
    }
}

/// Keys in a panel.
pub(super) const fn panel_keys<V: Vector>() -> usize {
    tile_vectors::<V>() * V::LANES
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
    /// Element d of row r at `r · columns + d`.
    pub rows: &'a [f32],
    pub columns: usize,
    /// Elements of a row that are folded.
    pub size: usize,
    /// Packed keys: element d of key j at `d · panel_keys + j`.
    pub keys: &'a [f32],
    /// Multiplied to the ordered product.
    pub factor: f32,
    /// Score (r, j) is written to `r · stride + j`.
    pub target: &'a mut [f32],
    /// Between rows of the target.
    pub stride: usize,
    /// Keys that are wanted, at least 1; as many vectors as hold them are computed.
    pub wanted: usize,
}

impl Scores<'_> {
    #[inline(always)]
    pub fn compute<V: Vector>(self, machine: V) {
        match V::ISA {
            Isa::Scalar => self.by_width::<V, 4>(machine),
            Isa::Avx2 | Isa::Avx512 => self.by_width::<V, 6>(machine),
        }
    }

    #[inline(always)]
    fn by_width<V: Vector, const R: usize>(self, machine: V) {
        match self.wanted.div_ceil(V::LANES).min(tile_vectors::<V>()) {
            1 => machine.call(ScoreRegisters::<R, 1>(self)),
            2 => machine.call(ScoreRegisters::<R, 2>(self)),
            3 if V::ISA == Isa::Avx512 => machine.call(ScoreRegisters::<R, 3>(self)),
            4 if V::ISA == Isa::Avx512 => machine.call(ScoreRegisters::<R, 4>(self)),
            width => unreachable!("a tile of {width} vectors"),
        }
    }
}

struct ScoreRegisters<'a, const R: usize, const N: usize>(Scores<'a>);

impl<const R: usize, const N: usize> Kernel for ScoreRegisters<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(self, mut machine: V) {
        assert_eq!(R, tile_rows::<V>());
        let Scores { rows, columns, size, keys, factor, target, stride, .. } = self.0;
        let rows = RowWeights::<R>::new(rows, columns, size);
        let mut totals = [[machine.splat(0.0); N]; R];
        for start in (0..size).step_by(BLOCK) {
            let mut block = [[machine.splat(0.0); N]; R];
            let end = size.min(start + BLOCK);
            let keys = &keys[start * panel_keys::<V>()..end * panel_keys::<V>()];
            for (d, keys) in keys.chunks_exact(panel_keys::<V>()).enumerate() {
                let keys: [V::F; N] = load_vectors(machine, keys);
                for i in 0..R {
                    multiply_add(machine, &mut block[i], rows.at(i, start + d), &keys);
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

    /// Ranges of terms: what only some rows take, what all take, and what only some take again.
    #[inline(always)]
    fn ranges(self, rows: usize, terms: usize) -> [Range<usize>; 3] {
        let inside = |bound: isize| bound.clamp(0, terms as isize) as usize;
        match self {
            Self::First(count) => {
                let (all, some) = (inside(count), inside(count + rows as isize - 1));
                [0..0, 0..all, all..some]
            }
            Self::From(start) => {
                let (some, all) = (inside(start), inside(start + rows as isize - 1));
                [some..all, all..terms, terms..terms]
            }
        }
    }

    /// Whether the terms that only some rows take are not all or none of the triangle between the rows.
    #[inline(always)]
    fn is_clipped(self, rows: usize, terms: usize) -> bool {
        let [before, _, after] = self.ranges(rows, terms);
        [before, after].iter().any(|range| !range.is_empty() && range.len() != rows - 1)
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
        let mut done = 0;
        while done < vectors {
            let column = done * V::LANES;
            let width = (vectors - done).min(tile_vectors::<V>());
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
        if self.taken.is_clipped(R, self.terms) {
            mark("attention: a tile's triangle at the diagonal is cut");
            tile.by_shape::<V, R, true>(machine, column, width);
        } else {
            tile.by_shape::<V, R, false>(machine, column, width);
        }
    }

    #[inline(always)]
    fn by_shape<V: Vector, const R: usize, const C: bool>(self, machine: V, column: usize, width: usize) {
        match width {
            1 => machine.call(WeightedRegisters::<R, 1, C> { tile: self, column }),
            2 => machine.call(WeightedRegisters::<R, 2, C> { tile: self, column }),
            3 if V::ISA == Isa::Avx512 => machine.call(WeightedRegisters::<R, 3, C> { tile: self, column }),
            4 if V::ISA == Isa::Avx512 => machine.call(WeightedRegisters::<R, 4, C> { tile: self, column }),
            width => unreachable!("a tile of {width} vectors"),
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

/// A tile of R rows and N vectors; C: what only some rows take is not a whole triangle.
struct WeightedRegisters<'a, const R: usize, const N: usize, const C: bool> {
    tile: Weighted<'a>,
    column: usize,
}

impl<const R: usize, const N: usize, const C: bool> Kernel for WeightedRegisters<'_, R, N, C> {
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

impl<const R: usize, const N: usize, const C: bool> WeightedRegisters<'_, R, N, C> {
    /// Terms that only some rows take come before and after those that all take.
    #[inline(always)]
    fn fold<V: Vector>(&mut self, machine: V, weights: impl TileWeights) {
        let Weighted { columns, terms, taken, mode, .. } = self.tile;
        let mut sums = match mode {
            Target::Open => self.load(machine),
            Target::Total => [[machine.splat(0.0); N]; R],
        };
        let [before, all, after] = taken.ranges(R, terms);
        if C {
            self.clipped(machine, &mut sums, weights, before);
        } else if !before.is_empty() {
            for j in 0..R - 1 {
                let value: [V::F; N] = load_vectors(machine, self.value::<V>(before.start + j, columns));
                for i in 0..=j {
                    multiply_add(machine, &mut sums[i], weights.at(i, before.start + j), &value);
                }
            }
        }
        for k in all {
            let value: [V::F; N] = load_vectors(machine, self.value::<V>(k, columns));
            for i in 0..R {
                multiply_add(machine, &mut sums[i], weights.at(i, k), &value);
            }
        }
        if C {
            self.clipped(machine, &mut sums, weights, after);
        } else if !after.is_empty() {
            for j in 0..R - 1 {
                let value: [V::F; N] = load_vectors(machine, self.value::<V>(after.start + j, columns));
                for i in j + 1..R {
                    multiply_add(machine, &mut sums[i], weights.at(i, after.start + j), &value);
                }
            }
        }
        if mode == Target::Total {
            let mut totals = self.load(machine);
            add_tiles(machine, &mut totals, &sums);
            sums = totals;
        }
        self.store(machine, sums);
    }

    /// Terms that each row takes or skips.
    #[inline(always)]
    fn clipped<V: Vector>(
        &self,
        machine: V,
        sums: &mut [[V::F; N]; R],
        weights: impl TileWeights,
        terms: Range<usize>,
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
