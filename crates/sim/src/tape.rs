//! A segment as it was run, all of it in memory: what a party tells a dispute from.

use samebit_commit::Digest;
use samebit_graph::Program;
use samebit_graph::node::NodeId;
use samebit_trace::{Claims, Runner, SegmentRoots, TraceError, Words};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// See the module.
#[derive(Clone)]
pub struct Tape {
    program: Arc<Program>,
    range: Range<u64>,
    roots: SegmentRoots,
    steps: Vec<Taped>,
}

/// The words of a step.
#[derive(Clone)]
struct Taped {
    nodes: Words,
    states: Vec<Vec<u32>>,
}

impl Tape {
    /// Runs the steps of `range`, up to one that diverges; gives the interior leaf of each. The runner has the state before the first.
    ///
    /// # Errors
    /// The engine's.
    pub fn record(runner: &mut Runner, range: Range<u64>) -> Result<(Tape, Vec<Digest>), TraceError> {
        let program = runner.job().program.clone();
        let all: BTreeSet<NodeId> = (0..program.nodes.len() as NodeId).collect();
        let (mut traces, mut steps, mut leaves) = (Vec::new(), Vec::new(), Vec::new());
        for step in range.clone() {
            let mut nodes: Words = all.iter().map(|node| (*node, Vec::new())).collect();
            let trace = runner.traced_step(step, &mut nodes)?;
            leaves.push(runner.interior(step, trace.outcome).leaf());
            let states = (0..program.states.len()).map(|state| runner.read_state(state)).collect();
            steps.push(Taped { nodes, states });
            let is_last = trace.outcome.is_diverged();
            traces.push(trace);
            if is_last {
                break;
            }
        }
        let range = range.start..range.start + steps.len() as u64;
        let roots = SegmentRoots::new(range.start, traces);
        Ok((Tape { program, range, roots, steps }, leaves))
    }

    /// The words of the state after the last step.
    pub fn end(&self) -> &[Vec<u32>] {
        &self.steps[self.steps.len() - 1].states
    }

    fn step(&self, step: u64) -> Result<&Taped, TraceError> {
        let at = step.checked_sub(self.range.start).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.steps.get(at)).ok_or(TraceError::NoWords { step })
    }
}

impl Claims for Tape {
    fn program(&self) -> Arc<Program> {
        self.program.clone()
    }

    fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    fn roots(&self) -> Result<&SegmentRoots, TraceError> {
        Ok(&self.roots)
    }

    fn has_words(&self, step: u64) -> bool {
        self.range.contains(&step)
    }

    fn words(&self, step: u64, nodes: &BTreeSet<NodeId>) -> Result<Words, TraceError> {
        let taped = self.step(step)?;
        let word = |node: &NodeId| Some((*node, taped.nodes.get(node)?.clone()));
        Ok(nodes.iter().filter_map(word).collect())
    }

    fn state_words(&self, step: u64, state: usize) -> Result<Vec<u32>, TraceError> {
        self.step(step)?.states.get(state).cloned().ok_or(TraceError::NoWords { step })
    }
}
