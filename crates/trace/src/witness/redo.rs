//! Redoing a piece from its witness alone.
//!
//! First everything is checked against the roots of the place, then the piece is computed by the definition, on integers. A witness that lacks
//! something is refused; it cannot change the result, because all that is read is in the place or opened against it.

use super::{Place, TensorOpening, Witness};
use samebit_commit::{DecodeError, Decoder, Digest, OpeningError, Tag, hash, tensor};
use samebit_graph::interpret::{Bits, Frame, Source, block, element};
use samebit_graph::limits::{BLOCK, NODE_LIMIT};
use samebit_graph::node::{DType, Input, Kind, Node, NodeId};
use samebit_num::Soft;
use std::cell::Cell;

/// Why a witness shows nothing, or not what is claimed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// An opening does not lead to its root.
    #[error("{what}: {source}")]
    Opening {
        /// What was opened.
        what: &'static str,
        /// What is wrong.
        source: OpeningError,
    },
    /// The node's bytes are no node.
    #[error("the node's bytes are no node: {0}")]
    Node(#[from] DecodeError),
    /// The place is not in the program.
    #[error("{what} {index} is beyond the end of {count}")]
    BeyondEnd {
        /// What was looked for.
        what: &'static str,
        /// Its index.
        index: u64,
        /// How many there are.
        count: u64,
    },
    /// States, tables and whole rows are not computed in one piece.
    #[error("{op} has nothing to compute; hint: a map, a fold, or a node of a composite's body has")]
    NothingToCompute {
        /// The operator.
        op: String,
    },
    /// The piece reads something that is not opened.
    #[error("the piece reads element {element} of node {node}{}, which is not opened", if *in_body { " of the body" } else { "" })]
    NotOpened {
        /// Whether the node is one of the body.
        in_body: bool,
        /// The node.
        node: NodeId,
        /// The element.
        element: u64,
    },
    /// The pages of a tensor have another number of words.
    #[error("the pages of node {node} have {expected} words, {found} are given")]
    PageWords {
        /// The node.
        node: NodeId,
        /// Words given.
        found: u64,
        /// Words of the pages.
        expected: u64,
    },
    /// The result is another one.
    #[error("the word is {computed:#010x}, {claimed:#010x} is claimed")]
    Wrong {
        /// The word claimed.
        claimed: u32,
        /// The word that the arithmetic gives.
        computed: u32,
    },
}

/// Redoes the piece and compares it with the word that somebody claims.
///
/// # Errors
/// Those of [`redo`], and [`WitnessError::Wrong`].
pub fn check(place: &Place, witness: &Witness, claimed: u32) -> Result<(), WitnessError> {
    let computed = redo(place, witness)?;
    if computed == claimed { Ok(()) } else { Err(WitnessError::Wrong { claimed, computed }) }
}

/// The element of the map, or the total after the block of the fold.
///
/// # Errors
/// A witness that does not lead to the roots of the place, or lacks what the piece reads; a place that the program has not.
pub fn redo(place: &Place, witness: &Witness) -> Result<u32, WitnessError> {
    let node = open_node(place, witness)?;
    check_tensors("outer tensors", place.trace, place.node_count, &witness.outer, &witness.outer_opening)?;
    let (node, row) = match node.kind {
        Kind::Composite { row_length, body } => {
            let rows = element_count(&node.shape).checked_div(row_length).unwrap_or(0);
            within("row", place.row, rows)?;
            let count = body.len() as u64;
            within("body node", place.body_node.into(), count)?;
            check_tensors("body tensors", place.row_trace, count, &witness.body, &witness.body_opening)?;
            (body.into_iter().nth(place.body_node as usize).expect("inside"), place.row)
        }
        _ => (node, 0),
    };
    within("element", place.element, element_count(&node.shape))?;
    compute(place, witness, &node, row)
}

fn within(what: &'static str, index: u64, count: u64) -> Result<(), WitnessError> {
    if index < count { Ok(()) } else { Err(WitnessError::BeyondEnd { what, index, count }) }
}

fn element_count(shape: &[u64]) -> u64 {
    shape.iter().try_fold(1u64, |count, extent| count.checked_mul(*extent)).unwrap_or(0)
}

fn open_node(place: &Place, witness: &Witness) -> Result<Node, WitnessError> {
    within("number of nodes", place.node_count, NODE_LIMIT as u64 + 1)?;
    let leaf = hash(Tag::Node, &[&witness.node]);
    let opened = witness.node_opening.verify(place.nodes, place.node_count, place.node.into(), leaf);
    opened.map_err(|source| WitnessError::Opening { what: "node", source })?;
    let mut types = vec![DType::F32; place.node as usize];
    let opened = witness.outer.iter().map(|tensor| (tensor.node, tensor.dtype));
    for (node, dtype) in witness.other_types.iter().copied().chain(opened) {
        types.get_mut(node as usize).into_iter().for_each(|held| *held = dtype);
    }
    let mut decoder = Decoder::new(&witness.node);
    let node = Node::decode(&mut decoder, &types)?;
    decoder.finish()?;
    Ok(node)
}

/// Checks that the tensors are outputs of the list of `count` nodes with this root.
fn check_tensors(
    what: &'static str,
    root: Digest,
    count: u64,
    tensors: &[TensorOpening],
    opening: &samebit_commit::BatchOpening,
) -> Result<(), WitnessError> {
    if tensors.is_empty() {
        return Ok(());
    }
    let leaf = |tensor: &TensorOpening| Ok((tensor.node.into(), tensor_root(what, tensor)?));
    let leaves = tensors.iter().map(leaf).collect::<Result<Vec<_>, WitnessError>>()?;
    opening.verify(root, count, &leaves).map_err(|source| WitnessError::Opening { what, source })
}

fn tensor_root(what: &'static str, tensor: &TensorOpening) -> Result<Digest, WitnessError> {
    let found = tensor.words.len() as u64;
    let lengths = tensor.pages.iter().map(|page| tensor::page_length(tensor.count, *page));
    let expected = lengths.clone().map(|length| length as u64).sum();
    if found != expected {
        return Err(WitnessError::PageWords { node: tensor.node, found, expected });
    }
    let mut rest = &tensor.words[..];
    let digest = |length| {
        let (page, after) = rest.split_at(length);
        rest = after;
        tensor::page_digest(page)
    };
    let digests: Vec<Digest> = lengths.map(digest).collect();
    let leaves: Vec<_> = tensor.pages.iter().copied().zip(digests).collect();
    let top = tensor.opening.top(tensor::page_count(tensor.count), &leaves);
    let top = top.map_err(|source| WitnessError::Opening { what, source })?;
    Ok(tensor::root(tensor.dtype, tensor.count, top))
}

fn compute(place: &Place, witness: &Witness, node: &Node, row: u64) -> Result<u32, WitnessError> {
    let (outer, body) = (Opened::new(&witness.outer), Opened::new(&witness.body));
    let frame = Frame { outer: &outer, body: &body, row, step: place.step };
    let machine = &mut Bits(Soft);
    let blocks = match &node.kind {
        Kind::Map { .. } => 1,
        Kind::Fold(fold) => fold.extent.div_ceil(BLOCK),
        _ => return Err(WitnessError::NothingToCompute { op: node.op.clone() }),
    };
    within("block", place.block, blocks)?;
    let word = match &node.kind {
        Kind::Fold(_) => block(machine, node, place.element, place.block, place.total, frame),
        _ => element(machine, node, place.element, frame),
    };
    // An input is opened even if the predicate cuts all its terms: the contract asks for it.
    for input in node.inputs() {
        match input {
            Input::Outer(node, _) => drop(outer.element(*node, u64::MAX)),
            Input::Body(node, _) => drop(body.element(*node, u64::MAX)),
            Input::Value(_) => {}
        }
    }
    for (in_body, source) in [(false, &outer), (true, &body)] {
        if let Some((node, element)) = source.missing.get() {
            return Err(WitnessError::NotOpened { in_body, node, element });
        }
    }
    Ok(word)
}

/// Opened tensors as what a node reads. A source cannot fail, so what is missing is noted and reads as nothing.
struct Opened<'a> {
    tensors: &'a [TensorOpening],
    missing: Cell<Option<(NodeId, u64)>>,
}

impl<'a> Opened<'a> {
    fn new(tensors: &'a [TensorOpening]) -> Self {
        Opened { tensors, missing: Cell::new(None) }
    }
}

impl Source<u32> for Opened<'_> {
    fn element(&self, node: NodeId, at: u64) -> Option<u32> {
        let Ok(tensor) = self.tensors.binary_search_by_key(&node, |tensor| tensor.node) else {
            self.missing.set(self.missing.get().or(Some((node, at))));
            return None;
        };
        let tensor = &self.tensors[tensor];
        if at >= tensor.count {
            return None;
        }
        let Ok(page) = tensor.pages.binary_search(&(at / tensor::PAGE_WORDS as u64)) else {
            self.missing.set(self.missing.get().or(Some((node, at))));
            return None;
        };
        // Only the last page may be short, so every page starts at a multiple of its whole length.
        Some(tensor.words[page * tensor::PAGE_WORDS + at as usize % tensor::PAGE_WORDS])
    }
}
