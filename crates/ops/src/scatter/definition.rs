//! The definition of the scatter, one element at a time. Slow, without intrinsics or threads: the fast path is judged against it
//! bit for bit.

use samebit_num::Arith;
use samebit_num::fold::{BLOCK, Kind, sum_block};

use super::ScatterKernel;

/// Runs the kernel on words; operands as for [`ScatterKernel`].
pub fn run<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &ScatterKernel,
    keys: &[u32],
    x: &[u32],
    output: &mut [u32],
) {
    for v in 0..kernel.count {
        for c in 0..kernel.columns {
            let element = v * kernel.columns + c;
            let mut total =
                if kernel.accumulate { machine.float(output[element]) } else { machine.constant(0) };
            for first in (0..kernel.rows).step_by(BLOCK) {
                let block = first..kernel.rows.min(first + BLOCK);
                let terms: Vec<Option<A::F>> = block
                    .map(|n| (keys[n] as usize == v).then(|| machine.float(x[n * kernel.columns + c])))
                    .collect();
                let result = sum_block(machine, terms);
                total = Kind::Sum.join(machine, total, result);
            }
            output[element] = machine.bits(total);
        }
    }
}
