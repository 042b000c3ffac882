//! The definition of the exact product, one element at a time. Slow, without intrinsics or threads: every fast path of this
//! folder is judged against it bit for bit.

use samebit_num::Arith;
use samebit_num::fold::{BLOCK, Bits, exact_block};

/// The running total after folding `terms`, in order, into `total`. The terms folded before are a multiple of [`BLOCK`].
///
/// With `machine` = [`samebit_num::Soft`] this is integers only.
pub fn exact_product<A: Arith<U = u32>>(
    machine: &mut A,
    bits: Bits,
    mut total: A::F,
    terms: &[(A::F, A::F)],
) -> A::F {
    for block in terms.chunks(BLOCK) {
        let term = exact_block(machine, bits, block.iter().copied().map(Some));
        total = machine.add(total, term);
    }
    total
}
