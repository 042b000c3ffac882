//! The two register tiles of attention.
//!
//! ```text
//! Scores     target[r, j]  = (Σ_d a[r, d] · b[j, d]) · factor     R rows × 2 vectors of keys, d rising
//! Weighted   target[i, c] += Σ_k weight[i, k] · value[k, c]       R rows × N vectors of columns, k rising
//! ```
//! Both are ordered products: one accumulator for an element, one fused multiply-add for a term, in the fold's order.

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
                let keys: [V::F; N] = std::array::from_fn(|n| machine.load(&keys[n * V::LANES..]));
                for (sums, &row) in block.iter_mut().zip(rows) {
                    let row = machine.splat(row);
                    for (sum, &key) in sums.iter_mut().zip(&keys) {
                        *sum = machine.fma(row, key, *sum);
                    }
                }
            }
            for (total, &sum) in totals.iter_mut().flatten().zip(block.iter().flatten()) {
                *total = machine.add(*total, sum);
            }
        }
        let factor = machine.splat(factor);
        for (totals, target) in totals.into_iter().zip(target.chunks_mut(stride)) {
            for (n, total) in totals.into_iter().enumerate() {
                let score = machine.mul(total, factor);
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

struct WeightedRegisters<'a, const R: usize, const N: usize> {
    tile: Weighted<'a>,
    column: usize,
}

impl<const R: usize, const N: usize> Kernel for WeightedRegisters<'_, R, N> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        assert_eq!(R, tile_rows::<V>());
        let terms = self.tile.terms;
        match self.tile.weights {
            Weights::Rows(weights, stride) => {
                let rows: [&[f32]; R] = std::array::from_fn(|i| &weights[i * stride..][..terms]);
                self.fold(machine, |k| std::array::from_fn(|i| rows[i][k]));
            }
            Weights::Columns(weights, stride) => {
                self.fold(machine, |k| {
                    let weights = &weights[k * stride..][..R];
                    std::array::from_fn(|i| weights[i])
                });
            }
        }
    }
}

impl<const R: usize, const N: usize> WeightedRegisters<'_, R, N> {
    #[inline(always)]
    fn fold<V: Vector>(&mut self, mut machine: V, weights: impl Fn(usize) -> [f32; R]) {
        let Weighted { values, columns, terms, taken, mode, .. } = self.tile;
        let values = &values[self.column..];
        let mut sums = match mode {
            Target::Open => self.load(machine),
            Target::Total => [[machine.splat(0.0); N]; R],
        };
        let value = |k: usize| -> [V::F; N] {
            let row = &values[k * columns..][..N * V::LANES];
            std::array::from_fn(|n| machine.load(&row[n * V::LANES..]))
        };
        let [before, all, after] = taken.ranges(R, terms);
        let some = |sums: &mut [[V::F; N]; R], range: std::ops::Range<usize>| {
            for k in range {
                let (weights, value) = (weights(k), value(k));
                for i in 0..R {
                    if taken.takes(i, k) {
                        add_term(machine, &mut sums[i], weights[i], &value);
                    }
                }
            }
        };
        some(&mut sums, taken.first()..before);
        for k in before..all {
            let (weights, value) = (weights(k), value(k));
            for i in 0..R {
                add_term(machine, &mut sums[i], weights[i], &value);
            }
        }
        some(&mut sums, all..after);
        if mode == Target::Total {
            let totals = self.load(machine);
            for (sum, &total) in sums.iter_mut().flatten().zip(totals.iter().flatten()) {
                *sum = machine.add(total, *sum);
            }
        }
        self.store(machine, sums);
    }

    #[inline(always)]
    fn load<V: Vector>(&self, machine: V) -> [[V::F; N]; R] {
        let row = |i: usize| &self.tile.target[i * self.tile.columns + self.column..][..N * V::LANES];
        std::array::from_fn(|i| std::array::from_fn(|n| machine.load(&row(i)[n * V::LANES..])))
    }

    #[inline(always)]
    fn store<V: Vector>(&mut self, machine: V, sums: [[V::F; N]; R]) {
        for (i, sums) in sums.into_iter().enumerate() {
            let row = &mut self.tile.target[i * self.tile.columns + self.column..][..N * V::LANES];
            for (n, sum) in sums.into_iter().enumerate() {
                machine.store(&mut row[n * V::LANES..], sum);
            }
        }
    }
}

#[inline(always)]
fn add_term<V: Vector, const N: usize>(mut machine: V, sums: &mut [V::F; N], weight: f32, value: &[V::F; N]) {
    let weight = machine.splat(weight);
    for (sum, &value) in sums.iter_mut().zip(value) {
        *sum = machine.fma(weight, value, *sum);
    }
}
