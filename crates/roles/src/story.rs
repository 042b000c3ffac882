//! A replayed or stored segment as the story of a dispute: the glue between `trace` and `dispute`.
//!
//! ```text
//! Claims   roots of every step ─── steps, traces, states          once
//!          words of one output ─── pages                          the last few outputs asked for
//!          one element         ─── totals, lanes, row, witnesses  the last few elements asked for
//! ```
//! The roots take one replay of the segment, words another one up to their step. A game stays at one output for a few moves and then at one
//! element of it until its end, so that keeping the last few of each bounds the memory and leaves three replays a game, though a few games
//! take turns.

mod evidence;
mod parts;
mod recent;

use crate::limits::{ELEMENTS_KEPT, TENSORS_KEPT};
use recent::Recent;
use samebit_commit::{Digest, Kind, Leaves, Sequence, SequenceError, state, steps, tensor};
use samebit_dispute::limits::LANES;
use samebit_dispute::{Evidence, JudgeKind, Output, Position, Question, Side, Story, Structure};
use samebit_graph::Program;
use samebit_graph::node::{DType, NodeId};
use samebit_trace::{Claims, Element, Inside, TraceError};
use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

/// One side's segment, told to a dispute.
pub struct Segment<C> {
    claims: C,
    program: Arc<Program>,
    start: Vec<state::Entry>,
    tables: Vec<Digest>,
    end: Option<Digest>,
    leaves: OnceCell<Leaves>,
    tensors: Recent<(u64, NodeId), Tensor, TENSORS_KEPT>,
    elements: Recent<(u64, NodeId, u64), Element, ELEMENTS_KEPT>,
}

/// The words of an output with their tree.
pub(crate) struct Tensor {
    pub(crate) words: Vec<u32>,
    pub(crate) pages: Leaves,
}

impl Tensor {
    fn new(dtype: DType, words: Vec<u32>) -> Tensor {
        let pages = Leaves::tensor(dtype, words.len() as u64, tensor::page_digests(&words));
        Tensor { words, pages }
    }
}

impl<C: Claims> Segment<C> {
    /// The segment that `claims` shows, after a state of these entries, in a job with tables of these roots.
    pub fn new(claims: C, start: Vec<state::Entry>, tables: Vec<Digest>) -> Segment<C> {
        let program = claims.program();
        Segment {
            claims,
            program,
            start,
            tables,
            end: None,
            leaves: OnceCell::new(),
            tensors: Recent::default(),
            elements: Recent::default(),
        }
    }

    /// The segment with this state root claimed after it, whatever its last step says: a receipt may name a state that the steps do not lead
    /// to.
    #[must_use]
    pub fn ending_in(mut self, state: Digest) -> Segment<C> {
        self.end = Some(state);
        self
    }

    /// What it is told from.
    pub fn claims(&self) -> &C {
        &self.claims
    }

    fn step_count(&self) -> u64 {
        let steps = self.claims.range();
        steps.end - steps.start
    }

    /// The number in the job of a step of the segment.
    fn number(&self, step: u64) -> u64 {
        self.claims.range().start + step
    }

    /// The words of an output of the program.
    fn tensor(&self, step: u64, node: NodeId) -> Result<Rc<Tensor>, TraceError> {
        self.tensors.get((step, node), || {
            let step = self.number(step);
            let held = self.program.nodes.get(node as usize);
            let held = held.ok_or(TraceError::NoElement { step, node, element: 0 })?;
            Ok(Tensor::new(held.dtype, self.claims.node_words(step, node)?))
        })
    }

    /// An element of an output of the program, with all that it was made from.
    fn element(&self, step: u64, node: NodeId, element: u64) -> Result<Rc<Element>, TraceError> {
        self.elements.get((step, node, element), || self.claims.element(self.number(step), node, element))
    }

    /// The element of the program in which `element` of the output lies, and where it lies in there.
    fn place(&self, output: Output, element: u64) -> Result<(Rc<Element>, Option<Inside>), SequenceError> {
        let Output { step, node, inside } = output;
        let outer = inside.map_or(element, |inside| inside.element);
        let held = self.element(step, node, outer).map_err(SequenceError::source)?;
        Ok((held, inside.map(|inside| Inside { node: inside.body_node, element })))
    }
}

/// Something that the segment does not have, asked for because the other side named it.
fn unavailable(what: impl std::fmt::Display) -> SequenceError {
    SequenceError::Unavailable { what: what.to_string() }
}

impl<C: Claims> Story for Segment<C> {
    fn end(&self) -> Result<Digest, SequenceError> {
        if let Some(end) = self.end {
            return Ok(end);
        }
        let last = self.step_count().checked_sub(1).ok_or_else(|| unavailable("a step of the segment"))?;
        Ok(state::root(&self.roots(last)?.state))
    }

    fn steps(&self) -> &dyn Sequence {
        self
    }

    fn shape(&self, output: Output) -> Result<(u8, u64), SequenceError> {
        let node = self.node(output)?;
        Ok((node.dtype as u8, node.len()))
    }

    fn page(&self, output: Output, page: u64) -> Result<Vec<u32>, SequenceError> {
        let of = |words: &[u32]| {
            let start = usize::try_from(page).ok().and_then(|page| page.checked_mul(tensor::PAGE_WORDS));
            let start = start.filter(|start| *start < words.len());
            let start = start.ok_or_else(|| unavailable(format!("page {page} of {output:?}")))?;
            Ok(words[start..words.len().min(start + tensor::PAGE_WORDS)].to_vec())
        };
        let Some(inside) = output.inside else {
            return of(&self.tensor(output.step, output.node).map_err(SequenceError::source)?.words);
        };
        let (element, _) = self.place(output, 0)?;
        let words = element.row_words().and_then(|row| row.get(inside.body_node as usize));
        of(words.ok_or_else(|| unavailable(format!("{output:?}")))?)
    }

    fn structure(&self, output: Output) -> Result<(Structure, Vec<u8>), SequenceError> {
        self.structure_of(output)
    }

    fn totals(&self, output: Output, element: u64) -> Result<Vec<u32>, SequenceError> {
        let (held, inside) = self.place(output, element)?;
        held.totals_words(inside)
            .ok_or_else(|| unavailable(format!("totals of element {element} of {output:?}")))
    }

    fn lanes(&self, output: Output, element: u64, block: u64) -> Result<[u32; LANES], SequenceError> {
        self.lanes_of(output, element, block)
    }

    fn row(&self, step: u64, node: u32, element: u64) -> Result<Box<dyn Sequence + '_>, SequenceError> {
        let held = self.element(step, node, element).map_err(SequenceError::source)?;
        let row =
            held.row().ok_or_else(|| unavailable(format!("the row of element {element} of node {node}")))?;
        Ok(Box::new(row))
    }

    fn evidence(
        &self,
        question: &Question,
        position: &Position,
        side: Side,
        kind: JudgeKind,
    ) -> Result<Evidence, SequenceError> {
        self.evidence_of(question, position, side, kind)
    }

    fn malformed(&self, output: Output) -> Result<Option<Vec<u8>>, SequenceError> {
        let Output { node, .. } = output;
        self.node(Output { inside: None, ..output })?;
        // The node is the job's: whose side shows it makes no difference.
        let maker = self.maker(Side::A);
        Ok(maker.breaks(node).map(|_| maker.malformed(node)))
    }
}

impl<C: Claims> Segment<C> {
    /// The node of the program, or of a composite's body.
    fn node(&self, output: Output) -> Result<&samebit_graph::Node, SequenceError> {
        let missing = || unavailable(format!("{output:?}"));
        let node = self.program.nodes.get(output.node as usize).ok_or_else(missing)?;
        match (output.inside, &node.kind) {
            (None, _) => Ok(node),
            (Some(inside), samebit_graph::Kind::Composite { body, .. }) => {
                body.get(inside.body_node as usize).ok_or_else(missing)
            }
            _ => Err(missing()),
        }
    }

    fn roots(&self, step: u64) -> Result<&samebit_trace::StepTrace, SequenceError> {
        let count = self.step_count();
        if step >= count {
            return Err(SequenceError::OutOfRange { kind: Kind::Steps, level: 0, index: step, count });
        }
        Ok(self.claims.roots().map_err(SequenceError::source)?.step(self.number(step)))
    }

    /// The tree over the steps.
    fn leaves(&self) -> Result<&Leaves, SequenceError> {
        if let Some(leaves) = self.leaves.get() {
            return Ok(leaves);
        }
        let leaf = |step: u64| {
            let trace = self.roots(step)?;
            Ok(steps::step(state::root(&trace.state), steps::trace_root(&trace.nodes)))
        };
        let leaves = (0..self.step_count()).map(leaf).collect::<Result<_, SequenceError>>()?;
        Ok(self.leaves.get_or_init(|| Leaves::list(Kind::Steps, leaves)))
    }
}
