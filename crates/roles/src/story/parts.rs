//! The steps of a segment and what is below them, as sequences.
//!
//! ```text
//! Steps      leaf: step(state root, trace root)
//!   └ Step      leaf 0: trace, leaf 1: state
//!       ├ Trace   leaf: node's root   └ Tensor
//!       └ State   leaf: entry
//! ```

use super::{Segment, unavailable};
use samebit_commit::{Digest, Kind, Leaves, Sequence, SequenceError, state, steps};
use samebit_trace::{Claims, StepTrace};

impl<C: Claims> Sequence for Segment<C> {
    fn kind(&self) -> Kind {
        Kind::Steps
    }

    fn len(&self) -> u64 {
        self.step_count()
    }

    fn root(&self) -> Result<Digest, SequenceError> {
        self.leaves()?.root()
    }

    fn node(&self, level: u32, index: u64) -> Result<Digest, SequenceError> {
        self.leaves()?.node(level, index)
    }

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        let trace = self.roots(leaf)?;
        let leaves = Leaves::step(steps::trace_root(&trace.nodes), state::root(&trace.state));
        Ok(Some(Box::new(Parts { leaves, segment: self, step: leaf, trace, part: Part::Step })))
    }
}

#[derive(Clone, Copy)]
enum Part {
    Step,
    Trace,
    State,
}

/// A step, its trace or its state.
struct Parts<'a, C> {
    leaves: Leaves,
    segment: &'a Segment<C>,
    step: u64,
    trace: &'a StepTrace,
    part: Part,
}

impl<'a, C: Claims> Parts<'a, C> {
    fn inside(&self, part: Part, leaves: Leaves) -> Box<dyn Sequence + 'a> {
        Box::new(Parts { leaves, part, segment: self.segment, step: self.step, trace: self.trace })
    }
}

impl<C: Claims> Sequence for Parts<'_, C> {
    samebit_commit::named_by_leaves!(leaves);

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        SequenceError::check_range(self.kind(), self.len(), 0, leaf)?;
        Ok(Some(match self.part {
            Part::Step if leaf == 0 => {
                self.inside(Part::Trace, Leaves::list(Kind::Trace, self.trace.nodes.clone()))
            }
            Part::Step => {
                let entries = self.trace.state.iter().map(state::Entry::leaf).collect();
                self.inside(Part::State, Leaves::list(Kind::State, entries))
            }
            // A game ends at an entry: what it is made of is the referee's business.
            Part::State => return Ok(None),
            Part::Trace => {
                let node = u32::try_from(leaf).map_err(|_| unavailable(format!("node {leaf}")))?;
                Box::new(self.segment.tensor(self.step, node).map_err(SequenceError::source)?)
            }
        }))
    }
}

impl Sequence for super::Tensor {
    samebit_commit::named_by_leaves!(pages);

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        self.pages.enter(leaf)
    }
}
