//! Packing: operands rearranged so that a tile reads them from start to end.
//!
//! ```text
//! panel of `width` rows, `depth` terms:   k = 0: row 0, row 1, … row width−1;   k = 1: row 0, …
//! packed B of N rows:                     panel of rows 0 … W−1, panel of rows W … 2W−1, …    each of depth K
//! ```
//! W is two vectors. Rows that B does not have are zeros; what they yield is never written.

use rayon::prelude::*;

use super::Matrix;
use super::tile::panel_width;
use crate::simd::{Aligned, Isa, Kernel, Vector};

/// A right operand B\[n, k\], packed once for many products.
#[derive(Debug)]
pub struct PackedB {
    isa: Isa,
    rows: usize,
    depth: usize,
    data: Aligned,
}

impl PackedB {
    /// Packs `matrix` for products of instruction set `isa`. Uses the threads of rayon's current pool if it is large.
    #[must_use]
    pub fn pack(isa: Isa, matrix: Matrix<'_>) -> Self {
        let (rows, depth) = (matrix.rows, matrix.columns);
        let mut data = Aligned::zeros(packed_length(isa, rows, depth));
        pack_right(isa, matrix, 0..rows, 0..depth, &mut data);
        Self { isa, rows, depth, data }
    }

    /// Rows of B, which are columns of C.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Terms.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The instruction set that can read it.
    #[must_use]
    pub fn isa(&self) -> Isa {
        self.isa
    }

    pub(super) fn panels(&self) -> Panels<'_> {
        Panels { data: &self.data, depth: self.depth, width: panel_width(self.isa) }
    }
}

/// Packed panels of B in a slice, each of `depth` terms and `width` rows.
#[derive(Clone, Copy)]
pub(super) struct Panels<'a> {
    pub data: &'a [f32],
    pub depth: usize,
    pub width: usize,
}

impl<'a> Panels<'a> {
    /// The panels from row `row` of B on, which is the first of a panel.
    pub fn skip(self, row: usize) -> Self {
        Self { data: &self.data[row * self.depth..], ..self }
    }

    /// Terms `terms` of panel `index`.
    #[inline]
    pub fn panel(&self, index: usize, terms: std::ops::Range<usize>) -> &'a [f32] {
        let start = index * self.depth;
        &self.data[(start + terms.start) * self.width..(start + terms.end) * self.width]
    }
}

/// Floats of `rows` packed rows of `depth` terms.
pub(super) fn packed_length(isa: Isa, rows: usize, depth: usize) -> usize {
    rows.next_multiple_of(panel_width(isa)) * depth
}

/// Elements from which packing is shared between threads.
const PARALLEL_ELEMENTS: usize = 1 << 16;

/// Packs the given rows and terms of B, panel by panel.
pub(super) fn pack_right(
    isa: Isa,
    matrix: Matrix<'_>,
    rows: std::ops::Range<usize>,
    terms: std::ops::Range<usize>,
    target: &mut [f32],
) {
    let width = panel_width(isa);
    let panel = |(index, target): (usize, &mut [f32])| {
        let first = rows.start + index * width;
        let panel_rows = first..rows.end.min(first + width);
        isa.run(PackPanel { matrix, rows: panel_rows, terms: terms.clone(), width, target });
    };
    if terms.is_empty() {
        return;
    }
    let panels = target.chunks_exact_mut(terms.len() * width);
    if rows.len() * terms.len() < PARALLEL_ELEMENTS || rayon::current_num_threads() == 1 {
        panels.enumerate().for_each(panel);
    } else {
        target.par_chunks_exact_mut(terms.len() * width).enumerate().for_each(panel);
    }
}

/// Packs one panel: `target[k·width + r] = matrix[rows.start + r, terms.start + k]`, and zeros for rows that there are not.
pub(crate) struct PackPanel<'a, 't> {
    pub matrix: Matrix<'a>,
    pub rows: std::ops::Range<usize>,
    pub terms: std::ops::Range<usize>,
    pub width: usize,
    pub target: &'t mut [f32],
}

impl Kernel for PackPanel<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        assert_eq!(self.target.len(), self.width * self.terms.len());
        assert!(self.rows.len() <= self.width);
        if self.matrix.column_stride == 1 {
            self.transpose_rows(machine);
        } else if self.matrix.row_stride == 1 {
            self.copy_columns(machine);
        } else {
            self.copy_elements(0);
        }
    }
}

impl PackPanel<'_, '_> {
    /// Rows whose terms are consecutive: squares are transposed in registers.
    ///
    /// Where the panel is narrower than a vector, the rows of a square's transpose overlap in the panel, and the later ones
    /// overwrite what is too much of the earlier ones.
    #[inline(always)]
    fn transpose_rows<V: Vector>(mut self, machine: V) {
        let whole = self.terms.len() / V::LANES * V::LANES;
        for k in (0..whole).step_by(V::LANES) {
            for first in (0..self.width).step_by(V::LANES) {
                let rows = self.rows.len().saturating_sub(first).min(V::LANES);
                let source = if rows == 0 {
                    &[]
                } else {
                    self.matrix.from(self.rows.start + first, self.terms.start + k)
                };
                let target = &mut self.target[k * self.width + first..];
                machine.transpose(source, self.matrix.row_stride, rows, target, self.width);
            }
        }
        self.copy_elements(whole);
    }

    /// A transposed operand: the rows of a term are consecutive.
    #[inline(always)]
    fn copy_columns<V: Vector>(&mut self, machine: V) {
        for k in 0..self.terms.len() {
            let source = self.matrix.from(self.rows.start, self.terms.start + k);
            for first in (0..self.width).step_by(V::LANES) {
                let rows = self.rows.len().saturating_sub(first).min(V::LANES);
                let target = &mut self.target[k * self.width + first..];
                let value = if rows == V::LANES {
                    machine.load(&source[first..])
                } else if rows > 0 {
                    machine.load_part(&source[first..first + rows])
                } else {
                    machine.splat(0.0)
                };
                if target.len() >= V::LANES {
                    machine.store(target, value);
                } else {
                    machine.store_part(target, value);
                }
            }
        }
    }

    /// Terms from `start` on, one element at a time.
    #[inline(always)]
    fn copy_elements(&mut self, start: usize) {
        for k in start..self.terms.len() {
            let target = &mut self.target[k * self.width..(k + 1) * self.width];
            for (r, target) in target.iter_mut().enumerate() {
                let row = self.rows.start + r;
                *target = if row < self.rows.end { self.matrix.at(row, self.terms.start + k) } else { 0.0 };
            }
        }
    }
}
