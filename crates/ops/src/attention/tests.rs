use super::*;
use crate::marks::is_marked;
use crate::testing::{Values, bits, check_everywhere};
use samebit_num::fold::Bits;
use samebit_num::{Arith, Native, Soft};

/// The operands of both passes: inputs, and the backward pass's m and l from the definition of the forward one.
fn inputs<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    values: &mut Values,
) -> Vec<Vec<u32>> {
    let forward = AttentionKernel { pass: Pass::Forward, ..kernel.clone() };
    let (lengths, outputs) = forward.lengths();
    let mut inputs: Vec<Vec<u32>> = lengths.iter().map(|&length| values.words(length)).collect();
    if kernel.pass == Pass::Backward {
        let mut outputs: Vec<Vec<u32>> = outputs.into_iter().map(|length| vec![0; length]).collect();
        define(machine, &forward, 0, &inputs, &mut outputs);
        inputs.extend(outputs.into_iter().take(2));
        inputs.push(values.words(inputs[3].len()));
        inputs.push(values.words(inputs[0].len()));
    }
    inputs
}

fn define<A: Arith<U = u32>>(
    machine: &mut A,
    kernel: &AttentionKernel,
    step: u64,
    inputs: &[Vec<u32>],
    outputs: &mut [Vec<u32>],
) {
    let inputs: Vec<&[u32]> = inputs.iter().map(Vec::as_slice).collect();
    let mut outputs: Vec<&mut [u32]> = outputs.iter_mut().map(Vec::as_mut_slice).collect();
    definition::run(machine, kernel, step, &inputs, &mut outputs);
}

/// Both passes of a shape equal their definition, in f32, on every instruction set and number of threads.
fn check<A: Arith<U = u32>>(machine: &mut A, shape: [usize; 5], values: &mut Values) {
    check_in(Numerics::F32, machine, shape, values);
}

fn check_in<A: Arith<U = u32>>(numerics: Numerics, machine: &mut A, shape: [usize; 5], values: &mut Values) {
    let [batch, time, heads, group, head_size] = shape;
    let scale = (1.0 / (head_size as f32).sqrt()).to_bits();
    for pass in [Pass::Forward, Pass::Backward] {
        let kernel =
            AttentionKernel { pass, batch, time, queries: time, heads, group, head_size, scale, numerics };
        let inputs = inputs(machine, &kernel, values);
        let mut expected: Vec<Vec<u32>> =
            kernel.lengths().1.into_iter().map(|length| vec![7; length]).collect();
        define(machine, &kernel, 0, &inputs, &mut expected);
        let inputs: Vec<Vec<f32>> = inputs.iter().map(|words| bits(words)).collect();
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        check_everywhere(&format!("{kernel:?}"), &expected, |isa, outputs| {
            attention(isa, &kernel, 0, &inputs, outputs);
        });
    }
}

#[test]
fn small_shapes_are_the_soft_definition() {
    let mut values = Values::new(1);
    for shape in [[1, 1, 1, 1, 1], [1, 7, 1, 1, 12], [2, 3, 4, 2, 5], [1, 19, 2, 1, 16], [1, 33, 3, 3, 3]] {
        check(&mut Soft, shape, &mut values);
    }
}

#[test]
fn edge_values_are_the_soft_definition() {
    for seed in 0..12 {
        let mut values = Values::with_edges(seed, 4 << (seed % 4 * 2));
        check(&mut Soft, [1, 21, 2, 2, 12], &mut values);
        check(&mut Native, [1, 275, 2, 1, 4], &mut values);
    }
}

#[test]
fn head_sizes_and_lengths_of_every_kind() {
    let mut values = Values::new(3);
    for head_size in [1, 12, 15, 16, 17, 31, 48, 64, 80, 128, 256, 300] {
        check(&mut Native, [1, 53, 2, 2, head_size], &mut values);
    }
    for time in [1, 2, 5, 6, 47, 48, 49, 64, 65, 95, 128, 255, 256, 257] {
        check(&mut Native, [1, time, 1, 1, 20], &mut values);
    }
}

/// Chunks of keys, blocks of queries that start within a block of x, and several blocks of each fold.
#[test]
fn folds_of_several_blocks() {
    let mut values = Values::new(4);
    for shape in
        [[1, 600, 2, 2, 12], [2, 300, 4, 1, 8], [1, 130, 6, 3, 20], [1, 513, 3, 3, 4], [3, 90, 5, 5, 9]]
    {
        check(&mut Native, shape, &mut values);
    }
    for case in [
        "attention: keys of several blocks",
        "attention: a block of queries is closed",
        "attention: a tile's triangle at the diagonal is cut",
    ] {
        assert!(is_marked(case) || !cfg!(debug_assertions), "{case}");
    }
}

/// Whole blocks beside cut ones: sequences of no, one and several whole blocks, blocks of x that two heads share, the last query of a block.
#[test]
fn exact_profiles_are_their_definition() {
    let mut values = Values::new(11);
    for (bits, shape) in Bits::ALL.into_iter().cycle().zip([
        [2, 1, 2, 1, 5],
        [1, 19, 2, 2, 16],
        [1, 255, 1, 1, 8],
        [1, 256, 2, 2, 12],
        [2, 257, 2, 1, 20],
        [1, 300, 6, 3, 8],
        [1, 600, 2, 2, 12],
        [1, 513, 3, 3, 4],
        [1, 768, 1, 1, 64],
        [1, 70, 2, 1, 300],
        [1, 128, 8, 4, 16],
    ]) {
        check_in(Numerics::Exact(bits), &mut Native, shape, &mut values);
    }
    for case in ["attention: a whole block is exact", "attention: a tile's triangle at the diagonal is cut"] {
        assert!(is_marked(case) || !cfg!(debug_assertions), "{case}");
    }
}

#[test]
fn exact_profiles_of_edge_values_are_the_soft_definition() {
    for (seed, bits) in (0..9).zip(Bits::ALL.into_iter().cycle()) {
        let mut values = Values::with_edges(seed, 4 << (seed % 3 * 4));
        check_in(Numerics::Exact(bits), &mut Soft, [1, 21, 2, 2, 12], &mut values);
        check_in(Numerics::Exact(bits), &mut Native, [1, 530, 2, 1, 4], &mut values);
    }
}

/// What position t is does not depend on how many positions there are.
#[test]
fn a_longer_sequence_has_the_same_beginning() {
    for factor in Bits::ALL {
        let run = |time: usize| {
            let mut values = Values::new(12);
            let shape = AttentionKernel {
                pass: Pass::Forward,
                batch: 1,
                time,
                queries: time,
                heads: 1,
                group: 1,
                head_size: 16,
                scale: 0.25f32.to_bits(),
                numerics: Numerics::Exact(factor),
            };
            let all: Vec<Vec<f32>> = (0..3).map(|_| bits(&values.words(600 * 16))).collect();
            let inputs: Vec<&[f32]> = all.iter().map(|rows| &rows[..time * 16]).collect();
            let mut outputs = [vec![0.0; time], vec![0.0; time], vec![0.0; time * 16]];
            let [m, l, o] = &mut outputs;
            attention(Isa::detect(), &shape, 0, &inputs, &mut [m, l, o]);
            outputs[2].iter().map(|value| value.to_bits()).collect::<Vec<u32>>()
        };
        let longest = run(600);
        for time in [1, 60, 255, 256, 257, 300, 511, 512, 599] {
            assert!(longest.starts_with(&run(time)), "{factor:?}, {time} positions");
        }
    }
}

/// Queries of one step, of which several fit beside the keys: over the borders of blocks, panels and pieces, in all profiles.
#[test]
fn queries_of_a_step_are_their_definition() {
    let mut values = Values::new(13);
    for numerics in Numerics::ALL {
        for ([batch, time, queries, heads, group, head_size], steps) in [
            ([1, 520, 1, 2, 2, 12], &[0, 1, 63, 64, 254, 255, 256, 511, 512, 519, 520, 1000][..]),
            ([2, 520, 104, 4, 2, 5], &[0, 1, 2, 3, 4]),
            ([1, 300, 60, 3, 1, 20], &[0, 3, 4, 9]),
            ([3, 12, 4, 2, 1, 16], &[0, 1, 2, 3]),
        ] {
            let (pass, scale) = (Pass::Forward, 0.3f32.to_bits());
            let kernel =
                AttentionKernel { pass, batch, time, queries, heads, group, head_size, scale, numerics };
            let (lengths, outputs) = kernel.lengths();
            let inputs: Vec<Vec<u32>> = lengths.iter().map(|length| values.words(*length)).collect();
            let floats: Vec<Vec<f32>> = inputs.iter().map(|words| bits(words)).collect();
            let floats: Vec<&[f32]> = floats.iter().map(Vec::as_slice).collect();
            for &step in steps {
                let mut expected: Vec<Vec<u32>> = outputs.iter().map(|length| vec![7; *length]).collect();
                define(&mut Native, &kernel, step, &inputs, &mut expected);
                check_everywhere(&format!("{kernel:?}, step {step}"), &expected, |isa, outputs| {
                    attention(isa, &kernel, step, &floats, outputs);
                });
            }
        }
    }
}

/// A step's rows are those of the pass over all positions, whose later keys it does not look at.
#[test]
fn steps_have_the_rows_of_a_whole_pass() {
    const TIME: usize = 514;
    for numerics in Numerics::ALL {
        let mut values = Values::new(14);
        let whole = AttentionKernel {
            pass: Pass::Forward,
            batch: 1,
            time: TIME,
            queries: TIME,
            heads: 2,
            group: 2,
            head_size: 16,
            scale: 0.25f32.to_bits(),
            numerics,
        };
        let inputs: Vec<Vec<f32>> =
            whole.lengths().0.into_iter().map(|length| bits(&values.words(length))).collect();
        let run = |queries: usize, step: u64| {
            let kernel = AttentionKernel { queries, ..whole.clone() };
            let first = kernel.first(step);
            let mut poisoned = inputs.clone();
            poisoned[1..].iter_mut().for_each(|rows| rows[(first + queries) * 16..].fill(f32::INFINITY));
            let q = &inputs[0][first * 32..(first + queries) * 32];
            let mut outputs = kernel.lengths().1.into_iter().map(|length| vec![0.0; length]);
            let [mut m, mut l, mut o] = std::array::from_fn(|_| outputs.next().expect("three outputs"));
            attention(
                Isa::detect(),
                &kernel,
                step,
                &[q, &poisoned[1], &poisoned[2]],
                &mut [&mut m, &mut l, &mut o],
            );
            o.iter().map(|value| value.to_bits()).collect::<Vec<u32>>()
        };
        let expected = run(TIME, 0);
        for (queries, steps) in
            [(1, &[0, 255, 256, 257, 511, 512, 513][..]), (257, &[0, 1]), (2, &[127, 128])]
        {
            for &step in steps {
                let first = step as usize * queries * 32;
                let found = run(queries, step);
                assert!(found == expected[first..][..queries * 32], "{numerics:?}, {queries} at step {step}");
            }
        }
    }
}

#[test]
#[should_panic(expected = "a backward pass has the queries of all positions")]
fn a_backward_pass_is_of_all_positions() {
    let kernel = AttentionKernel {
        pass: Pass::Backward,
        batch: 1,
        time: 2,
        queries: 1,
        heads: 1,
        group: 1,
        head_size: 1,
        scale: 0,
        numerics: Numerics::F32,
    };
    attention(Isa::Scalar, &kernel, 0, &[], &mut []);
}

#[test]
fn random_shapes() {
    let mut values = Values::with_edges(5, 5000);
    for _ in 0..24 {
        let mut below = |limit: usize| 1 + values.below(limit);
        let (batch, time, key_heads, group, head_size) =
            (below(2), below(280), below(2), below(3), below(40));
        check(&mut Native, [batch, time, key_heads * group, group, head_size], &mut values);
    }
}

/// An infinity in the future does not show in the past, and no NaN comes of it.
#[test]
fn the_future_never_shows() {
    let shape = AttentionKernel {
        pass: Pass::Forward,
        batch: 1,
        time: 100,
        queries: 100,
        heads: 1,
        group: 1,
        head_size: 16,
        scale: 0.25f32.to_bits(),
        numerics: Numerics::F32,
    };
    let mut values = Values::new(6);
    let run = |poison: f32, inputs: &mut Vec<Vec<f32>>| {
        for input in inputs.iter_mut() {
            input[60 * 16..].fill(poison);
        }
        let inputs: Vec<&[f32]> = inputs.iter().map(Vec::as_slice).collect();
        let mut outputs = [vec![0.0; 100], vec![0.0; 100], vec![0.0; 1600]];
        let [m, l, o] = &mut outputs;
        attention(Isa::detect(), &shape, 0, &inputs, &mut [m, l, o]);
        outputs[2][..60 * 16].to_vec()
    };
    let mut inputs: Vec<Vec<f32>> = (0..3).map(|_| bits(&values.words(1600))).collect();
    let plain = run(0.0, &mut inputs);
    let poisoned = run(f32::INFINITY, &mut inputs);
    assert!(plain.iter().all(|value| value.is_finite()));
    assert_eq!(plain, poisoned);
}

#[test]
#[should_panic(expected = "do not fall into groups")]
fn a_group_divides_the_heads() {
    let pass = Pass::Forward;
    let kernel = AttentionKernel {
        pass,
        batch: 1,
        time: 1,
        queries: 1,
        heads: 3,
        group: 2,
        head_size: 1,
        scale: 0,
        numerics: Numerics::F32,
    };
    attention(Isa::Scalar, &kernel, 0, &[], &mut []);
}
