//! Every kernel's text, run by the emulator, against the reference or the processor's kernels bit for bit.
//!
//! Each case runs with the threads in rising, falling and shuffled order. What the emulator can show and what only a card can is
//! said in docs/gpu.md. Without a C++ compiler the tests say so and do nothing.

mod common;

use common::{Values, backends, compare};
use samebit_num::fold::Numerics;
use samebit_ops::attention::{AttentionKernel, Pass};
use samebit_ops::permute::PermuteKernel;
use samebit_ops::product::{ColumnProductKernel, Layout, ProductKernel};
use samebit_ops::scatter::ScatterKernel;
use samebit_ops::total::TotalKernel;
use samebit_ops::{Kernel, Reference};

/// A matrix of rows × k, its rows or its columns lying side by side, with room around it.
fn layout(rows: usize, k: usize, by_row: bool, offset: usize) -> (Layout, usize) {
    let (row_stride, k_stride) = if by_row { (1, rows + 3) } else { (k + 1, 1) };
    let layout = Layout { offset, row_stride, k_stride };
    let last = (rows.max(1) - 1) * row_stride + (k.max(1) - 1) * k_stride;
    (layout, offset + last + 1)
}

fn product(values: &mut Values, [m, n, k]: [usize; 3], [a_by_row, b_by_row]: [bool; 2], accumulate: bool) {
    let (a, a_len) = layout(m, k, a_by_row, 5);
    let (b, b_len) = layout(n, k, b_by_row, 0);
    let kernel = Kernel::Product(ProductKernel { numerics: Numerics::F32, m, n, k, a, b, accumulate });
    let inputs = [values.words(a_len), values.words(b_len)];
    compare(&Reference, &kernel, 0, &inputs, &[values.totals(m * n)]);
}

#[test]
fn products_of_odd_shapes_are_the_reference() {
    let mut values = Values::new(1);
    for shape in [[1, 1, 1], [1, 1, 0], [3, 5, 7], [130, 9, 20], [9, 131, 8], [17, 33, 300]] {
        for by_row in [[false, false], [true, false], [false, true], [true, true]] {
            product(&mut values, shape, by_row, false);
        }
    }
    product(&mut values, [20, 30, 513], [true, false], true);
}

#[test]
fn products_of_edge_values_are_the_reference() {
    for seed in 0..6 {
        let mut values = Values::with_edges(seed, 3 << (2 * seed));
        product(&mut values, [21, 19, 280], [false, true], false);
        product(&mut values, [21, 19, 270], [true, false], true);
    }
}

/// Enough tiles that k is not split, with more than one block of k and an accumulated start.
#[test]
fn products_that_are_not_split_keep_their_totals_in_registers() {
    let mut values = Values::new(3);
    product(&mut values, [260, 390, 260], [false, false], false);
    product(&mut values, [390, 260, 264], [true, true], true);
}

#[test]
fn column_products_are_the_reference() {
    let mut values = Values::with_edges(4, 400);
    for (rows, columns) in [(1, 1), (255, 3), (256, 30), (600, 17), (0, 4), (70, 300)] {
        for (pair, accumulate) in [(false, false), (true, false), (true, true)] {
            let kernel = ColumnProductKernel { rows, columns, pair, accumulate };
            let mut inputs = vec![values.words(rows * columns)];
            if pair {
                inputs.push(values.words(rows * columns));
            }
            compare(&Reference, &Kernel::ColumnProduct(kernel), 0, &inputs, &[values.totals(columns)]);
        }
    }
}

#[test]
fn totals_of_tensors_are_the_reference() {
    let mut values = Values::with_edges(5, 3000);
    for len in [0, 1, 15, 16, 17, 255, 256, 257, 5000, 70_000] {
        let kernel = Kernel::Total(TotalKernel { len, code: samebit_cuda::samples::square() });
        compare(&Reference, &kernel, 0, &[values.words(len)], &[vec![7]]);
    }
}

#[test]
fn scattered_sums_are_the_reference() {
    let mut values = Values::with_edges(6, 300);
    for (rows, columns, count, accumulate) in
        [(1, 1, 1, false), (300, 5, 7, false), (700, 17, 3, true), (513, 16, 1000, false), (20, 3, 2, true)]
    {
        // Some keys are beyond the last.
        let keys: Vec<u32> = (0..rows).map(|_| values.below(count + count / 3 + 1) as u32).collect();
        let kernel = Kernel::Scatter(ScatterKernel { rows, columns, count, accumulate });
        let inputs = [keys, values.words(rows * columns)];
        compare(&Reference, &kernel, 0, &inputs, &[values.totals(count * columns)]);
    }
}

#[test]
fn permutations_are_the_reference() {
    let mut values = Values::new(7);
    for (shape, strides) in [
        (vec![3, 5], vec![1, 3]),
        (vec![2, 3, 4, 5], vec![60, 5, 15, 1]),
        (vec![7], vec![1]),
        (vec![2, 2, 2, 2, 2, 3], vec![1, 2, 4, 8, 16, 32]),
    ] {
        let count: usize = shape.iter().product();
        let kernel = Kernel::Permute(PermuteKernel { shape, strides });
        compare(&Reference, &kernel, 0, &[values.words(count)], &[vec![0; count]]);
    }
}

/// Some positions' queries have no kernel of a card: the processor's is called, with the step.
#[test]
fn attention_of_a_step_is_the_processor_s() {
    let mut values = Values::new(6);
    let (pass, numerics, scale) = (Pass::Forward, Numerics::F32, 0.3f32.to_bits());
    let (batch, time, queries, heads, group, head_size) = (2, 300, 20, 4, 2, 12);
    let kernel = AttentionKernel { pass, batch, time, queries, heads, group, head_size, scale, numerics };
    let inputs: Vec<Vec<u32>> = kernel.lengths().0.into_iter().map(|length| values.words(length)).collect();
    let before: Vec<Vec<u32>> = kernel.lengths().1.into_iter().map(|length| vec![7; length]).collect();
    for step in [0, 3, 13, 14] {
        compare(&Reference, &Kernel::Attention(kernel.clone()), step, &inputs, &before);
    }
}

fn attention(values: &mut Values, [batch, time, heads, group, head_size]: [usize; 5]) {
    let scale = (1.0 / (head_size as f32).sqrt()).to_bits();
    let numerics = Numerics::F32;
    let kernel = |pass| {
        let queries = time;
        AttentionKernel { pass, batch, time, queries, heads, group, head_size, scale, numerics }
    };
    let forward = kernel(Pass::Forward);
    let (lengths, outputs) = forward.lengths();
    let mut inputs: Vec<Vec<u32>> = lengths.into_iter().map(|length| values.words(length)).collect();
    let outputs: Vec<Vec<u32>> = outputs.into_iter().map(|length| vec![7; length]).collect();
    let cpu = samebit_ops::Cpu::detect();
    let statistics = compare(&cpu, &Kernel::Attention(forward), 0, &inputs, &outputs);
    inputs.extend(statistics.into_iter().take(2));
    inputs.push(values.words(inputs[3].len()));
    inputs.push(values.words(inputs[0].len()));
    let backward = kernel(Pass::Backward);
    let outputs: Vec<Vec<u32>> = backward.lengths().1.into_iter().map(|length| vec![7; length]).collect();
    compare(&cpu, &Kernel::Attention(backward), 0, &inputs, &outputs);
}

/// The yardstick is the processor's kernel, which `samebit_ops` holds against the definition.
#[test]
fn attention_of_every_kind_is_the_processors() {
    let mut values = Values::new(8);
    for shape in [[1, 1, 1, 1, 1], [1, 70, 2, 1, 16], [2, 65, 4, 2, 5], [1, 130, 3, 3, 20], [1, 64, 2, 2, 64]]
    {
        attention(&mut values, shape);
    }
}

#[test]
fn attention_over_several_blocks_of_keys_is_the_processors() {
    let mut values = Values::new(9);
    attention(&mut values, [1, 300, 2, 2, 12]);
    attention(&mut values, [1, 40, 1, 1, 300]);
}

#[test]
fn attention_of_edge_values_is_the_processors() {
    for seed in 0..4 {
        let mut values = Values::with_edges(seed, 4 << (2 * seed));
        attention(&mut values, [1, 70, 2, 2, 12]);
    }
}

#[test]
fn page_digests_and_trees_are_those_of_commit() {
    use samebit_commit::tensor;
    let mut values = Values::new(10);
    for backend in backends() {
        for len in [1, 2, 15, 16, 17, 255, 256, 257, 512, 8192, 8193, 256 * 70 + 3] {
            let words = values.words(len);
            let memory = samebit_cuda::Memory::of(backend.machine(), &words).unwrap();
            let pages: Vec<[u8; 32]> = tensor::page_digests(&words)
                .iter()
                .map(|digest| digest.as_ref().try_into().unwrap())
                .collect();
            let buffer = samebit_ops::Buffer(Box::new(memory));
            assert_eq!(samebit_ops::Backend::page_digests(&backend, &buffer, len), pages, "{len} words");
            let memory: &samebit_cuda::Memory = buffer.0.downcast_ref().unwrap();
            let top = samebit_commit::Digest(backend.top(memory.address(), len).unwrap());
            let root = tensor::root(tensor::DType::F32, len as u64, top);
            assert_eq!(root, tensor::root_of(tensor::DType::F32, &words), "{len} words");
        }
    }
}
