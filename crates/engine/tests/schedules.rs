//! One program, one result: every backend, thread count, micro-batch split and trace gives the interpreter's bits.

use samebit_engine::lower::Freedom;
use samebit_engine::plan::{Action, Plan, PlanError};
use samebit_engine::recompute::Thrift;
use samebit_engine::{Engine, EngineError, Outcome, Settings, Watch};
use samebit_graph::fixtures::{Dims, Fixture, gpt, llama};
use samebit_graph::interpret::{self, next_states, run_step};
use samebit_graph::node::{Kind, NodeId};
use samebit_num::fold::{Bits, Numerics};
use samebit_num::{Native, Soft};
use samebit_ops::{Backend, Buffer, backend};
use std::sync::Arc;

const STEPS: u64 = 2;

fn backends() -> Vec<Arc<dyn Backend>> {
    ["scalar", "avx2", "avx512"].iter().filter_map(|name| backend(name).ok()).map(Arc::from).collect()
}

/// The states after some steps, and each step's outcome, by the living definition.
fn interpreted((program, states, tables): &Fixture) -> (Vec<Vec<u32>>, Vec<Outcome>) {
    let mut states = states.clone();
    let outcomes = (0..STEPS).map(|step| {
        let outputs = run_step(&mut interpret::Bits(Soft), program, &states, tables, step);
        states = next_states(program, &outputs);
        Outcome { loss: outputs[program.loss as usize][0], grad_norm: outputs[program.grad_norm as usize][0] }
    });
    let outcomes = outcomes.collect();
    (states, outcomes)
}

fn engine((program, states, tables): &Fixture, backend: Arc<dyn Backend>, settings: &Settings) -> Engine {
    let mut engine = Engine::new(Arc::new(program.clone()), tables, backend, settings).expect("a plan");
    for (index, words) in states.iter().enumerate() {
        engine.write_state(index, words).expect("a state of the declared size");
    }
    engine
}

fn states_of(engine: &Engine) -> Vec<Vec<u32>> {
    let states = engine.program().states.iter().enumerate();
    states
        .map(|(index, state)| {
            let mut words = vec![0; state.len() as usize];
            engine.read_state(index, 0, &mut words);
            words
        })
        .collect()
}

fn executed(
    fixture: &Fixture,
    backend: Arc<dyn Backend>,
    settings: &Settings,
) -> (Vec<Vec<u32>>, Vec<Outcome>) {
    let mut engine = engine(fixture, backend, settings);
    let outcomes = (0..STEPS).map(|step| engine.step(step).expect("a step")).collect();
    (states_of(&engine), outcomes)
}

#[track_caller]
fn assert_same(
    fixture: &Fixture,
    found: &(Vec<Vec<u32>>, Vec<Outcome>),
    expected: &(Vec<Vec<u32>>, Vec<Outcome>),
    how: &str,
) {
    assert_eq!(found.1, expected.1, "{how}: loss and gradient norm");
    for ((state, found), expected) in fixture.0.states.iter().zip(&found.0).zip(&expected.0) {
        let wrong = found.iter().zip(expected).position(|(found, expected)| found != expected);
        assert_eq!(wrong, None, "{how}: first wrong element of {}", state.name);
    }
}

fn fixtures() -> Vec<(&'static str, Fixture)> {
    let odd = Dims { sequences: 6, ..Dims::default() };
    let exact = |bits| Dims { numerics: Numerics::Exact(bits), ..odd };
    vec![
        ("gpt", gpt(odd)),
        ("gpt with dropout", gpt(Dims { dropout: 0.2, ..odd })),
        ("llama", llama(odd)),
        ("gpt in exact8", gpt(exact(Bits::Eight))),
        ("llama in exact14", llama(exact(Bits::Fourteen))),
        ("gpt in exact21", gpt(exact(Bits::TwentyOne))),
    ]
}

#[test]
fn every_schedule_gives_the_interpreters_bits() {
    for (name, fixture) in fixtures() {
        let expected = interpreted(&fixture);
        for backend in backends() {
            for (threads, micro_batches) in [(1, 1), (2, 6), (3, 3), (7, 2)] {
                let settings = Settings { threads, micro_batches, ..Settings::default() };
                let found = executed(&fixture, backend.clone(), &settings);
                assert_same(
                    &fixture,
                    &found,
                    &expected,
                    &format!("{name}, {}, {settings:?}", backend.name()),
                );
            }
        }
    }
    if cfg!(debug_assertions) {
        assert!(samebit_ops::is_marked("engine: block straddles micro-batches"));
        assert!(samebit_ops::is_marked("engine: weights prepared for all micro-batches"));
    }
}

/// Folds of several blocks, a sequence beyond one block of keys, a batch whose blocks straddle micro-batches, rows at their greatest
/// magnitude: every way in which an exact product can be added up.
#[test]
fn exact_products_of_large_folds_have_one_result() {
    for bits in Bits::ALL {
        let numerics = Numerics::Exact(bits);
        let dims = Dims {
            sequences: 2,
            time: 261,
            head_size: 4,
            layers: 1,
            hidden: 300,
            vocabulary: 19,
            numerics,
            ..Dims::default()
        };
        let (program, mut states, tables) = llama(dims);
        for (state, words) in program.states.iter().zip(&mut states) {
            if ["gate.weight", "up.weight"].iter().any(|name| state.name.ends_with(name)) {
                // Every other row is ± one number.
                let rows = words.chunks_mut(state.shape[1] as usize).step_by(2);
                rows.flatten().for_each(|word| *word = *word & 0x8000_0000 | 0x3e00_0000);
            }
        }
        let fixture = (program, states, tables);
        let outputs = run_step(&mut interpret::Bits(Native), &fixture.0, &fixture.1, &fixture.2, 0);
        let expected = next_states(&fixture.0, &outputs);
        for backend in backends() {
            for (threads, micro_batches) in [(1, 1), (2, 2)] {
                let settings = Settings { threads, micro_batches, ..Settings::default() };
                let mut engine = engine(&fixture, backend.clone(), &settings);
                engine.step(0).expect("a step");
                let is_same = states_of(&engine) == expected;
                assert!(is_same, "{}, {}, {settings:?}", numerics.name(), backend.name());
            }
        }
    }
}

#[test]
fn with_little_memory_values_are_computed_again_to_the_same_bits() {
    let deep = Dims { sequences: 16, time: 24, layers: 6, vocabulary: 11, ..Dims::default() };
    for (name, fixture) in [("gpt", gpt(deep)), ("llama", llama(deep))] {
        let (program, _, tables) = &fixture;
        let free =
            Engine::new(Arc::new(program.clone()), tables, backends()[0].clone(), &Settings::default());
        let words = free.expect("a plan").plan().words();
        let all = executed(&fixture, backends()[0].clone(), &Settings::default());
        let opaque = Default::default();
        let freedom = Freedom { fuse: true, opaque: &opaque };
        let plan =
            Plan::new(program, 1, &vec![u32::MAX; tables.len()], freedom, Thrift::Layers).expect("a plan");
        let fewer = plan.words();
        assert!(fewer < words * 3 / 4, "{name}: {fewer} words of {words}");
        for micro_batches in [1, 2] {
            let settings =
                Settings { threads: 2, micro_batches, memory: Some(fewer * 4), ..Settings::default() };
            let found = executed(&fixture, backends()[0].clone(), &settings);
            assert_same(&fixture, &found, &all, &format!("{name}, {micro_batches} micro-batches"));
        }
        let settings = Settings { memory: Some(words), ..Settings::default() };
        let refused =
            Engine::new(Arc::new(program.clone()), tables, backends()[0].clone(), &settings).map(drop);
        assert!(matches!(refused, Err(EngineError::Plan(PlanError::TooLarge { .. }))), "{name}");
    }
    if cfg!(debug_assertions) {
        assert!(samebit_ops::is_marked("engine: value computed again"));
    }
}

#[test]
fn the_reference_backend_agrees() {
    for numerics in Numerics::ALL {
        let fixture = llama(Dims { sequences: 2, layers: 1, numerics, ..Dims::default() });
        let expected = interpreted(&fixture);
        let reference: Arc<dyn Backend> = Arc::from(backend("reference").expect("always there"));
        assert_same(&fixture, &executed(&fixture, reference, &Settings::default()), &expected, "reference");
    }
}

/// Collects every node's words.
struct Collect(Vec<Vec<u32>>);

impl Watch for Collect {
    fn node(&mut self, node: NodeId, backend: &dyn Backend, buffer: &mut Buffer, words: usize) {
        self.0[node as usize] = vec![0; words];
        backend.read(buffer, 0, &mut self.0[node as usize]);
    }
}

#[test]
fn a_trace_shows_every_node_as_interpreted() {
    for (name, fixture) in fixtures() {
        let (program, states, tables) = &fixture;
        let outputs = run_step(&mut interpret::Bits(Soft), program, states, tables, 0);
        for backend in backends() {
            let mut engine = engine(&fixture, backend, &Settings { threads: 2, ..Settings::default() });
            let mut collect = Collect(vec![Vec::new(); program.nodes.len()]);
            engine.traced_step(0, &mut collect).expect("a step");
            for (id, node) in
                program.nodes.iter().enumerate().filter(|(_, node)| !matches!(node.kind, Kind::Table(_)))
            {
                assert_eq!(collect.0[id], outputs[id], "{name}: node {id} ({})", node.op);
            }
            assert_eq!(
                states_of(&engine),
                next_states(program, &outputs),
                "{name}: state after a traced step"
            );
        }
    }
}

#[test]
fn no_node_of_a_model_is_left_to_the_interpreter() {
    for (name, fixture) in fixtures() {
        let engine =
            engine(&fixture, Arc::from(backend("scalar").expect("always there")), &Settings::default());
        for launch in engine.plan().phases.iter().flatten() {
            let Action::Host(node) = launch.action else { continue };
            panic!("{name}: node {node} ({})", fixture.0.nodes[node as usize].op);
        }
    }
}
