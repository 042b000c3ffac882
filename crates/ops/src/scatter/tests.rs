use super::*;
use crate::testing::{Values, bits, check_from};
use samebit_num::{Arith, Native, Soft};

/// Keys in 0..=count + 1, so that some are beyond the last.
fn check<A: Arith<U = u32>>(machine: &mut A, shape: [usize; 3], values: &mut Values) {
    let [rows, columns, count] = shape;
    let keys: Vec<u32> = (0..rows).map(|_| values.below(count + 2) as u32).collect();
    let x = values.words(rows * columns);
    for accumulate in [false, true] {
        let kernel = ScatterKernel { rows, columns, count, accumulate };
        // A total is never −0, and a NaN is canonical.
        let total = |word| if word == 1 << 31 { 0 } else { samebit_num::canonical(word) };
        let before: Vec<u32> = values.words(count * columns).into_iter().map(total).collect();
        let mut expected = before.clone();
        definition::run(machine, &kernel, &keys, &x, &mut expected);
        let x = bits(&x);
        check_from(&format!("{kernel:?}"), &[before], &[expected], |isa, outputs| {
            scatter(isa, &kernel, &keys, &x, outputs[0]);
        });
    }
}

#[test]
fn equal_to_the_soft_definition() {
    let mut values = Values::with_edges(1, 7);
    for shape in [[0, 3, 2], [1, 1, 1], [40, 17, 3], [300, 5, 2], [300, 33, 40]] {
        check(&mut Soft, shape, &mut values);
    }
}

#[test]
fn random_shapes() {
    let mut values = Values::with_edges(2, 100);
    for _ in 0..20 {
        let shape = [values.below(1100), values.below(90), values.below(60)];
        check(&mut Native, shape, &mut values);
    }
}

/// One key with all the rows is shared between threads by columns.
#[test]
fn one_key_with_every_row() {
    check(&mut Native, [900, 200, 1], &mut Values::new(3));
}

#[test]
fn every_pair_of_lanes_meets_as_in_the_tree() {
    // 2^24 + 1 + 1: the two ones only count if they meet before they meet the 2^24.
    let big = (1u32 << 24) as f32;
    for a in 0..16u32 {
        for b in a + 1..16 {
            for c in b + 1..16 {
                let mut x = [0.0f32; 16];
                let mut keys = [1u32; 16];
                for (lane, value) in [(a, big), (b, 1.0), (c, 1.0)] {
                    x[lane as usize] = value;
                    keys[lane as usize] = 0;
                }
                let kernel = ScatterKernel { rows: 16, columns: 1, count: 1, accumulate: false };
                let mut expected = [0];
                definition::run(&mut Native, &kernel, &keys, &x.map(f32::to_bits), &mut expected);
                let mut output = [0.0];
                scatter(crate::simd::Isa::Scalar, &kernel, &keys, &x, &mut output);
                assert_eq!(output[0].to_bits(), expected[0], "lanes {a}, {b}, {c}");
            }
        }
    }
}
