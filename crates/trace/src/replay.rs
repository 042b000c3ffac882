//! A stored run as sequences: what the receipt does not hold is replayed when a search asks for it.
//!
//! ```text
//! RunSequence   leaf: state root of a segment                  from the receipt
//! Replay        leaf: step(state root, trace root)             one traced replay of the segment
//!   └ Step      leaf 0: trace, leaf 1: state
//!       ├ Trace   leaf: node's root      └ Tensor  └ Page      another replay, for the one node that is entered
//!       └ State   leaf: entry  └ Entry   └ Tensor  └ Page
//! ```

use crate::{Folder, Job, Runner, StepTrace, TraceError};
use samebit_commit::{Digest, Kind, Leaves, Sequence, SequenceError, state, steps, tensor};
use samebit_graph::node::{DType, NodeId};
use std::cell::{OnceCell, RefCell};
use std::ops::Range;

/// The run of a receipt: its leaves are the segments' state roots.
pub type RunSequence = Leaves;

/// One segment of a stored run, replayed on demand; the sequence of its steps.
pub struct Replay<'a> {
    folder: &'a Folder,
    segment: Range<u64>,
    runner: RefCell<Runner>,
    steps: OnceCell<Steps>,
}

struct Steps {
    leaves: Leaves,
    traces: Vec<StepTrace>,
}

impl<'a> Replay<'a> {
    /// The steps `segment` of the run in `folder`, as `runner` (with the run's faults) replays them.
    pub fn new(folder: &'a Folder, segment: Range<u64>, runner: Runner) -> Replay<'a> {
        Replay { folder, segment, runner: RefCell::new(runner), steps: OnceCell::new() }
    }

    /// The first step of the segment.
    pub fn first_step(&self) -> u64 {
        self.segment.start
    }

    /// Brings the runner to the state before `step`.
    fn rewind(&self, runner: &mut Runner, step: u64) -> Result<(), TraceError> {
        let stored = self.folder.stored_state(step).ok_or(TraceError::NoState { step })?;
        self.folder.load_state(stored, runner)?;
        (stored..step).try_for_each(|step| runner.step(step).map(drop))
    }

    fn steps(&self) -> Result<&Steps, SequenceError> {
        if let Some(steps) = self.steps.get() {
            return Ok(steps);
        }
        let mut runner = self.runner.borrow_mut();
        let trace = |runner: &mut Runner| {
            self.rewind(runner, self.segment.start)?;
            self.segment
                .clone()
                .map(|step| runner.traced_step(step, None))
                .collect::<Result<Vec<_>, TraceError>>()
        };
        let traces = trace(&mut runner).map_err(SequenceError::source)?;
        let leaf =
            |trace: &StepTrace| steps::step(state::root(&trace.state), steps::trace_root(&trace.nodes));
        let leaves = Leaves::list(Kind::Steps, traces.iter().map(leaf).collect());
        Ok(self.steps.get_or_init(|| Steps { leaves, traces }))
    }

    /// The words of a node's output in a step.
    ///
    /// # Errors
    /// What replaying the step gives.
    pub fn node_words(&self, step: u64, node: NodeId) -> Result<Vec<u32>, TraceError> {
        let mut runner = self.runner.borrow_mut();
        self.rewind(&mut runner, step)?;
        let trace = runner.traced_step(step, Some(node))?;
        Ok(trace.captured.expect("every node is shown to the watch"))
    }

    /// The words of a state tensor after a step.
    ///
    /// # Errors
    /// What replaying the step gives.
    pub fn state_words(&self, step: u64, state: usize) -> Result<Vec<u32>, TraceError> {
        let mut runner = self.runner.borrow_mut();
        self.rewind(&mut runner, step)?;
        runner.step(step)?;
        Ok(runner.read_state(state))
    }

    fn job(&self) -> Job {
        self.runner.borrow().job().clone()
    }
}

impl Sequence for Replay<'_> {
    fn kind(&self) -> Kind {
        Kind::Steps
    }

    fn len(&self) -> u64 {
        self.segment.end - self.segment.start
    }

    fn root(&self) -> Result<Digest, SequenceError> {
        self.steps()?.leaves.root()
    }

    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        self.steps()?.leaves.node(level, index)
    }

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        SequenceError::check_range(Kind::Steps, self.len(), 0, leaf)?;
        let trace = &self.steps()?.traces[leaf as usize];
        let leaves = Leaves::step(steps::trace_root(&trace.nodes), state::root(&trace.state));
        Ok(Some(Box::new(Entered {
            leaves,
            replay: self,
            step: self.segment.start + leaf,
            trace,
            part: Part::Step,
        })))
    }
}

/// What a sequence below a step is.
#[derive(Clone, Copy)]
enum Part {
    Step,
    Trace,
    State,
    /// The entry of this state tensor.
    Entry(usize),
}

/// A step, its trace, its state, or an entry of that.
struct Entered<'a> {
    leaves: Leaves,
    replay: &'a Replay<'a>,
    step: u64,
    trace: &'a StepTrace,
    part: Part,
}

impl Sequence for Entered<'_> {
    fn kind(&self) -> Kind {
        self.leaves.kind()
    }

    fn len(&self) -> u64 {
        self.leaves.len()
    }

    fn root(&self) -> Result<Digest, SequenceError> {
        self.leaves.root()
    }

    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        self.leaves.node(level, index)
    }

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        SequenceError::check_range(self.kind(), self.len(), 0, leaf)?;
        let Entered { replay, step, trace, part, .. } = *self;
        let program = replay.job().program;
        let entered = |part, leaves| {
            Ok(Some(Box::new(Entered { leaves, replay, step, trace, part }) as Box<dyn Sequence>))
        };
        let index = leaf as usize;
        let (dtype, words) = match part {
            Part::Step if leaf == 0 => {
                return entered(Part::Trace, Leaves::list(Kind::Trace, trace.nodes.clone()));
            }
            Part::Step => {
                let entries = trace.state.iter().map(state::Entry::leaf).collect();
                return entered(Part::State, Leaves::list(Kind::State, entries));
            }
            Part::State => return entered(Part::Entry(index), Leaves::entry(&trace.state[index])),
            Part::Entry(index) => (program.states[index].dtype, replay.state_words(step, index)),
            Part::Trace => (program.nodes[index].dtype, replay.node_words(step, leaf as NodeId)),
        };
        Ok(Some(Box::new(Pages::new(dtype, words.map_err(SequenceError::source)?))))
    }
}

/// A tensor's pages, each of which can be revealed.
pub struct Pages {
    leaves: Leaves,
    words: Vec<u32>,
}

impl Pages {
    /// The pages of a tensor's words.
    pub fn new(dtype: DType, words: Vec<u32>) -> Pages {
        let leaves = Leaves::tensor(dtype, words.len() as u64, tensor::page_digests(&words));
        Pages { leaves, words }
    }
}

impl Sequence for Pages {
    fn kind(&self) -> Kind {
        Kind::Tensor
    }

    fn len(&self) -> u64 {
        self.leaves.len()
    }

    fn root(&self) -> Result<Digest, SequenceError> {
        self.leaves.root()
    }

    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        self.leaves.node(level, index)
    }

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        SequenceError::check_range(Kind::Tensor, self.len(), 0, leaf)?;
        let start = leaf as usize * samebit_num::fold::BLOCK;
        let page = &self.words[start..self.words.len().min(start + samebit_num::fold::BLOCK)];
        Ok(Some(Box::new(Leaves::page(page))))
    }
}
