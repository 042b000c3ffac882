//! Optimisers and batches against their formulas, written out in plain floats.

use samebit_graph::batch::{Batch, batch};
use samebit_graph::interpret::{Bits, Frame, element, next_states, run_step, totals};
use samebit_graph::optimizer::{AdamW, Sgd, Tensor, clip_factor, global_norm, schedule};
use samebit_graph::{Builder, DType, Kind, NodeId};
use samebit_num::{Arith, Native};

const RATES: [f32; 8] = [0.5, 10.0, 20.0, 0.75, 0.25, 5.0, 8.0, 0.875];

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn floats(words: &[u32]) -> Vec<f32> {
    words.iter().map(|word| f32::from_bits(*word)).collect()
}

/// The states after step 1 of an update of p, m and v (in this order) with the gradient 3, −4.
fn after(
    update: impl Fn(&mut Builder, Tensor, Option<NodeId>, NodeId) -> Vec<NodeId>,
    decays: bool,
) -> Vec<Vec<f32>> {
    let mut builder = Builder::new();
    let [p, m, v] = ["p", "m", "v"].map(|name| builder.state(name, &[2]));
    let gradient = builder.table("gradient", DType::F32, &[2]);
    let norm = global_norm(&mut builder, &[gradient]);
    let clip = clip_factor(&mut builder, norm, 1.0);
    let rates = schedule(&mut builder, 2);
    let tensor = Tensor { parameter: p, moments: [m, v], gradient, decays };
    let values = update(&mut builder, tensor, Some(clip), rates);
    let sinks: Vec<_> = [p, m, v].into_iter().zip(values).collect();
    let program = builder.finish(&sinks, norm, norm);
    assert_eq!(program.check(), Ok(()));
    let states = vec![bits(&[1.0, -2.0]), bits(&[0.5, 0.25]), bits(&[0.125, 2.0])];
    let outputs = run_step(&mut Bits(Native), &program, &states, &[bits(&[3.0, -4.0]), bits(&RATES)], 1);
    assert_eq!(floats(&outputs[program.grad_norm as usize]), [5.0]);
    next_states(&program, &outputs).iter().map(|words| floats(words)).collect()
}

#[test]
fn adamw_is_its_formula() {
    let adam = AdamW { beta1: 0.9, beta2: 0.95, epsilon: 1e-8 };
    let clip = 1.0f32 / (5.0 + 1e-6);
    for decays in [true, false] {
        let found =
            after(|builder, tensor, clip, rates| adam.update(builder, tensor, clip, rates).to_vec(), decays);
        let (p, m, v) = ([1.0f32, -2.0], [0.5f32, 0.25], [0.125f32, 2.0]);
        for at in 0..2 {
            let n = &mut Native;
            let g = [3.0f32, -4.0][at] * clip;
            let mean = n.fma(0.9, m[at], (1.0 - 0.9f64) as f32 * g);
            let square = n.fma(0.95, v[at], (1.0 - 0.95f64) as f32 * g * g);
            let kept = if decays { p[at] * RATES[7] } else { p[at] };
            let direction = (mean * RATES[5]) / ((square * RATES[6]).sqrt() + 1e-8);
            let value = n.fma(-RATES[4], direction, kept);
            assert_eq!([found[0][at], found[1][at], found[2][at]], [value, mean, square]);
        }
    }
}

#[test]
fn sgd_is_its_formula_and_leaves_other_states_alone() {
    let sgd = Sgd { momentum: 0.9, weight_decay: 0.5 };
    let clip = 1.0f32 / (5.0 + 1e-6);
    for decays in [true, false] {
        let found =
            after(|builder, tensor, clip, rates| sgd.update(builder, tensor, clip, rates).to_vec(), decays);
        for at in 0..2 {
            let n = &mut Native;
            let (p, m) = ([1.0f32, -2.0][at], [0.5f32, 0.25][at]);
            let g = [3.0f32, -4.0][at] * clip;
            let g = if decays { n.fma(0.5, p, g) } else { g };
            let mean = n.fma(0.9, m, g);
            assert_eq!([found[0][at], found[1][at]], [n.fma(-RATES[4], mean, p), mean]);
        }
        assert_eq!(found[2], [0.125, 2.0], "a state without a sink keeps its value");
    }
}

#[test]
fn small_gradients_are_not_clipped() {
    let mut builder = Builder::new();
    let state = builder.state("x", &[3]);
    let norm = global_norm(&mut builder, &[state]);
    let clip = clip_factor(&mut builder, norm, 1.0);
    let program = builder.finish(&[], norm, clip);
    for (values, expected) in
        [([0.1, 0.2, 0.2], 1.0), ([0.0; 3], 1.0), ([f32::NAN; 3], 1.0), ([0.0, 4.0, 0.0], 0.25)]
    {
        let outputs = run_step(&mut Bits(Native), &program, &[bits(&values)], &[], 0);
        let found = f32::from_bits(outputs[program.grad_norm as usize][0]);
        assert!((found - expected).abs() < 1e-6, "{values:?}: {found}");
    }
}

#[test]
fn a_batch_reads_the_rows_of_its_step() {
    let mut builder = Builder::new();
    let nodes = batch(&mut builder, Batch { sequences: 2, time: 3, token_count: 13, steps: 2 });
    let wanted = [nodes.ids, nodes.labels, nodes.positions];
    let tokens: Vec<u32> = (100..113).collect();
    let read: Vec<Vec<u32>> = wanted
        .iter()
        .map(|node| {
            let node = builder.node(*node).clone();
            let tables = vec![tokens.clone(), vec![0, 1, 3, 2]];
            samebit_graph::interpret::node(&mut Bits(Native), &node, &tables, 1)
        })
        .collect();
    assert_eq!(read[0], [109, 110, 111, 106, 107, 108], "rows 3 and 2");
    assert_eq!(read[1], [110, 111, 112, 107, 108, 109], "the tokens that follow");
    assert_eq!(read[2], [0, 1, 2, 0, 1, 2]);
}

#[test]
fn the_last_total_is_the_element() {
    let mut builder = Builder::new();
    let state = builder.state("x", &[600]);
    let norm = global_norm(&mut builder, &[state]);
    let program = builder.finish(&[], norm, norm);
    let values: Vec<u32> = (0..600).map(|at| (at as f32 * 0.01).to_bits()).collect();
    let outputs = run_step(&mut Bits(Native), &program, &[values], &[], 0);
    let sum = program.nodes.iter().find(|node| matches!(node.kind, Kind::Fold(_))).expect("a sum of squares");
    let frame = Frame::new(&outputs, 0);
    let found = totals(&mut Bits(Native), sum, 0, frame);
    assert_eq!(found.len(), 3, "blocks of 256, 256 and 88");
    assert_eq!(found[2], element(&mut Bits(Native), sum, 0, frame));
    assert!(found.windows(2).all(|pair| f32::from_bits(pair[0]) < f32::from_bits(pair[1])));
}
