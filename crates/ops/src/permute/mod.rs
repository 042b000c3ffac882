//! A copy with the dimensions in another order.

pub mod definition;
mod fast;
#[cfg(test)]
mod tests;

pub use fast::permute;

/// out\[i_0, …\] = x at Σ i_d · strides\[d\]. Input: x; output: `shape`, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct PermuteKernel {
    /// The output's shape.
    pub shape: Vec<usize>,
    /// For each output dimension, its stride in x, in elements.
    pub strides: Vec<usize>,
}
