//! The ordered product: C\[m, n\] = fold over k of A\[m, k\]·B\[n, k\] (docs/spec/arithmetic.md §3).
//!
//! ```text
//! total = +0, or what C holds                     one running total for every element of C
//! for each block of 256 rising k:
//!     acc = +0;  acc = fma(a[m, k], b[n, k], acc)  rising k, one rounding a term
//!     total = total + acc
//! ```
//!
//! The order of k is fixed, that of m and n is free: kernels vectorise over n, hold a tile of m × n in registers, and split m
//! and n over threads. Every choice of that kind leaves the bits alone. A chunk of K, a micro-batch or a task may end at any
//! multiple of 256, and continue the totals that C holds.
//!
//! Both operands are packed so that a tile reads them one after the other; a transposed operand is packed as easily as a
//! plain one, so transposes cost nothing.
//!
//! ```
//! use samebit_ops::product::{Matrix, MatrixMut, PackedB, Start, product};
//! use samebit_ops::simd::Isa;
//!
//! let a = [1.0, 2.0, 3.0, 4.0]; // [2, 2]
//! let b = [5.0, 6.0, 7.0, 8.0, 9.0, 10.0]; // [3, 2]
//! let mut c = [0.0; 6];
//! let isa = Isa::detect();
//! product(isa, Matrix::rows(&a, 2, 2), Matrix::rows(&b, 3, 2), MatrixMut::rows(&mut c, 2, 3), Start::Zero);
//! assert_eq!(c, [17.0, 23.0, 29.0, 39.0, 53.0, 67.0]);
//!
//! let weights = PackedB::pack(isa, Matrix::rows(&b, 3, 2)); // once, for many products
//! product(isa, Matrix::rows(&a, 2, 2), &weights, MatrixMut::rows(&mut c, 2, 3), Start::Continue);
//! assert_eq!(c, [34.0, 46.0, 58.0, 78.0, 106.0, 134.0]);
//! ```
mod column;
pub mod definition;
mod drive;
mod kernel;
mod matrix;
mod pack;
#[cfg(test)]
mod tests;
mod tile;

pub(crate) use drive::{Grid, split_rows};
pub(crate) use pack::PackPanel;
pub(crate) use tile::{panel_width, tile_rows};

pub use column::column_product;
pub use drive::product;
pub use kernel::{ColumnProductKernel, Layout, ProductKernel};
pub use matrix::{Matrix, MatrixMut};
pub use pack::PackedB;

/// Terms of a block: where running totals take a block's result, and where a fold may be split.
pub const BLOCK: usize = 256;

/// What the running totals start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// +0: the output's contents are not read.
    Zero,
    /// The totals that the output holds. The terms folded into them so far are a multiple of [`BLOCK`].
    Continue,
}

/// The right operand: a matrix in memory, or one that was packed before.
#[derive(Clone, Copy)]
pub enum RightOperand<'a> {
    /// B\[n, k\] as it lies.
    Matrix(Matrix<'a>),
    /// B\[n, k\] packed for the instruction set of the call.
    Packed(&'a PackedB),
}

impl<'a> From<Matrix<'a>> for RightOperand<'a> {
    fn from(matrix: Matrix<'a>) -> Self {
        Self::Matrix(matrix)
    }
}

impl<'a> From<&'a PackedB> for RightOperand<'a> {
    fn from(packed: &'a PackedB) -> Self {
        Self::Packed(packed)
    }
}
