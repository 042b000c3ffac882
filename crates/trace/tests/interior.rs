//! The interior of a segment: every schedule and backend gives the same root, a lie gives another, and every leaf is proved from a replay.

mod common;

use common::{World, worlds};
use samebit_commit::interior::{self, EvidenceError, Place};
use samebit_commit::{Digest, Sequence};
use samebit_ops::{Backend, Cpu, Reference};
use samebit_trace::{Fault, Runner, interior_evidence};
use std::sync::Arc;

/// Of the GPT and of the Llama.
const GOLDEN: [&str; 2] = [
    "d9ce98e926a2911d2fec9ab71ae62d8be5c9eb089b990040f9fe8aad2c350ea5",
    "de6e88bc7519823e9747f4ce79e6c11deff4a2affbf8026c6ea4d593b58dc8c2",
];

fn runner(world: &World, backend: Arc<dyn Backend>, faults: &[Fault]) -> Runner {
    let mut runner = world.runner(backend, faults);
    for (state, words) in world.states.iter().enumerate() {
        runner.write_state(state, words).expect("a state");
    }
    runner
}

fn leaves(world: &World, backend: Arc<dyn Backend>, faults: &[Fault]) -> Vec<Digest> {
    runner(world, backend, faults).run_interior(world.steps()).expect("it runs")
}

#[test]
fn the_root_is_the_same_everywhere() {
    let worlds = worlds();
    for backend in [Arc::new(Cpu::detect()) as Arc<dyn Backend>, Arc::new(Reference)] {
        let root = |world: &World| interior::root(&leaves(world, backend.clone(), &[])).to_string();
        assert_eq!(worlds.each_ref().map(root), GOLDEN, "{}", backend.name());
    }
}

#[test]
fn a_lie_gives_another_root() {
    let cpu = || Arc::new(Cpu::detect());
    for world in worlds() {
        let honest = leaves(&world, cpu(), &[]);
        for fault in [Fault::Rate { step: 0, factor: 2.0 }, Fault::Skip { step: 1 }, Fault::Row { step: 0 }] {
            assert_ne!(
                leaves(&world, cpu(), std::slice::from_ref(&fault)),
                honest,
                "{}: {fault:?}",
                world.name
            );
        }
    }
}

#[test]
fn a_replay_proves_every_leaf_and_no_other() {
    for world in worlds() {
        let leaves = leaves(&world, Arc::new(Cpu::detect()), &[]);
        let replay = world.replay(&[]);
        let spec = &world.job.spec;
        let place = Place {
            spec: spec.digest(),
            loss: world.job.program.loss,
            grad_norm: world.job.program.grad_norm,
            first_step: 0,
            count: leaves.len() as u64,
            steps_top: top(&replay),
        };
        for (step, &leaf) in (0..).zip(&leaves) {
            let evidence = interior_evidence(&replay, &world.job, step).expect("it answers");
            assert_eq!(evidence.leaf(&place, step), Ok(leaf), "{}", world.name);
            assert_eq!(evidence.leaf(&place, step ^ 1), Err(EvidenceError("step")));
        }
        let lying = world.replay(&[Fault::Rate { step: 0, factor: 2.0 }]);
        let evidence = interior_evidence(&lying, &world.job, 0).expect("it answers");
        assert_eq!(evidence.leaf(&place, 0), Err(EvidenceError("step")));
    }
}

/// The top of the tree over a segment's steps.
fn top(steps: &dyn Sequence) -> Digest {
    steps.node(samebit_commit::merkle::height(steps.len()), 0).expect("it answers")
}

#[test]
fn a_leaf_costs_nothing_beside_its_step() {
    let [world, _] = worlds();
    let mut runner = runner(&world, Arc::new(Cpu::detect()), &[]);
    let outcome = runner.step(0).expect("it runs");
    let fastest = |work: &mut dyn FnMut()| {
        let one = |_| {
            let start = std::time::Instant::now();
            work();
            start.elapsed()
        };
        (0..5).map(one).min().expect("five runs")
    };
    let leaf = fastest(&mut || {
        runner.interior(0, outcome);
    });
    let step = fastest(&mut || {
        runner.step(0).expect("it runs");
    });
    println!("a leaf {leaf:?}, a step {step:?}: {:.3} %", 100.0 * leaf.as_secs_f64() / step.as_secs_f64());
    assert!(leaf * 20 < step, "a leaf takes {leaf:?}, a step {step:?}");
}
