//! A stored run, opened: what its receipt and states do not hold is replayed when a search asks for it.

use crate::claims::sequence_of_steps;
use crate::runner::Words;
use crate::{Claims, Folder, Runner, SegmentRoots, TraceError, parcel};
use samebit_commit::Leaves;
use samebit_commit::state::Entry;
use samebit_graph::Program;
use samebit_graph::node::NodeId;
use std::cell::{OnceCell, RefCell};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

/// The run of a receipt: its leaves are the segments' state roots.
pub type RunSequence = Leaves;

/// One segment of a stored run, replayed on demand; the sequence of its steps. The roots take one traced replay of the segment, the words of
/// nodes another one up to their step.
pub struct Replay<'a> {
    states: States<'a>,
    segment: Range<u64>,
    runner: RefCell<Runner>,
    roots: OnceCell<SegmentRoots>,
}

/// What a segment is replayed from.
enum States<'a> {
    /// The states of a run.
    Folder(&'a Folder),
    /// The state before its first step ([`parcel`]).
    File(PathBuf),
}

impl<'a> Replay<'a> {
    /// The steps `segment` of the run in `folder`, as `runner` (with the run's faults) replays them.
    pub fn new(folder: &'a Folder, segment: Range<u64>, runner: Runner) -> Replay<'a> {
        Replay::from(States::Folder(folder), segment, runner)
    }

    /// The steps `segment` from the state in a file.
    pub fn from_file(start: PathBuf, segment: Range<u64>, runner: Runner) -> Replay<'static> {
        Replay::from(States::File(start), segment, runner)
    }

    fn from(states: States<'_>, segment: Range<u64>, runner: Runner) -> Replay<'_> {
        Replay { states, segment, runner: RefCell::new(runner), roots: OnceCell::new() }
    }

    /// The first step of the segment.
    pub fn first_step(&self) -> u64 {
        self.segment.start
    }

    /// The entries of the state before the segment.
    ///
    /// # Errors
    /// A state that is not stored, and the engine's.
    pub fn start(&self) -> Result<Vec<Entry>, TraceError> {
        let mut runner = self.runner.borrow_mut();
        self.rewind(&mut runner, self.segment.start)?;
        Ok(runner.state_entries())
    }

    /// Brings the runner to the state before `step`.
    fn rewind(&self, runner: &mut Runner, step: u64) -> Result<(), TraceError> {
        let stored = match &self.states {
            States::Folder(folder) => {
                let stored = folder.stored_state(step).ok_or(TraceError::NoState { step })?;
                folder.load_state(stored, runner)?;
                stored
            }
            States::File(path) => {
                parcel::load_state(path, runner)?;
                self.segment.start
            }
        };
        (stored..step).try_for_each(|step| runner.step(step).map(drop))
    }
}

impl Claims for Replay<'_> {
    fn program(&self) -> Arc<Program> {
        self.runner.borrow().job().program.clone()
    }

    fn range(&self) -> Range<u64> {
        self.segment.clone()
    }

    fn roots(&self) -> Result<&SegmentRoots, TraceError> {
        if let Some(roots) = self.roots.get() {
            return Ok(roots);
        }
        let mut runner = self.runner.borrow_mut();
        self.rewind(&mut runner, self.segment.start)?;
        let traces: Result<Vec<_>, TraceError> =
            self.segment.clone().map(|step| runner.traced_step(step, &mut ())).collect();
        let roots = SegmentRoots::new(self.segment.start, traces?);
        Ok(self.roots.get_or_init(|| roots))
    }

    fn has_words(&self, _: u64) -> bool {
        true
    }

    fn words(&self, step: u64, nodes: &BTreeSet<NodeId>) -> Result<Words, TraceError> {
        let mut runner = self.runner.borrow_mut();
        self.rewind(&mut runner, step)?;
        let mut words: Words = nodes.iter().map(|node| (*node, Vec::new())).collect();
        runner.traced_step(step, &mut words)?;
        Ok(words)
    }

    fn state_words(&self, step: u64, state: usize) -> Result<Vec<u32>, TraceError> {
        let mut runner = self.runner.borrow_mut();
        self.rewind(&mut runner, step)?;
        runner.step(step)?;
        Ok(runner.read_state(state))
    }
}

sequence_of_steps!(Replay<'_>);
