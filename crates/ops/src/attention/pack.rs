//! Operands of a head, rearranged for the tiles.

use crate::product::{Matrix, PackPanel};
use crate::simd::{Kernel, Vector};

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
        let matrix = Matrix::new(self.data, rows, self.size, self.stride, 1);
        for (panel, target) in target.chunks_exact_mut(width * self.size).enumerate() {
            let first = (panel * width).min(rows);
            let rows = first..rows.min(first + width);
            PackPanel { matrix, rows, terms: 0..self.size, width, target }.run(machine);
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
