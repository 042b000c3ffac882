//! Composite attention, node by node, against the definition of the fused kernel: the same bits.

use samebit_graph::index::Index;
use samebit_graph::interpret::{Bits, run_step};
use samebit_graph::node::{Input, Kind};
use samebit_graph::operators::Attention;
use samebit_graph::{Builder, DType, Program, scalar};
use samebit_num::{Native, fold::Numerics, philox::Stream};
use samebit_ops::attention::{AttentionKernel, Pass};
use samebit_ops::{Backend, Kernel, Reference, View};

const SEQUENCES: u64 = 2;

fn random(stream: u32, count: u64) -> Vec<u32> {
    let random = Stream { seed: 5, stream, step: 0 };
    (0..count).map(|at| random.normal(at).to_bits()).collect()
}

/// The outputs of the kernel, each with as many words as `lens` says.
fn kernel(attention: &Attention, pass: Pass, step: u64, inputs: &[&[u32]], lens: &[usize]) -> Vec<Vec<u32>> {
    let size = |value: u64| value as usize;
    let kernel = AttentionKernel {
        pass,
        batch: size(SEQUENCES),
        time: size(attention.time),
        queries: size(attention.queries),
        heads: size(attention.heads),
        group: size(attention.group()),
        head_size: size(attention.head_size),
        scale: attention.scale.to_bits(),
        numerics: attention.numerics,
    };
    let buffer = |words: &[u32]| {
        let mut buffer = Reference.allocate(words.len()).expect("memory");
        Reference.write(&mut buffer, 0, words);
        buffer
    };
    let inputs: Vec<_> = inputs.iter().map(|words| buffer(words)).collect();
    let views: Vec<_> = inputs.iter().map(|buffer| View { buffer, origin: 0 }).collect();
    let mut outputs: Vec<_> = lens.iter().map(|len| buffer(&vec![0; *len])).collect();
    Reference.run(&Kernel::Attention(kernel), step, &views, &mut outputs);
    let read = |(buffer, len): (_, &usize)| {
        let mut words = vec![0; *len];
        Reference.read(buffer, 0, &mut words);
        words
    };
    outputs.iter().zip(lens).map(read).collect()
}

/// A program whose states end in the gradients of q, k and v.
fn program(attention: Attention) -> Program {
    let mut builder = Builder::new();
    let rows = SEQUENCES * attention.time;
    let columns =
        [attention.heads, attention.key_heads, attention.key_heads].map(|heads| heads * attention.head_size);
    let names = ["q", "k", "v"];
    let states: [_; 3] = std::array::from_fn(|at| builder.state(names[at], &[rows, columns[at]]));
    let output = builder.apply(attention, &states);
    let seed = builder.table("seed", DType::F32, &[rows, columns[0]]);
    let gradients = builder.pullback(output, seed, &states);
    let sinks: Vec<_> = states.into_iter().zip(gradients).collect();
    builder.finish(&sinks, output, output)
}

fn check(attention: Attention) {
    let program = program(attention);
    let states: Vec<_> =
        (0..).zip(&program.states).map(|(stream, state)| random(stream, state.len())).collect();
    let gradient = random(9, program.states[0].len());
    let outputs = run_step(&mut Bits(Native), &program, &states, std::slice::from_ref(&gradient), 0);
    let of = |op: &str| {
        let id =
            program.nodes.iter().position(|node| node.op == op).unwrap_or_else(|| panic!("no node {op}"));
        &outputs[id]
    };
    let [m, l, o, d] = ["attention_m", "attention_l", "attention", "attention_d"].map(of);
    let [q, k, v] = [&states[0], &states[1], &states[2]];
    let forward = kernel(&attention, Pass::Forward, 0, &[q, k, v], &[m.len(), l.len(), o.len()]);
    assert!([m, l, o] == [&forward[0], &forward[1], &forward[2]], "forward of {attention:?}");
    let backward =
        kernel(&attention, Pass::Backward, 0, &[q, k, v, m, l, d, &gradient], &[q.len(), k.len(), v.len()]);
    let gradients = ["attention_dq", "attention_dk", "attention_dv"].map(of);
    assert!(gradients == [&backward[0], &backward[1], &backward[2]], "backward of {attention:?}");
}

#[test]
fn composites_have_the_bits_of_the_kernel() {
    for (time, heads, key_heads, head_size) in
        [(5, 3, 3, 12), (7, 4, 2, 3), (1, 2, 1, 4), (130, 2, 1, 2), (259, 1, 1, 2)]
    {
        for numerics in Numerics::ALL {
            check(Attention { time, queries: time, heads, key_heads, head_size, scale: 0.3, numerics });
        }
    }
}

/// Some positions' queries beside the keys and values of all.
#[test]
fn queries_of_a_step_have_the_bits_of_the_kernel() {
    for (time, queries, heads, key_heads, head_size) in [(6, 2, 4, 2, 3), (258, 1, 1, 1, 2), (12, 4, 3, 3, 5)]
    {
        for numerics in Numerics::ALL {
            let attention = Attention { time, queries, heads, key_heads, head_size, scale: 0.3, numerics };
            let mut builder = Builder::new();
            let shapes = [(queries, heads), (time, key_heads), (time, key_heads)];
            let shapes = shapes.map(|(rows, heads)| [SEQUENCES * rows, heads * head_size]);
            let names = ["q", "k", "v"];
            let inputs: [_; 3] = std::array::from_fn(|at| builder.state(names[at], &shapes[at]));
            let output = builder.apply(attention, &inputs);
            let norm =
                builder.map("first", &[1], vec![Input::Outer(output, Index::default())], scalar::copy());
            let program = builder.finish(&[(inputs[0], output)], norm, norm);
            program.check().unwrap_or_else(|error| panic!("{attention:?}: {error}"));
            for node in program.nodes.iter().filter(|node| matches!(node.kind, Kind::Composite { .. })) {
                let found = Attention::recognize(node).map(|(found, ..)| found);
                assert_eq!(found, Some(attention), "{}", node.op);
            }
            let states: Vec<_> =
                (0..).zip(&program.states).map(|(stream, state)| random(stream, state.len())).collect();
            for step in [0, 1, time / queries - 1, time / queries + 1] {
                let outputs = run_step(&mut Bits(Native), &program, &states, &[], step);
                let of =
                    |op: &str| &outputs[program.nodes.iter().position(|node| node.op == op).expect("a node")];
                let expected = ["attention_m", "attention_l", "attention"].map(of);
                let [q, k, v] = [&states[0], &states[1], &states[2]];
                let lens = expected.map(Vec::len);
                let found = kernel(&attention, Pass::Forward, step, &[q, k, v], &lens);
                assert!(expected == [&found[0], &found[1], &found[2]], "{attention:?}, step {step}");
            }
        }
    }
}
