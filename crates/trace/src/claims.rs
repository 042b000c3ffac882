//! What one side shows of a segment, and the sequences below its steps.
//!
//! ```text
//! Steps      leaf: step(state root, trace root)
//!   └ Step      leaf 0: trace, leaf 1: state
//!       ├ Trace   leaf: node's root      └ Tensor  └ Page
//!       └ State   leaf: entry  └ Entry   └ Tensor  └ Page
//! ```
//! Who implements [`Claims`] has the same shape, whether it replays ([`crate::Replay`]) or reads what was stored ([`crate::StoredTrace`]).

use crate::runner::{StepTrace, Words};
use crate::{Element, TraceError};
use samebit_commit::{Kind, Leaves, Sequence, SequenceError, Tree, state, steps, tensor};
use samebit_graph::Program;
use samebit_graph::node::{DType, NodeId};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// One side's view of a segment.
pub trait Claims {
    /// The program.
    fn program(&self) -> Arc<Program>;

    /// The steps of the segment.
    fn range(&self) -> Range<u64>;

    /// The roots of every step.
    ///
    /// # Errors
    /// What keeps the side from answering.
    fn roots(&self) -> Result<&SegmentRoots, TraceError>;

    /// Whether the words of a step's tensors can be had.
    fn has_words(&self, step: u64) -> bool;

    /// The words of these nodes in a step.
    ///
    /// # Errors
    /// What keeps the side from answering.
    fn words(&self, step: u64, nodes: &BTreeSet<NodeId>) -> Result<Words, TraceError>;

    /// The words of a state tensor after a step.
    ///
    /// # Errors
    /// What keeps the side from answering.
    fn state_words(&self, step: u64, state: usize) -> Result<Vec<u32>, TraceError>;

    /// The words of one node in a step.
    ///
    /// # Errors
    /// As [`Claims::words`].
    fn node_words(&self, step: u64, node: NodeId) -> Result<Vec<u32>, TraceError> {
        Ok(self.words(step, &BTreeSet::from([node]))?.remove(&node).unwrap_or_default())
    }

    /// One element of a node in a step, with all that it was made from.
    ///
    /// # Errors
    /// [`TraceError::NoElement`] outside the segment or the program, and as [`Claims::words`].
    fn element(&self, step: u64, node: NodeId, element: u64) -> Result<Element, TraceError> {
        let program = self.program();
        let held = program.nodes.get(node as usize).filter(|held| element < held.len());
        let held = held.filter(|_| self.range().contains(&step));
        let held = held.ok_or(TraceError::NoElement { step, node, element })?;
        let wanted = held.reads().into_iter().chain([node]).collect();
        let trace = self.roots()?.step(step).nodes.clone();
        let words = self.words(step, &wanted)?;
        Ok(Element::new(program, step, node, element, trace, words))
    }
}

/// The roots of a segment's steps, with the tree over them.
#[derive(Clone, Debug)]
pub struct SegmentRoots {
    first: u64,
    leaves: Leaves,
    steps: Vec<StepTrace>,
}

impl SegmentRoots {
    /// The roots of the steps from step `first` on.
    pub fn new(first: u64, steps: Vec<StepTrace>) -> SegmentRoots {
        let leaf =
            |trace: &StepTrace| steps::step(state::root(&trace.state), steps::trace_root(&trace.nodes));
        let leaves = Leaves::list(Kind::Steps, steps.iter().map(leaf).collect());
        SegmentRoots { first, leaves, steps }
    }

    /// The roots of a step of the segment.
    ///
    /// # Panics
    /// If the segment has not the step.
    pub fn step(&self, step: u64) -> &StepTrace {
        &self.steps[(step - self.first) as usize]
    }

    pub(crate) fn leaves(&self) -> &Leaves {
        &self.leaves
    }

    /// The tree over the steps.
    pub fn tree(&self) -> &Tree {
        self.leaves.tree()
    }
}

/// Makes a type that has [`Claims`] the sequence of its steps.
macro_rules! sequence_of_steps {
    ($type:ty) => {
        impl samebit_commit::Sequence for $type {
            fn kind(&self) -> samebit_commit::Kind {
                samebit_commit::Kind::Steps
            }
            fn len(&self) -> u64 {
                let range = $crate::Claims::range(self);
                range.end - range.start
            }
            fn root(&self) -> Result<samebit_commit::Digest, samebit_commit::SequenceError> {
                $crate::claims::leaves(self)?.root()
            }
            fn node(
                &self,
                level: u32,
                index: u64,
            ) -> Result<samebit_commit::Digest, samebit_commit::SequenceError> {
                $crate::claims::leaves(self)?.node(level, index)
            }
            fn enter(
                &self,
                leaf: u64,
            ) -> Result<Option<Box<dyn samebit_commit::Sequence + '_>>, samebit_commit::SequenceError> {
                $crate::claims::enter(self, leaf)
            }
        }
    };
}
pub(crate) use sequence_of_steps;

pub(crate) fn leaves(side: &dyn Claims) -> Result<&Leaves, SequenceError> {
    Ok(side.roots().map_err(SequenceError::source)?.leaves())
}

/// The sequence of the parts of step `leaf` of the segment.
pub(crate) fn enter(side: &dyn Claims, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
    SequenceError::check_range(Kind::Steps, side.range().end - side.range().start, 0, leaf)?;
    let step = side.range().start + leaf;
    let trace = side.roots().map_err(SequenceError::source)?.step(step);
    let leaves = Leaves::step(steps::trace_root(&trace.nodes), state::root(&trace.state));
    Ok(Some(Box::new(Entered { leaves, side, step, trace, part: Part::Step })))
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
    side: &'a dyn Claims,
    step: u64,
    trace: &'a StepTrace,
    part: Part,
}

impl<'a> Entered<'a> {
    fn inside(&self, part: Part, leaves: Leaves) -> Option<Box<dyn Sequence + 'a>> {
        Some(Box::new(Entered { leaves, part, side: self.side, step: self.step, trace: self.trace }))
    }
}

impl Sequence for Entered<'_> {
    samebit_commit::named_by_leaves!(leaves);

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        SequenceError::check_range(self.kind(), self.len(), 0, leaf)?;
        let (side, step, trace, index) = (self.side, self.step, self.trace, leaf as usize);
        let program = side.program();
        let (dtype, words) = match self.part {
            Part::Step if leaf == 0 => {
                return Ok(self.inside(Part::Trace, Leaves::list(Kind::Trace, trace.nodes.clone())));
            }
            Part::Step => {
                let entries = trace.state.iter().map(state::Entry::leaf).collect();
                return Ok(self.inside(Part::State, Leaves::list(Kind::State, entries)));
            }
            Part::State => return Ok(self.inside(Part::Entry(index), Leaves::entry(&trace.state[index]))),
            _ if !side.has_words(step) => return Ok(None),
            Part::Entry(index) => (program.states[index].dtype, side.state_words(step, index)),
            Part::Trace => (program.nodes[index].dtype, side.node_words(step, leaf as NodeId)),
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
    samebit_commit::named_by_leaves!(leaves);

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        SequenceError::check_range(Kind::Tensor, self.len(), 0, leaf)?;
        let start = leaf as usize * tensor::PAGE_WORDS;
        let page = &self.words[start..self.words.len().min(start + tensor::PAGE_WORDS)];
        Ok(Some(Box::new(Leaves::page(page))))
    }
}
