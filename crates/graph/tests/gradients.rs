//! Every gradient rule against central differences of the same bytecode in float64.

mod float64;

use float64::Float64;
use samebit_graph::fixtures::{self, Apply, Dims, Given, Inputs, case};
use samebit_graph::interpret::run_step;
use samebit_graph::operators::{OPERATORS, Scale, elementwise};
use samebit_graph::{Builder, DType, Program};
use samebit_num::philox::Stream;

/// The greatest difference, relative to the greatest gradient of the tensor.
const TOLERANCE: f64 = 1e-6;

/// Random numbers, none of them near 0, where ReLU bends.
fn random(stream: u32, count: u64) -> Vec<f64> {
    let random = Stream { seed: 11, stream, step: 0 };
    let value = |at| f64::from(random.normal(at));
    (0..count).map(|at| value(at) + 0.05 * value(at).signum()).collect()
}

/// A program whose states are the free inputs, each with its gradient as sink, and whose loss is the operator's output.
struct Check {
    program: Program,
    states: Vec<Vec<f64>>,
    tables: Vec<Vec<f64>>,
    seed: Vec<f64>,
}

impl Check {
    fn new(given: &[Given], apply: &Apply) -> Self {
        let mut builder = Builder::new();
        let Inputs { nodes, free } = Inputs::declare(&mut builder, given);
        let (mut states, mut tables) = (vec![], vec![]);
        for (stream, given) in (0u32..).zip(given) {
            match given {
                Given::Free(shape) => states.push(random(stream, shape.iter().product())),
                Given::Table(shape) => tables.push(random(stream, shape.iter().product())),
                Given::Integers(values) => {
                    tables.push(values.iter().map(|value| f64::from(*value)).collect());
                }
            }
        }
        let output = apply(&mut builder, &nodes);
        let shape = builder.shape(output).to_vec();
        let seed = random(99, builder.len(output));
        tables.push(seed.clone());
        let seed_node = builder.table("seed", DType::F32, &shape);
        let gradients = builder.pullback(output, seed_node, &free);
        let sinks: Vec<_> = free.into_iter().zip(gradients).collect();
        Check { program: builder.finish(&sinks, output, output), states, tables, seed }
    }

    fn run(&self, states: &[Vec<f64>]) -> Vec<Vec<f64>> {
        run_step(&mut Float64, &self.program, states, &self.tables, 1)
    }

    /// Σ output · seed.
    fn loss(&self, states: &[Vec<f64>]) -> f64 {
        let outputs = self.run(states);
        outputs[self.program.loss as usize].iter().zip(&self.seed).map(|(y, seed)| y * seed).sum()
    }
}

/// The derivative of `loss` in one element, by the five-point rule.
fn difference(loss: impl Fn(&[Vec<f64>]) -> f64, states: &[Vec<f64>], tensor: usize, at: usize) -> f64 {
    const H: f64 = 1e-3;
    let moved = |steps: f64| {
        let mut states = states.to_vec();
        states[tensor][at] += steps * H;
        loss(&states)
    };
    (8.0 * (moved(1.0) - moved(-1.0)) - (moved(2.0) - moved(-2.0))) / (12.0 * H)
}

fn greatest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |greatest, value| greatest.max(value.abs()))
}

#[test]
fn every_rule_agrees_with_differences() {
    for row in OPERATORS {
        let (inputs, apply) = case(row.name);
        let check = Check::new(&inputs, &apply);
        let outputs = check.run(&check.states);
        for (tensor, sink) in check.program.sinks.iter().enumerate() {
            let rule = &outputs[*sink as usize];
            let measured: Vec<f64> = (0..check.states[tensor].len())
                .map(|at| difference(|states| check.loss(states), &check.states, tensor, at))
                .collect();
            assert_eq!(rule.len(), measured.len(), "{}, input {tensor}", row.name);
            let scale = greatest(&measured);
            assert!(scale > 1e-3, "{}, input {tensor}: a gradient of 0 shows nothing", row.name);
            for (at, (rule, measured)) in rule.iter().zip(&measured).enumerate() {
                let error = (rule - measured).abs() / scale;
                assert!(
                    error <= TOLERANCE,
                    "{}, input {tensor}, element {at}: {rule} against {measured}",
                    row.name
                );
            }
        }
    }
}

#[test]
fn names_in_the_table_are_the_operators_own() {
    let mut names: Vec<_> = OPERATORS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), OPERATORS.len());
    for row in OPERATORS {
        assert!(!row.formula.is_empty() && row.signature.contains('→'), "{}", row.name);
    }
}

/// AdamW's first moment after step 0 is (1 − β1) · clip · gradient: it shows the gradient of the whole model.
#[test]
fn whole_models_agree_with_differences() {
    let dims = Dims { time: 3, layers: 1, vocabulary: 11, hidden: 7, dropout: 0.25, ..Dims::default() };
    for (program, states, tables) in [fixtures::gpt(dims), fixtures::llama(dims)] {
        let floats = |dtype: DType, words: &[u32]| -> Vec<f64> {
            let value = |word: &u32| match dtype {
                DType::F32 => f64::from(f32::from_bits(*word)),
                DType::U32 => f64::from(*word),
            };
            words.iter().map(value).collect()
        };
        let states: Vec<_> = states.iter().map(|words| floats(DType::F32, words)).collect();
        let tables: Vec<_> =
            program.tables.iter().zip(&tables).map(|(table, words)| floats(table.dtype, words)).collect();
        let loss = |states: &[Vec<f64>]| {
            run_step(&mut Float64, &program, states, &tables, 0)[program.loss as usize][0]
        };
        let outputs = run_step(&mut Float64, &program, &states, &tables, 0);
        let norm = outputs[program.grad_norm as usize][0];
        let clip = (1.0 / (norm + f64::from(1e-6f32))).min(1.0);
        let mut squares = 0.0;
        for (tensor, state) in program.states.iter().enumerate() {
            let moment = format!("{}.m", state.name);
            let Some(moment) = program.states.iter().position(|state| state.name == moment) else { continue };
            let gradient: Vec<f64> = outputs[program.sinks[moment] as usize]
                .iter()
                .map(|m| m / clip / f64::from(0.1f32))
                .collect();
            squares += gradient.iter().map(|g| g * g).sum::<f64>();
            let at = gradient.len() / 2;
            let measured = difference(loss, &states, tensor, at);
            // The gradient of a key's bias is 0: a softmax does not see a shift.
            let error = (gradient[at] - measured).abs() / greatest(&gradient).max(1e-3 * norm);
            assert!(error <= TOLERANCE, "{}[{at}]: {} against {measured}", state.name, gradient[at]);
        }
        assert!((squares.sqrt() / norm - 1.0).abs() < 1e-6, "the norm {norm} is that of the gradient");
    }
}

#[test]
fn parts_of_a_gradient_are_added_in_the_order_of_the_tape() {
    let mut builder = Builder::new();
    let x = builder.state("x", &[2]);
    let parts: Vec<_> =
        [2.0, 3.0, 5.0].map(|factor| builder.apply(Scale { factor }, &[x])).into_iter().collect();
    let first = builder.apply(elementwise::ADD, &[parts[0], parts[1]]);
    let output = builder.apply(elementwise::ADD, &[first, parts[2]]);
    let seed = builder.table("seed", DType::F32, &[2]);
    let gradient = builder.pullback(output, seed, &[x])[0];
    let expected: Vec<_> =
        [2.0, 3.0, 5.0].map(|factor| builder.apply(Scale { factor }, &[seed])).into_iter().collect();
    let expected = builder.add_all("add_gradients", &[2], &expected);
    assert_eq!(gradient, expected, "((2 + 3) + 5), identical nodes are one node");
}
