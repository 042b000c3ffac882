//! What is computed: the program with the words of its tables and its first state.

use samebit_commit::{Digest, tensor};
use samebit_graph::{Program, Spec};
use std::sync::Arc;

/// Names of the tables that have a meaning outside the program.
pub mod table {
    /// The tokens, u32 \[count\].
    pub const TOKENS: &str = "tokens";
    /// The rows of each step's batch, u32 \[steps, B\].
    pub const ORDER: &str = "order";
    /// The optimiser's numbers of each step, f32 \[steps, …\]; the first is the learning rate.
    pub const SCHEDULE: &str = "schedule";
}

/// A job, complete but for its first state, which is large and is given where it is used.
#[derive(Clone, Debug)]
pub struct Job {
    /// The operator graph of a step.
    pub program: Arc<Program>,
    /// What its digest names.
    pub spec: Spec,
    /// Words of the tables, in the program's order.
    pub tables: Arc<Vec<Vec<u32>>>,
}

impl Job {
    /// Names a job: roots of the tables and of the first state (`states`, in the program's order) are computed here.
    pub fn new(
        program: Program,
        tables: Vec<Vec<u32>>,
        states: &[Vec<u32>],
        steps: u64,
        segment_steps: u64,
    ) -> Job {
        let roots =
            program.tables.iter().zip(&tables).map(|(table, words)| tensor::root_of(table.dtype, words));
        let spec = Spec {
            program: program.digest(),
            initial_state: state_root(&program, states),
            tables: roots.collect(),
            steps,
            segment_steps,
            profile: program.profile(),
        };
        Job { program: Arc::new(program), spec, tables: Arc::new(tables) }
    }

    /// The position of a table, by name.
    pub fn table(&self, name: &str) -> Option<usize> {
        self.program.tables.iter().position(|table| table.name == name)
    }

    /// Number of segments.
    pub fn segment_count(&self) -> u64 {
        self.spec.steps.div_ceil(self.spec.segment_steps)
    }

    /// The steps of a segment.
    pub fn segment(&self, index: u64) -> std::ops::Range<u64> {
        let start = index * self.spec.segment_steps;
        start..(start + self.spec.segment_steps).min(self.spec.steps)
    }
}

/// The root of a state given by its words.
pub fn state_root(program: &Program, states: &[Vec<u32>]) -> Digest {
    let roots = program.states.iter().zip(states).map(|(state, words)| tensor::root_of(state.dtype, words));
    state_root_of(program, &roots.collect::<Vec<_>>())
}

/// The root of a state given by its tensors' roots.
pub fn state_root_of(program: &Program, roots: &[Digest]) -> Digest {
    samebit_commit::state::root(&entries(program, roots))
}

/// The entries of a state given by its tensors' roots.
pub fn entries(program: &Program, roots: &[Digest]) -> Vec<samebit_commit::state::Entry> {
    let entry = |(state, root): (&samebit_graph::Declaration, &Digest)| samebit_commit::state::Entry {
        name: state.name.clone(),
        dtype: state.dtype,
        shape: state.shape.clone(),
        root: *root,
    };
    program.states.iter().zip(roots).map(entry).collect()
}
