//! The definition of the permutation, one element at a time.

use super::PermuteKernel;

/// Runs the kernel on words; operands as for [`PermuteKernel`].
pub fn run(kernel: &PermuteKernel, x: &[u32], output: &mut [u32]) {
    for (flat, word) in output.iter_mut().enumerate() {
        let (mut rest, mut source) = (flat, 0);
        for (&size, &stride) in kernel.shape.iter().zip(&kernel.strides).rev() {
            source += rest % size * stride;
            rest /= size;
        }
        *word = x[source];
    }
}
