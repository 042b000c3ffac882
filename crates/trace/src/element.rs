//! One element as a side claims it, down to what the tree of a step does not hold: the running totals of a fold, the row of a composite.
//!
//! ```text
//! fold        totals   leaf: total(word)        total 1 … ⌈K/256⌉; the last is the element
//! composite   row      leaf: body node's root   └ Tensor  └ Page;  the last body node is the row
//!               └ a body's fold has totals too
//! ```
//! Both are computed from what the side says of the node's inputs, by the definition, on integers. The element and the row that the side
//! committed to stand at the end of its totals and of its row, whatever the arithmetic says: so a lie told in one element is found in its last
//! block, and a lie told in a row in its last node.

use crate::TraceError;
use crate::claims::Pages;
use crate::runner::Words;
use crate::witness::{self, Piece as Leaf, Place, Proof, Side};
use samebit_commit::{Digest, Kind, Leaves, Sequence, SequenceError, steps, tensor};
use samebit_graph::Program;
use samebit_graph::interpret::{Bits, Frame, Source, row, totals};
use samebit_graph::node::{self, Node, NodeId};
use samebit_num::Soft;
use std::cell::OnceCell;
use std::sync::Arc;

/// An element of a node in a step, with the words of the node and of all that it reads.
pub struct Element {
    pub(crate) program: Arc<Program>,
    pub(crate) step: u64,
    pub(crate) node: NodeId,
    pub(crate) element: u64,
    /// The roots of all nodes of the step.
    pub(crate) trace: Vec<Digest>,
    pub(crate) words: Words,
    row: OnceCell<Vec<Vec<u32>>>,
}

/// An element of a node of a composite's body, in the row of the composite's element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Inside {
    /// The node of the body.
    pub node: u32,
    /// The flat index in that node's output.
    pub element: u64,
}

impl Element {
    pub(crate) fn new(
        program: Arc<Program>,
        step: u64,
        node: NodeId,
        element: u64,
        trace: Vec<Digest>,
        words: Words,
    ) -> Element {
        Element { program, step, node, element, trace, words, row: OnceCell::new() }
    }

    /// The word that the side claims.
    pub fn claimed(&self) -> u32 {
        self.words[&self.node][self.element as usize]
    }

    /// The body of a composite, its row length and the row of the element; `None` for another node.
    pub(crate) fn composite(&self) -> Option<(&[Node], u64, u64)> {
        match &self.held().kind {
            node::Kind::Composite { row_length, body } => {
                Some((body, *row_length, self.element / row_length))
            }
            _ => None,
        }
    }

    fn held(&self) -> &Node {
        &self.program.nodes[self.node as usize]
    }

    /// The outputs of the body's nodes in the element's row; `None` if the node is no composite.
    pub fn row_words(&self) -> Option<&[Vec<u32>]> {
        let (body, length, number) = self.composite()?;
        let outputs = self.row.get_or_init(|| {
            let mut outputs = row(&mut Bits(Soft), body, number, &Held(&self.words), self.step);
            let start = (number * length) as usize;
            let claimed = &self.words[&self.node][start..start + length as usize];
            outputs.last_mut().expect("a body has a node").copy_from_slice(claimed);
            outputs
        });
        Some(outputs)
    }

    /// The sequence of the body's nodes in the element's row; `None` if the node is no composite.
    pub fn row(&self) -> Option<Row> {
        let (body, ..) = self.composite()?;
        let outputs = self.row_words()?;
        let pages = body.iter().zip(outputs).map(|(node, words)| (node.dtype, words.clone())).collect();
        Some(Row::new(pages))
    }

    /// The running totals of the fold: of the node, or of a node of its body; `None` if that is no fold or not there.
    pub fn totals_words(&self, inside: Option<Inside>) -> Option<Vec<u32>> {
        let piece = self.piece(inside)?;
        let node::Kind::Fold(_) = &piece.node.kind else { return None };
        let body = Body(self.row_words().unwrap_or_default());
        let frame = Frame { outer: &Held(&self.words), body: &body, row: piece.row, step: self.step };
        let mut words = totals(&mut Bits(Soft), piece.node, piece.element, frame);
        let claimed = match inside {
            None => self.claimed(),
            Some(inside) => body.0[inside.node as usize][inside.element as usize],
        };
        words.last_mut().into_iter().for_each(|last| *last = claimed);
        Some(words)
    }

    /// The sequence of the running totals of the fold, as [`Element::totals_words`].
    pub fn totals(&self, inside: Option<Inside>) -> Option<Leaves> {
        let words = self.totals_words(inside)?;
        Some(Leaves::list(Kind::Totals, words.into_iter().map(steps::total).collect()))
    }

    /// What proves a piece of the element, of the node or of a node of its body, as `side` of a game shows it.
    ///
    /// # Errors
    /// [`TraceError::NoPiece`] if there is no such piece.
    pub fn witness(&self, side: Side, inside: Option<Inside>, piece: Leaf) -> Result<Proof, TraceError> {
        witness::make(self, side, inside, piece)
    }

    /// The place of a piece, as if both sides of a game said what this one says; `None` if there is no such piece.
    pub fn place(&self, inside: Option<Inside>, piece: Leaf) -> Option<Place> {
        witness::place(self, inside, piece)
    }

    /// The 16 lanes of a block of a sum or maximum; `None` if there is no such block.
    pub fn lanes(&self, inside: Option<Inside>, block: u64) -> Option<[u32; 16]> {
        witness::lanes(self, inside, block)
    }

    /// The witness of [`witness::Leaf::LaneFold`] with these lanes.
    pub fn lane_fold_witness(&self, lanes: &[u32; 16]) -> Vec<u8> {
        witness::lane_fold(&self.program, self.node, lanes)
    }

    /// Where a piece of the element is computed; `None` if there is no such element, or it is not computed.
    pub(crate) fn piece(&self, inside: Option<Inside>) -> Option<Piece<'_>> {
        let piece = match (self.composite(), inside) {
            (None, None) => Piece { node: self.held(), element: self.element, row: 0 },
            (Some((body, _, row)), Some(inside)) => {
                Piece { node: body.get(inside.node as usize)?, element: inside.element, row }
            }
            _ => return None,
        };
        let is_computed = matches!(piece.node.kind, node::Kind::Map { .. } | node::Kind::Fold(_));
        (is_computed && piece.element < piece.node.len()).then_some(piece)
    }
}

/// An element of a map or fold.
#[derive(Clone, Copy)]
pub(crate) struct Piece<'a> {
    pub(crate) node: &'a Node,
    /// The flat index in the node's output.
    pub(crate) element: u64,
    /// The composite's row; 0 outside a body.
    pub(crate) row: u64,
}

/// The row of a composite: a leaf for each node of its body.
pub struct Row {
    leaves: Leaves,
    outputs: Vec<(node::DType, Vec<u32>)>,
}

impl Row {
    fn new(outputs: Vec<(node::DType, Vec<u32>)>) -> Row {
        let roots = outputs.iter().map(|(dtype, words)| tensor::root_of(*dtype, words)).collect();
        Row { leaves: Leaves::list(Kind::Row, roots), outputs }
    }
}

impl Sequence for Row {
    samebit_commit::named_by_leaves!(leaves);

    fn enter(&self, leaf: u64) -> Result<Option<Box<dyn Sequence + '_>>, SequenceError> {
        SequenceError::check_range(Kind::Row, self.len(), 0, leaf)?;
        let (dtype, words) = &self.outputs[leaf as usize];
        Ok(Some(Box::new(Pages::new(*dtype, words.clone()))))
    }
}

/// Words by node, as what a node reads.
pub(crate) struct Held<'a>(pub(crate) &'a Words);

impl Source<u32> for Held<'_> {
    fn element(&self, node: NodeId, at: u64) -> Option<u32> {
        self.0[&node].get(usize::try_from(at).ok()?).copied()
    }
}

/// The outputs of a body's nodes; none outside a body.
pub(crate) struct Body<'a>(pub(crate) &'a [Vec<u32>]);

impl Source<u32> for Body<'_> {
    fn element(&self, node: NodeId, at: u64) -> Option<u32> {
        self.0[node as usize].get(usize::try_from(at).ok()?).copied()
    }
}
