//! Ordered sums of the rows that share a key: the gradient of an embedding.

pub mod definition;
mod fast;
#[cfg(test)]
mod tests;

pub use fast::scatter;

/// out\[v, c\] = ordered sum over n in 0..rows, with the predicate keys\[n\] = v, of x\[n, c\]. Inputs: keys (u32, \[rows\]) and x (\[rows,
/// columns\]); output: \[count, columns\].
#[derive(Clone, Debug, PartialEq)]
pub struct ScatterKernel {
    /// Terms of the fold.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Number of keys; a row with a key beyond it is in no sum.
    pub count: usize,
    /// Continue the running totals in the output; the earlier rows were a multiple of 256.
    pub accumulate: bool,
}
