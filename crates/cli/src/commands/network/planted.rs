//! A job with an error planted in it that makes a difference.

use crate::commands::run::{read_job, runner_of};
use crate::failure::Failure;
use crate::machine::Machine;
use samebit_commit::Digest;
use samebit_graph::node::{FoldKind, Kind, NodeId};
use samebit_trace::{Fault, Job};
use std::path::Path;

/// Nodes that are tried for an error that no later rounding absorbs.
const TRIES: usize = 8;

/// See the module.
pub struct Planted {
    job: Job,
    states: Vec<Vec<u32>>,
    machine: Machine,
}

impl Planted {
    /// Reads the job.
    ///
    /// # Errors
    /// A job that cannot be read.
    pub fn prepare(path: &Path, machine: &Machine) -> Result<Planted, Failure> {
        let file = samebit_recipe::Job::load(path)?;
        let mut prepared = read_job(&file)?;
        let (states, tables) = (std::mem::take(&mut prepared.states), std::mem::take(&mut prepared.tables));
        let job = Job::new(prepared.program.clone(), tables, &states, prepared.steps, prepared.segment_steps);
        Ok(Planted::new(job, states, machine))
    }

    /// A job with its first state.
    pub fn new(job: Job, states: Vec<Vec<u32>>, machine: &Machine) -> Planted {
        Planted { job, states, machine: Machine { backend: machine.backend.clone(), threads: 1 } }
    }

    /// The words of its first state.
    pub fn states(&self) -> &[Vec<u32>] {
        &self.states
    }

    /// The job.
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// An error of one step between neighbouring floats, in the middle of the second segment, that changes the state after it: in a product, if there is one.
    ///
    /// # Errors
    /// The engine's.
    pub fn lie(&self) -> Result<Fault, Failure> {
        let segment = 1.min(self.job.segment_count() - 1);
        let steps = self.job.segment(segment);
        let step = (steps.start + steps.end) / 2;
        let honest = run(&self.job, &self.machine, &self.states, Vec::new(), segment + 1)?;
        for node in self.candidates() {
            let fault = Fault::Value { step, node, element: 0, ulps: 1 };
            let faulty = run(&self.job, &self.machine, &self.states, vec![fault.clone()], segment + 1)?;
            if faulty != honest {
                return Ok(fault);
            }
        }
        Ok(Fault::Value { step, node: self.job.program.sinks[0], element: 0, ulps: 1 })
    }

    /// Products, from the middle of the program on.
    fn candidates(&self) -> Vec<NodeId> {
        let nodes = &self.job.program.nodes;
        let is_product = |id: &NodeId| matches!(&nodes[*id as usize].kind, Kind::Fold(fold) if matches!(fold.kind, FoldKind::Product(_)));
        let middle = (nodes.len() / 2) as NodeId;
        (middle..nodes.len() as NodeId).filter(is_product).take(TRIES).collect()
    }
}

/// The state after each of the first segments.
fn run(
    job: &Job,
    machine: &Machine,
    states: &[Vec<u32>],
    faults: Vec<Fault>,
    segments: u64,
) -> Result<Vec<Digest>, Failure> {
    let mut runner = runner_of(job, machine, 1, faults)?;
    for (index, words) in states.iter().enumerate() {
        runner.write_state(index, words)?;
    }
    let mut roots = Vec::new();
    for segment in 0..segments {
        for step in job.segment(segment) {
            runner.step(step)?;
        }
        roots.push(runner.state_root());
    }
    Ok(roots)
}
