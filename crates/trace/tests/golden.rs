//! The states in which two small jobs end, as every build on every machine must find them: `cargo xtask profiles` runs this without
//! optimisation, with that of the tests and with that of a release.

use samebit_engine::Settings;
use samebit_graph::fixtures::{Dims, Fixture, gpt, llama};
use samebit_ops::{Backend, Cpu, Reference};
use samebit_trace::{Job, Runner};
use std::sync::Arc;

const STEPS: u64 = 4;

/// Of the GPT and of the Llama.
const GOLDEN: [&str; 2] = [
    "1e6f92e1dca0a2c95aaac10d5e9cdec7d3107ea5acd667f9baaeebe1e51181e8",
    "97cd245ad2bcc5e8d66124bcf34317f7a00a7d73451300a45b22d303715f53bb",
];

/// Where a job of a fixture ends.
fn final_state((program, states, tables): Fixture, backend: Arc<dyn Backend>) -> String {
    let job = Job::new(program, tables, &states, STEPS, 2);
    let mut runner = Runner::new(job, backend, &Settings::default(), Vec::new()).expect("a runner");
    for (state, words) in states.iter().enumerate() {
        runner.write_state(state, words).expect("a state");
    }
    for step in 0..STEPS {
        assert!(!runner.step(step).expect("a step").is_diverged());
    }
    runner.state_root().to_string()
}

#[test]
fn small_jobs_end_where_they_always_did() {
    let dims = Dims { steps: STEPS, layers: 1, ..Dims::default() };
    let backends: [Arc<dyn Backend>; 2] = [Arc::new(Cpu::detect()), Arc::new(Reference)];
    for backend in backends {
        let found = [gpt(dims), llama(dims)].map(|fixture| final_state(fixture, backend.clone()));
        assert_eq!(found, GOLDEN, "{}", backend.name());
    }
}
