//! Operands of a head, rearranged for the tiles.

use std::ops::Range;

use crate::simd::Vector;

/// Rows of one head in a tensor: row r is at `r · stride`.
#[derive(Clone, Copy)]
pub(super) struct HeadRows<'a> {
    pub data: &'a [f32],
    pub stride: usize,
    /// Elements of a row.
    pub size: usize,
}

impl<'a> HeadRows<'a> {
    /// The rows from `first` on.
    #[inline(always)]
    pub fn from(self, first: usize) -> Self {
        Self { data: &self.data[first * self.stride..], ..self }
    }

    #[inline(always)]
    fn row(self, row: usize) -> &'a [f32] {
        &self.data[row * self.stride..][..self.size]
    }

    /// The first `rows` rows as panels of `width` rows, each term by term; rows that are not there are zeros.
    #[inline(always)]
    pub fn pack_panels<V: Vector>(self, machine: V, rows: usize, width: usize, target: &mut [f32]) {
        for (panel, target) in target.chunks_exact_mut(width * self.size).enumerate() {
            let first = (panel * width).min(rows);
            self.pack_panel(machine, first..rows.min(first + width), width, target);
        }
    }

    /// One panel. Squares are transposed in registers; where the panel is narrower than a square, the rows of the transpose
    /// overlap and the later ones overwrite what is too much of the earlier ones.
    #[inline(always)]
    fn pack_panel<V: Vector>(self, machine: V, rows: Range<usize>, width: usize, target: &mut [f32]) {
        let whole = self.size / V::LANES * V::LANES;
        for first in (0..width).step_by(V::LANES) {
            let present = rows.len().saturating_sub(first).min(V::LANES);
            let source = if present == 0 { &[] } else { &self.data[(rows.start + first) * self.stride..] };
            for term in (0..whole).step_by(V::LANES) {
                let source = source.get(term..).unwrap_or(&[]);
                machine.transpose(source, self.stride, present, &mut target[term * width + first..], width);
            }
        }
        for (term, target) in target.chunks_exact_mut(width).enumerate().skip(whole) {
            target.fill(0.0);
            for (value, row) in target.iter_mut().zip(rows.clone()) {
                *value = self.data[row * self.stride + term];
            }
        }
    }

    /// The first `rows` rows one after the other, each filled up with zeros to `columns`.
    #[inline(always)]
    pub fn copy_rows(self, rows: usize, columns: usize, target: &mut [f32]) {
        for (row, target) in target.chunks_exact_mut(columns).enumerate().take(rows) {
            target[..self.size].copy_from_slice(self.row(row));
            target[self.size..].fill(0.0);
        }
    }
}

/// Writes the start of `values`, whole vectors, to `target`, every NaN as 0x7fc00000.
#[inline(always)]
pub(super) fn store_row<V: Vector>(machine: V, target: &mut [f32], values: &[f32]) {
    for (target, values) in target.chunks_mut(V::LANES).zip(values.chunks_exact(V::LANES)) {
        store(machine, target, machine.load(values));
    }
}

/// Writes a vector, or the part of it for which there is room, every NaN as 0x7fc00000.
#[inline(always)]
pub(super) fn store<V: Vector>(machine: V, target: &mut [f32], value: V::F) {
    if target.len() == V::LANES {
        machine.store_canonical(target, value);
    } else {
        machine.store_part_canonical(target, value);
    }
}
