//! Liars that know better: each says one thing that no replay would say, and plays everything else as well as it can.

use samebit_commit::{Digest, Sequence, SequenceError, steps, tensor};
use samebit_dispute::limits::LANES;
use samebit_dispute::{Evidence, JudgeKind, Output, Position, Question, Side, Story, Structure};
use samebit_graph::Program;
use samebit_graph::node::{DType, NodeId};
use samebit_trace::{Claims, SegmentRoots, TraceError, Words};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// What is said of a segment's roots that its steps do not say.
pub struct Roots<C> {
    inner: C,
    roots: SegmentRoots,
    range: Range<u64>,
}

impl<C: Claims> Roots<C> {
    /// The claims with the traces of some steps changed.
    pub fn changed(inner: C, change: impl Fn(u64, &mut samebit_trace::StepTrace)) -> Roots<C> {
        let range = inner.range();
        Roots::of(inner, range, change)
    }

    /// The claims of a side that says that the job diverged: nothing after so many steps.
    pub fn cut(inner: C, steps: u64) -> Roots<C> {
        let range = inner.range();
        Roots::of(inner, range.start..range.start + steps, |_, _| {})
    }

    fn of(inner: C, range: Range<u64>, change: impl Fn(u64, &mut samebit_trace::StepTrace)) -> Roots<C> {
        let roots = inner.roots().expect("roots");
        let traces = range.clone().map(|step| {
            let mut trace = roots.step(step).clone();
            change(step, &mut trace);
            trace
        });
        let roots = SegmentRoots::new(range.start, traces.collect());
        Roots { inner, roots, range }
    }
}

impl<C: Claims> Claims for Roots<C> {
    fn program(&self) -> Arc<Program> {
        self.inner.program()
    }

    fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    fn roots(&self) -> Result<&SegmentRoots, TraceError> {
        Ok(&self.roots)
    }

    fn has_words(&self, step: u64) -> bool {
        self.inner.has_words(step)
    }

    fn words(&self, step: u64, nodes: &BTreeSet<NodeId>) -> Result<Words, TraceError> {
        self.inner.words(step, nodes)
    }

    fn state_words(&self, step: u64, state: usize) -> Result<Vec<u32>, TraceError> {
        self.inner.state_words(step, state)
    }
}

/// What is said below an element otherwise than the data say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Below {
    /// Nothing: the lie is in the row that is shown.
    Row,
    /// Lane 3 of every block is its neighbour.
    Lane,
    /// A node's output is of the other dtype.
    Shape { step: u64, node: NodeId },
}

/// A story with something else said below.
pub struct Told<'a, S> {
    pub story: S,
    pub lie: Below,
    /// The row that is shown for every composite.
    pub row: Option<&'a dyn Story>,
}

/// The root under which a node's words are of the other dtype.
pub fn other_root(dtype: DType, words: &[u32]) -> Digest {
    let other = if dtype == DType::F32 { DType::U32 } else { DType::F32 };
    tensor::root_of(other, words)
}

/// The root of a tensor that nobody has.
pub fn no_root() -> Digest {
    steps::total(7)
}

impl<S: Story> Story for Told<'_, S> {
    fn end(&self) -> Result<Digest, SequenceError> {
        self.story.end()
    }

    fn steps(&self) -> &dyn Sequence {
        self.story.steps()
    }

    fn shape(&self, output: Output) -> Result<(u8, u64), SequenceError> {
        let (dtype, count) = self.story.shape(output)?;
        let is_lie =
            matches!(self.lie, Below::Shape { step, node } if (output.step, output.node) == (step, node));
        Ok((if is_lie { 1 - dtype } else { dtype }, count))
    }

    fn page(&self, output: Output, page: u64) -> Result<Vec<u32>, SequenceError> {
        self.story.page(output, page)
    }

    fn structure(&self, output: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        self.story.structure(output)
    }

    fn totals(&self, output: Output, element: u64) -> Result<Vec<u32>, SequenceError> {
        self.story.totals(output, element)
    }

    fn lanes(&self, output: Output, element: u64, block: u64) -> Result<[u32; LANES], SequenceError> {
        let mut lanes = self.story.lanes(output, element, block)?;
        if self.lie == Below::Lane {
            lanes[3] ^= 1;
        }
        Ok(lanes)
    }

    fn row(&self, step: u64, node: u32, element: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        self.row.map_or_else(|| self.story.row(step, node, element), |row| row.row(step, node, element))
    }

    fn evidence(
        &self,
        question: &Question,
        position: &Position,
        side: Side,
        kind: JudgeKind,
    ) -> Result<Evidence, SequenceError> {
        self.story.evidence(question, position, side, kind)
    }
}
