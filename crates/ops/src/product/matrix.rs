//! Views of operands: where element (row, k) lies in a slice.

/// A matrix of `rows` × `columns` in a slice; element (r, c) is at `r·row_stride + c·column_stride`.
///
/// The columns of an operand are the terms of the product.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A view with any strides. Panics unless the last element lies in `data`.
    #[must_use]
    pub fn new(
        data: &'a [f32],
        rows: usize,
        columns: usize,
        row_stride: usize,
        column_stride: usize,
    ) -> Self {
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * row_stride + (columns - 1) * column_stride;
            assert!(
                last < data.len(),
                "a matrix of {rows} × {columns} with strides {row_stride}, {column_stride} needs {} elements, not {}",
                last + 1,
                data.len()
            );
        }
        Self { data, rows, columns, row_stride, column_stride }
    }

    /// The matrix \[rows, columns\] in row-major order.
    #[must_use]
    pub fn rows(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::new(data, rows, columns, columns, 1)
    }

    /// The matrix \[rows, columns\] whose transpose, \[columns, rows\], is in row-major order.
    #[must_use]
    pub fn transposed(data: &'a [f32], rows: usize, columns: usize) -> Self {
        Self::new(data, rows, columns, 1, rows)
    }

    /// The elements from (row, column) on.
    #[inline(always)]
    pub(crate) fn from(&self, row: usize, column: usize) -> &'a [f32] {
        &self.data[row * self.row_stride + column * self.column_stride..]
    }

    /// Element (row, column).
    #[inline(always)]
    pub(crate) fn at(&self, row: usize, column: usize) -> f32 {
        self.data[row * self.row_stride + column * self.column_stride]
    }
}

/// A matrix to be written: rows of consecutive elements, `row_stride` apart.
#[derive(Debug)]
pub struct MatrixMut<'a> {
    pub(crate) data: &'a mut [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// A view with any row stride of at least `columns`. Panics unless the last element lies in `data`.
    #[must_use]
    pub fn new(data: &'a mut [f32], rows: usize, columns: usize, row_stride: usize) -> Self {
        assert!(row_stride >= columns, "rows of {columns} elements overlap, {row_stride} apart");
        if rows > 0 {
            let needed = (rows - 1) * row_stride + columns;
            assert!(
                needed <= data.len(),
                "a matrix of {rows} × {columns} with row stride {row_stride} needs {needed} elements, not {}",
                data.len()
            );
        }
        Self { data, rows, columns, row_stride }
    }

    /// The matrix \[rows, columns\] in row-major order.
    #[must_use]
    pub fn rows(data: &'a mut [f32], rows: usize, columns: usize) -> Self {
        Self::new(data, rows, columns, columns)
    }

    /// The rows.
    pub(crate) fn row_slices(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let columns = self.columns;
        self.data.chunks_mut(self.row_stride.max(1)).take(self.rows).map(move |row| &mut row[..columns])
    }
}
