//! Exact products on emulated tensor cores against their definition in integers.

mod common;

use common::{Values, machines};
use samebit_cuda::exact::{Instruction, define};
use samebit_cuda::{Cuda, Memory};
use samebit_num::fold::{Bits, Numerics};
use samebit_ops::product::{Layout, ProductKernel};

fn check(bits: Bits, values: &mut Values, [m, n, k]: [usize; 3], by_row: bool, accumulate: bool) {
    let layout = |rows: usize| match by_row {
        true => Layout { offset: 0, row_stride: 1, k_stride: rows },
        false => Layout { offset: 0, row_stride: k, k_stride: 1 },
    };
    let kernel = ProductKernel { numerics: Numerics::F32, m, n, k, a: layout(m), b: layout(n), accumulate };
    let (a, b, before) = (values.words(m * k), values.words(n * k), values.totals(m * n));
    let mut expected = before.clone();
    define(bits, &kernel, &a, &b, &mut expected);
    let instructions = [Instruction::Mma, Instruction::Wgmma];
    let backends = machines()
        .into_iter()
        .flat_map(|machine| instructions.map(|which| Cuda::with_instruction(machine.clone(), which)));
    for backend in backends {
        let memory = |words: &[u32]| Memory::of(backend.machine(), words).unwrap();
        let (a, b, c) = (memory(&a), memory(&b), memory(&before));
        backend.exact_product(bits, &kernel, a.address(), b.address(), c.address()).unwrap();
        let found = c.words().unwrap();
        let wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        if let Some(at) = wrong {
            panic!(
                "{bits:?} {kernel:?} with {:?} on {}: element {at} is {:#010x}, not {:#010x}",
                backend.instruction(),
                backend.machine().describe(),
                found[at],
                expected[at]
            );
        }
    }
}

#[test]
fn exact_products_are_their_definition() {
    let mut values = Values::new(1);
    for bits in Bits::ALL {
        for shape in [[1, 1, 1], [17, 9, 40], [130, 70, 256], [20, 33, 600]] {
            check(bits, &mut values, shape, false, false);
        }
        check(bits, &mut values, [35, 12, 300], true, true);
    }
}

/// Infinities and NaNs poison their blocks, zero blocks give +0, and exponents leave the fast path at both ends.
#[test]
fn exact_products_of_edge_values_are_their_definition() {
    for bits in Bits::ALL {
        for seed in 0..4 {
            let mut values = Values::with_edges(seed, 40 << (3 * seed));
            check(bits, &mut values, [19, 21, 300], false, seed % 2 == 1);
        }
        for scale in [1, 12, 40, 100, 200, 254] {
            let mut values = Values::scaled(scale);
            check(bits, &mut values, [9, 9, 270], false, false);
        }
    }
}

/// More blocks than stages, more tiles than one, rows that end within a group of eight, and tiles without slices of k.
#[test]
fn exact_products_of_several_tiles_and_many_blocks_are_their_definition() {
    let mut values = Values::new(2);
    for bits in Bits::ALL {
        check(bits, &mut values, [5, 11, 2000], false, true);
        check(bits, &mut values, [390, 390, 530], false, false);
    }
}

/// The greatest sums that a block can have.
#[test]
fn full_blocks_of_greatest_values_do_not_overflow() {
    for bits in Bits::ALL {
        let greatest = ((1u32 << (bits.count() - 1)) - 1) as f32;
        for sign in [1.0, -1.0] {
            let mut values = Values::constant((greatest * sign).to_bits());
            check(bits, &mut values, [3, 3, 512], false, false);
        }
    }
}
