//! The products as kernels of the [`crate::Backend`] seam.

use samebit_num::fold::Numerics;

/// c\[m, n\] = product over k of a\[m, k\] and b\[n, k\]. Inputs: a, b; output: c, row-major \[m, n\].
#[derive(Clone, Debug, PartialEq)]
pub struct ProductKernel {
    /// Ordered or exact.
    pub numerics: Numerics,
    /// Rows of a and of c.
    pub m: usize,
    /// Rows of b and columns of c.
    pub n: usize,
    /// Terms.
    pub k: usize,
    /// Where a's elements lie.
    pub a: Layout,
    /// Where b's elements lie.
    pub b: Layout,
    /// Continue the running totals in c; the earlier terms were a multiple of 256.
    pub accumulate: bool,
}

/// Where element (row, k) of an operand lies: `offset + row · row_stride + k · k_stride`. A transposed operand has row stride 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Element (0, 0).
    pub offset: usize,
    /// Between rows.
    pub row_stride: usize,
    /// Between terms.
    pub k_stride: usize,
}

/// out\[c\] = ordered product over n in 0..rows of x\[n, c\] and y\[n, c\], or of x\[n, c\] and 1. Inputs: x and, if `pair`, y, both
/// \[rows, columns\]; output: \[columns\].
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnProductKernel {
    /// Terms.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Whether there is a second factor.
    pub pair: bool,
    /// Continue the running totals in the output; the earlier rows were a multiple of 256.
    pub accumulate: bool,
}
