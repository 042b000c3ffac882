//! Whole training steps by the engine on the CUDA backend, run by the emulator: every state, loss and norm has the bits of the
//! processor's backend, which the engine's own tests hold against the interpreter.

mod common;

use common::backends;
use samebit_engine::{Engine, Settings};
use samebit_graph::fixtures::{Dims, Fixture, gpt, llama};
use samebit_ops::{Backend, Cpu};
use std::sync::Arc;

const STEPS: u64 = 2;

/// The states after two steps, and each step's loss and gradient norm.
fn trained((program, states, tables): &Fixture, backend: Arc<dyn Backend>) -> (Vec<Vec<u32>>, Vec<[u32; 2]>) {
    let mut engine =
        Engine::new(Arc::new(program.clone()), tables, backend, &Settings::default()).expect("a plan");
    for (index, words) in states.iter().enumerate() {
        engine.write_state(index, words).expect("a state of the declared size");
    }
    let outcomes = (0..STEPS).map(|step| {
        let outcome = engine.step(step).expect("a step");
        [outcome.loss, outcome.grad_norm]
    });
    let outcomes = outcomes.collect();
    let read = |(index, words): (usize, &Vec<u32>)| {
        let mut found = vec![0; words.len()];
        engine.read_state(index, 0, &mut found);
        found
    };
    (states.iter().enumerate().map(read).collect(), outcomes)
}

fn check(fixture: &Fixture) {
    let expected = trained(fixture, Arc::new(Cpu::detect()));
    for backend in backends().into_iter().take(1) {
        let how = backend.machine().describe();
        let found = trained(fixture, Arc::new(backend));
        assert_eq!(found.1, expected.1, "{how}: losses and norms");
        for (index, (found, expected)) in found.0.iter().zip(&expected.0).enumerate() {
            let wrong = found.iter().zip(expected).position(|(found, expected)| found != expected);
            assert_eq!(wrong, None, "{how}: first wrong element of state {index}");
        }
    }
}

#[test]
fn a_gpt_with_dropout_trains_to_the_same_bits() {
    check(&gpt(Dims { dropout: 0.2, ..Dims::default() }));
}

#[test]
fn a_llama_trains_to_the_same_bits() {
    check(&llama(Dims::default()));
}
