//! The definition of the ordered product, one element at a time. Slow, without intrinsics or threads: every fast path of
//! this folder is judged against it bit for bit.

use samebit_num::Arith;

use super::BLOCK;

/// The running total after folding `terms`, in order, into `total`. The terms folded before are a multiple of [`BLOCK`].
///
/// With `machine` = [`samebit_num::Soft`] this is integers only.
pub fn ordered_product<A: Arith>(
    machine: &mut A,
    mut total: A::F,
    terms: impl IntoIterator<Item = (A::F, A::F)>,
) -> A::F {
    let zero = machine.constant(0);
    let (mut block, mut length) = (zero, 0);
    for (a, b) in terms {
        block = machine.fma(a, b, block);
        length += 1;
        if length == BLOCK {
            total = machine.add(total, block);
            (block, length) = (zero, 0);
        }
    }
    if length > 0 { machine.add(total, block) } else { total }
}
