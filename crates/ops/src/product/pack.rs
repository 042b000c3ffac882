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

/// Panels of B that are packed together.
const GROUP_PANELS: usize = 8;

/// Terms that a group of panels of a transposed operand takes before going on: those rows of its memory stay in the caches
/// from one panel to the next.
const GROUP_TERMS: usize = 16;

/// How many terms ahead of the one that is packed rows are asked for: a square takes one line of many rows, which the processor
/// does not fetch by itself.
const AHEAD_TERMS: usize = 192;

/// How many terms ahead where the rows of a term are consecutive.
const AHEAD_COLUMNS: usize = 16;

/// Packs the given rows and terms of B, panel by panel.
pub(super) fn pack_right(
    isa: Isa,
    matrix: Matrix<'_>,
    rows: std::ops::Range<usize>,
    terms: std::ops::Range<usize>,
    target: &mut [f32],
) {
    if terms.is_empty() {
        return;
    }
    let width = panel_width(isa);
    let pack = |(group, target): (usize, &mut [f32])| {
        let panel = |(i, target): (usize, _)| {
            let first = (rows.start + (group * GROUP_PANELS + i) * width).min(rows.end);
            Panel { rows: first..rows.end.min(first + width), width, target }
        };
        let panels = target.chunks_exact_mut(terms.len() * width).enumerate().map(panel).collect();
        isa.run(PackPanels { matrix, terms: terms.clone(), panels });
    };
    let group = GROUP_PANELS * width * terms.len();
    if rows.len() * terms.len() < PARALLEL_ELEMENTS || rayon::current_num_threads() == 1 {
        target.chunks_mut(group).enumerate().for_each(pack);
    } else {
        target.par_chunks_mut(group).enumerate().for_each(pack);
    }
}

/// A panel to be packed: `target[k·width + r]` becomes term k of row `rows.start + r`, or zero where there is no such row.
pub(super) struct Panel<'t> {
    pub rows: std::ops::Range<usize>,
    pub width: usize,
    pub target: &'t mut [f32],
}

/// Packs terms of neighbouring panels.
pub(super) struct PackPanels<'a, 't> {
    pub matrix: Matrix<'a>,
    pub terms: std::ops::Range<usize>,
    pub panels: Vec<Panel<'t>>,
}

impl Kernel for PackPanels<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<V: Vector>(mut self, machine: V) {
        pack(machine, &self.matrix, self.terms, &mut self.panels);
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
    fn run<V: Vector>(self, machine: V) {
        let panel = Panel { rows: self.rows, width: self.width, target: self.target };
        pack(machine, &self.matrix, self.terms, &mut [panel]);
    }
}

#[inline(always)]
fn pack<V: Vector>(machine: V, matrix: &Matrix<'_>, terms: std::ops::Range<usize>, panels: &mut [Panel<'_>]) {
    let (first, count) = (terms.start, terms.len());
    for panel in panels.iter() {
        assert_eq!(panel.target.len(), panel.width * count);
        assert!(panel.rows.len() <= panel.width);
    }
    if matrix.column_stride == 1 {
        for panel in panels {
            panel.transpose_rows(machine, matrix, first, count);
        }
    } else if matrix.row_stride == 1 {
        for start in (0..count).step_by(GROUP_TERMS) {
            for panel in panels.iter_mut() {
                panel.copy_columns(machine, matrix, first, start..count.min(start + GROUP_TERMS));
            }
        }
    } else {
        for panel in panels {
            panel.copy_elements(matrix, first, 0..count);
        }
    }
}

impl Panel<'_> {
    /// Rows whose terms are consecutive: squares are transposed in registers.
    ///
    /// Where the panel is narrower than a vector, the rows of a square's transpose overlap in the panel, and the later ones
    /// overwrite what is too much of the earlier ones.
    #[inline(always)]
    fn transpose_rows<V: Vector>(
        &mut self,
        machine: V,
        matrix: &Matrix<'_>,
        first_term: usize,
        count: usize,
    ) {
        let whole = count / V::LANES * V::LANES;
        for first in (0..self.width).step_by(V::LANES) {
            let rows = self.rows.len().saturating_sub(first).min(V::LANES);
            for k in (0..whole).step_by(V::LANES) {
                let source =
                    if rows == 0 { &[] } else { matrix.from(self.rows.start + first, first_term + k) };
                let ahead = ahead(matrix.row_stride * rows, k, whole);
                for r in 0..rows {
                    machine.prefetch_distant(source, r * matrix.row_stride + ahead);
                }
                let target = &mut self.target[k * self.width + first..];
                machine.transpose(source, matrix.row_stride, rows, target, self.width);
            }
        }
        self.copy_elements(matrix, first_term, whole..count);
    }

    /// A transposed operand: the rows of a term are consecutive. Vectors overlap as in [`Self::transpose_rows`].
    #[inline(always)]
    fn copy_columns<V: Vector>(
        &mut self,
        machine: V,
        matrix: &Matrix<'_>,
        first_term: usize,
        terms: std::ops::Range<usize>,
    ) {
        for k in terms {
            for first in (0..self.width).step_by(V::LANES) {
                let rows = self.rows.len().saturating_sub(first).min(V::LANES);
                let target = &mut self.target[k * self.width + first..];
                let value = if rows == 0 {
                    machine.splat(0.0)
                } else {
                    let source = matrix.from(self.rows.start + first, first_term + k);
                    machine.prefetch_distant(source, AHEAD_COLUMNS * matrix.column_stride);
                    if rows == V::LANES { machine.load(source) } else { machine.load_part(&source[..rows]) }
                };
                if target.len() >= V::LANES {
                    machine.store(target, value);
                } else {
                    machine.store_part(target, value);
                }
            }
        }
    }

    /// The given terms, one element at a time.
    #[inline(always)]
    fn copy_elements(&mut self, matrix: &Matrix<'_>, first_term: usize, terms: std::ops::Range<usize>) {
        for k in terms {
            let target = &mut self.target[k * self.width..(k + 1) * self.width];
            for (r, target) in target.iter_mut().enumerate() {
                let row = self.rows.start + r;
                *target = if row < self.rows.end { matrix.at(row, first_term + k) } else { 0.0 };
            }
        }
    }
}

/// How many floats ahead of term `k` of `count` is what is packed [`AHEAD_TERMS`] later: in the same row or, at its end, in the row that is
/// `next_rows` floats away.
#[inline(always)]
fn ahead(next_rows: usize, k: usize, count: usize) -> usize {
    if k + AHEAD_TERMS < count { AHEAD_TERMS } else { (next_rows + AHEAD_TERMS).saturating_sub(count) }
}
