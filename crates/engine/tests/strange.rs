//! Legal programs that no builder would write are computed as they are defined, or refused, on every schedule: whoever writes a
//! program must not find a place where a kernel means something else.

use samebit_engine::{Engine, Settings};
use samebit_graph::fixtures::{Dims, gpt, llama};
use samebit_graph::interpret::{self, next_states, run_step};
use samebit_graph::node::{Input, Kind, Node};
use samebit_graph::operators::Attention;
use samebit_graph::{Builder, DType, Index, Program, scalar};
use samebit_num::Native;
use samebit_num::fold::{Bits, Numerics};
use samebit_num::philox::Stream;
use samebit_ops::{Backend, Cpu};
use std::sync::Arc;

/// A generator of choices (xorshift).
struct Choice(u64);

impl Choice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// One number of a node, somewhat different.
fn disturb(node: &mut Node, choice: &mut Choice) {
    let change = |number: u64, choice: &mut Choice| match choice.below(5) {
        0 => number + 1,
        1 => number.saturating_sub(1).max(1),
        2 => number * 2,
        3 => (number / 2).max(1),
        _ => 1,
    };
    match choice.below(4) {
        0 if !node.shape.is_empty() => {
            let at = choice.below(node.shape.len() as u64) as usize;
            node.shape[at] = change(node.shape[at], choice);
        }
        1 => match &mut node.kind {
            Kind::Fold(fold) => fold.extent = change(fold.extent, choice),
            Kind::Composite { body, .. } => {
                let at = choice.below(body.len() as u64) as usize;
                disturb(&mut body[at], choice);
            }
            _ => {}
        },
        2 => disturb_input(node, choice, |index, choice| index.constant += choice.below(20)),
        _ => disturb_input(node, choice, |index, choice| {
            if !index.terms.is_empty() {
                let at = choice.below(index.terms.len() as u64) as usize;
                index.terms[at].0 = change(index.terms[at].0, choice);
            }
        }),
    }
}

fn disturb_input(node: &mut Node, choice: &mut Choice, change: impl Fn(&mut Index, &mut Choice)) {
    let inputs = match &mut node.kind {
        Kind::Map { inputs, .. } => inputs,
        Kind::Fold(fold) => &mut fold.inputs,
        _ => return,
    };
    if inputs.is_empty() {
        return;
    }
    let at = choice.below(inputs.len() as u64) as usize;
    let (Input::Outer(_, index) | Input::Body(_, index) | Input::Value(index)) = &mut inputs[at];
    change(index, choice);
}

/// A state ends in another node that would do, or the loss is another number.
fn redirect(program: &mut Program, choice: &mut Choice) {
    let at = choice.below(program.states.len() as u64 + 1) as usize;
    let wanted = program.states.get(at).map_or(1, samebit_graph::Declaration::len);
    let like: Vec<u32> = (0..)
        .zip(&program.nodes)
        .filter(|(_, node)| node.len() == wanted && node.dtype == DType::F32)
        .map(|(id, _)| id)
        .collect();
    let node = like[choice.below(like.len() as u64) as usize];
    *program.sinks.get_mut(at).unwrap_or(&mut program.loss) = node;
}

/// Whether an engine took the program; its result is the definition's.
fn compare(
    program: &Program,
    states: &[Vec<u32>],
    tables: &[Vec<u32>],
    micro_batches: u64,
    what: &str,
) -> bool {
    let settings = Settings { micro_batches, ..Settings::default() };
    let backend: Arc<dyn Backend> = Arc::new(Cpu::detect());
    let Ok(mut engine) = Engine::new(Arc::new(program.clone()), tables, backend, &settings) else {
        return false;
    };
    for (index, words) in states.iter().enumerate() {
        engine.write_state(index, words).expect("a state of the declared size");
    }
    engine.step(1).expect("a step");
    let outputs = run_step(&mut interpret::Bits(Native), program, states, tables, 1);
    for (index, (state, expected)) in program.states.iter().zip(next_states(program, &outputs)).enumerate() {
        let mut found = vec![0; expected.len()];
        engine.read_state(index, 0, &mut found);
        assert!(found == expected, "{what}, {micro_batches} micro-batches: state {}", state.name);
    }
    true
}

/// Attention of two positions of six a step, in two sequences.
fn stepped(numerics: Numerics) -> Program {
    let mut builder = Builder::new();
    let [q, k, v] =
        [("q", [4, 12]), ("k", [12, 6]), ("v", [12, 6])].map(|(name, shape)| builder.state(name, &shape));
    let attention =
        Attention { time: 6, queries: 2, heads: 4, key_heads: 2, head_size: 3, scale: 0.7, numerics };
    let output = builder.apply(attention, &[q, k, v]);
    let first = builder.map("first", &[1], vec![Input::Outer(output, Index::default())], scalar::copy());
    builder.finish(&[(q, output)], first, first)
}

#[test]
fn disturbed_attention_of_a_step_is_computed_as_defined() {
    let mut choice = Choice(0x2545_f491_4f6c_dd1d);
    let mut taken = 0;
    for numerics in [Numerics::F32, Numerics::Exact(Bits::Eight)] {
        let program = stepped(numerics);
        let random = |stream: u32, count: u64| {
            let random = Stream { seed: 8, stream, step: 0 };
            (0..count).map(|at| random.normal(at).to_bits()).collect()
        };
        let states: Vec<Vec<u32>> =
            (0..).zip(&program.states).map(|(stream, state)| random(stream, state.len())).collect();
        assert!(compare(&program, &states, &[], 1, "as it is"));
        for round in 0..400 {
            let mut strange = program.clone();
            let node = choice.below(strange.nodes.len() as u64) as usize;
            disturb(&mut strange.nodes[node], &mut choice);
            if strange != program && strange.check().is_ok() {
                let what = format!("{numerics:?}, round {round}, node {node} ({})", strange.nodes[node].op);
                taken += usize::from(compare(&strange, &states, &[], 1, &what));
            }
        }
    }
    assert!(taken > 50, "too few legal programs to mean anything: {taken}");
}

#[test]
fn disturbed_programs_are_computed_as_defined() {
    let dims = Dims { sequences: 2, layers: 1, vocabulary: 11, hidden: 10, ..Dims::default() };
    let mut choice = Choice(0x9e37_79b9_7f4a_7c15);
    let mut taken = [0, 0];
    let exact = Dims { numerics: Numerics::Exact(Bits::Fourteen), ..dims };
    let models = [("gpt", gpt(dims)), ("llama", llama(dims)), ("llama in exact14", llama(exact))];
    for (name, (program, states, tables)) in models {
        for round in 0..500 {
            let mut strange = program.clone();
            let node = choice.below(strange.nodes.len() as u64) as usize;
            match round % 4 {
                0 => redirect(&mut strange, &mut choice),
                _ => disturb(&mut strange.nodes[node], &mut choice),
            }
            if strange == program || strange.check().is_err() {
                continue;
            }
            let what = format!("{name}, round {round}, node {node} ({})", strange.nodes[node].op);
            for micro_batches in [1, 2] {
                let took = compare(&strange, &states, &tables, micro_batches, &what);
                taken[micro_batches as usize - 1] += usize::from(took);
            }
        }
    }
    assert!(taken[0] > 100 && taken[1] > 20, "too few legal programs to mean anything: {taken:?}");
}
