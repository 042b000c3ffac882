//! Liars that know better: each says one thing that no replay would say, and plays everything else as well as it can.

use super::World;
use samebit_commit::{Digest, Kind, Leaves, Sequence, SequenceError, steps, tensor};
use samebit_dispute::limits::LANES;
use samebit_dispute::{Evidence, Inside, JudgeKind, Output, Position, Question, Side, Story, Structure};
use samebit_graph::Program;
use samebit_graph::node::{DType, Kind as Graph, Node, NodeId};
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
    /// From this node of the body on, the row is that of another element.
    OtherRow { from: u32, element: u64 },
}

/// The front of one row and the back of another.
struct Spliced<'a> {
    rows: [Box<dyn Sequence + 'a>; 2],
    from: u64,
    leaves: Leaves,
}

impl<'a> Spliced<'a> {
    fn new(rows: [Box<dyn Sequence + 'a>; 2], from: u32) -> Result<Spliced<'a>, SequenceError> {
        let from = from.into();
        let leaf = |leaf: u64| rows[usize::from(leaf >= from)].node(0, leaf);
        let leaves = (0..rows[0].len()).map(leaf).collect::<Result<_, _>>()?;
        Ok(Spliced { rows, from, leaves: Leaves::list(Kind::Row, leaves) })
    }
}

impl Sequence for Spliced<'_> {
    samebit_commit::named_by_leaves!(leaves);

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        self.rows[usize::from(leaf >= self.from)].enter(leaf)
    }
}

/// A story with something else said below.
pub struct Told<'a, S> {
    pub story: S,
    pub lie: Below,
    /// The row that is shown for every composite.
    pub row: Option<&'a dyn Story>,
}

impl<S> Told<'_, S> {
    /// Where what is said of an output comes from.
    fn source(&self, output: Output) -> Output {
        match (self.lie, output.inside) {
            (Below::OtherRow { from, element }, Some(inside)) if inside.body_node >= from => {
                Output { inside: Some(Inside { element, ..inside }), ..output }
            }
            _ => output,
        }
    }
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
        self.story.page(self.source(output), page)
    }

    fn structure(&self, output: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        self.story.structure(output)
    }

    fn totals(&self, output: Output, element: u64) -> Result<Vec<u32>, SequenceError> {
        self.story.totals(self.source(output), element)
    }

    fn lanes(&self, output: Output, element: u64, block: u64) -> Result<[u32; LANES], SequenceError> {
        let mut lanes = self.story.lanes(self.source(output), element, block)?;
        if self.lie == Below::Lane {
            lanes[3] ^= 1;
        }
        Ok(lanes)
    }

    fn row(&self, step: u64, node: u32, element: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        if let Below::OtherRow { from, element: other } = self.lie {
            let rows = [self.story.row(step, node, element)?, self.story.row(step, node, other)?];
            return Ok(Box::new(Spliced::new(rows, from)?));
        }
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

/// Every lie about an element of a node, with the judgements that may end it: a wrong value; a wrong lane; of a composite, the true row of a wrong
/// element, and for every node of the body a row that is wrong from there on.
pub fn lies<'a>(
    world: &'a World,
    node: NodeId,
    honest: &'a dyn Story,
) -> Vec<(String, Box<dyn Story + 'a>, BTreeSet<JudgeKind>)> {
    let held = &world.job.program.nodes[node as usize];
    let fault = world.wrong_value(node);
    let value = || world.segment(std::slice::from_ref(&fault));
    let told = |lie, row| -> Box<dyn Story + 'a> { Box::new(Told { story: value(), lie, row }) };
    let name = |what: &str| format!("{}, {}: {what}", world.name, held.op);
    let mut lies: Vec<(String, Box<dyn Story + 'a>, _)> =
        vec![(name("a value"), Box::new(value()), leaves(held))];
    match &held.kind {
        Graph::Fold(fold) if !fold.kind.is_product() => {
            lies.push((name("a lane"), told(Below::Lane, None), BTreeSet::from([JudgeKind::Lane])));
        }
        Graph::Composite { body, .. } => {
            let row = told(Below::Row, Some(honest));
            lies.push((name("the true row"), row, BTreeSet::from([JudgeKind::RowEnd])));
            let Some(element) = world.other_row(node, held.len() * 2 / 3) else { return lies };
            for from in 0..body.len() as u32 {
                let lie = Below::OtherRow { from, element };
                let mut kinds: BTreeSet<_> = body.iter().skip(from as usize).flat_map(leaves).collect();
                // The lanes are the other row's, too.
                kinds.extend(kinds.contains(&JudgeKind::LaneFold).then_some(JudgeKind::Lane));
                lies.push((name(&format!("another row from {from} on")), told(lie, None), kinds));
            }
        }
        _ => {}
    }
    lies
}

/// What a wrong element of this node comes down to.
pub fn leaves(node: &Node) -> BTreeSet<JudgeKind> {
    match &node.kind {
        Graph::State(_) | Graph::Table(_) => BTreeSet::from([JudgeKind::Source]),
        Graph::Map { .. } => BTreeSet::from([JudgeKind::Map]),
        Graph::Fold(fold) if fold.kind.is_product() => BTreeSet::from([JudgeKind::Block]),
        Graph::Fold(_) => BTreeSet::from([JudgeKind::LaneFold]),
        Graph::Composite { body, .. } => body.iter().flat_map(leaves).collect(),
    }
}
