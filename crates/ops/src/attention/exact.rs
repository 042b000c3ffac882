//! The products of attention in exact profiles (docs/spec/arithmetic.md §3): a block that the mask cuts is ordered, any other exact.
//!
//! ```text
//! q·k, dO·v     fold over d: no mask, always exact
//! e·v, dS·k     fold over keys j ≤ t: blocks that end at or before t are whole, the next is cut
//! dSᵀ·q, Pᵀ·dO  fold over x = g·T + t with t ≥ j: a block is whole for the keys up to its least t, and cut for those after it
//! ```
//! Whole blocks are left to [`crate::exact`], which continues the running totals; cut ones to the tiles of the ordered product.

use super::pack::HeadRows;
use crate::exact::{Bits, Operand, Packed, Side, product};
use crate::marks::mark;
use crate::product::{Matrix, MatrixMut, Start};
use crate::simd::{Isa, Vector};
use samebit_num::fold::BLOCK;

/// Keys of a piece, a divisor of a block: on the diagonal, scores are computed by whole pieces.
pub(super) const PIECE: usize = 64;

/// How the exact products of a launch are computed.
#[derive(Clone, Copy)]
pub(super) struct Exact {
    pub isa: Isa,
    pub bits: Bits,
}

impl Exact {
    /// Rows as left operands of scores.
    pub fn queries(self, rows: &[f32], count: usize, size: usize, stride: usize) -> Packed {
        Packed::pack(self.isa, self.bits, Side::Left, Matrix::new(rows, count, size, stride, 1))
    }

    /// The first `count` keys, or values of dO·v, in pieces.
    pub fn keys(self, rows: HeadRows<'_>, count: usize) -> Vec<Packed> {
        let piece = |first| {
            let HeadRows { data, stride, size } = rows.from(first);
            let matrix = Matrix::new(data, PIECE.min(count - first), size, stride, 1);
            Packed::pack(self.isa, self.bits, Side::Right, matrix)
        };
        (0..count).step_by(PIECE).map(piece).collect()
    }

    /// The columns of the first `count` rows, block by block; only whole blocks.
    pub fn columns(self, rows: HeadRows<'_>, count: usize) -> Vec<Packed> {
        let block = |index| {
            let HeadRows { data, stride, size } = rows.from(index * BLOCK);
            Packed::pack(self.isa, self.bits, Side::Right, Matrix::new(data, size, BLOCK, 1, stride))
        };
        (0..count / BLOCK).map(block).collect()
    }

    /// Products of `queries` and the first `visible` keys, and what a piece has beyond them; row r at `r · stride`.
    pub fn scores(
        self,
        queries: &Packed,
        pieces: &[Packed],
        visible: usize,
        target: &mut [f32],
        stride: usize,
    ) {
        for (index, piece) in pieces.iter().enumerate().take(visible.div_ceil(PIECE)) {
            let target = MatrixMut::new(&mut target[index * PIECE..], queries.rows(), piece.rows(), stride);
            product(self.isa, self.bits, queries, piece, target, Start::Zero);
        }
    }

    /// Adds the exact products of a whole block to the totals, which lie as `size` of `columns` elements a row.
    pub fn fold<'a>(
        self,
        weights: Matrix<'a>,
        values: impl Into<Operand<'a>>,
        totals: &mut [f32],
        [size, columns]: [usize; 2],
    ) {
        if weights.rows > 0 {
            mark("attention: a whole block is exact");
            let totals = MatrixMut::new(totals, weights.rows, size, columns);
            product(self.isa, self.bits, weights, values, totals, Start::Continue);
        }
    }
}

/// Multiplies the first `visible(r)` scores of row r by the factor.
#[inline(always)]
pub(super) fn scale<V: Vector>(
    mut machine: V,
    scores: &mut [f32],
    stride: usize,
    rows: usize,
    visible: impl Fn(usize) -> usize,
    factor: f32,
) {
    let factor = machine.splat(factor);
    for (r, row) in scores.chunks_mut(stride).enumerate().take(rows) {
        for values in row[..visible(r).next_multiple_of(V::LANES)].chunks_exact_mut(V::LANES) {
            let value = machine.load(values);
            let scaled = machine.mul(value, factor);
            machine.store(values, scaled);
        }
    }
}
