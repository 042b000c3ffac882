//! The fold of a whole tensor to one element: a loss, the norm of a gradient.

use samebit_num::Code;

/// out\[0\] = ordered sum, over i in 0..len, of the code's term of x\[i\]. Input: x; output: one element.
#[derive(Clone, Debug, PartialEq)]
pub struct TotalKernel {
    /// Terms of the fold.
    pub len: usize,
    /// Makes the term from the one input.
    pub code: Code,
}
